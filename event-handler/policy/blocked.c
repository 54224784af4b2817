#include "policy/blocked.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHOWN_BYTES = 60, WORD_BYTES = 60, FILE_BYTES = 256 * 1024 };

static const char no_memory[] = "not enough memory";

static bool refuse(struct buf *error, struct slice entry, const char *why)
{
    if (entry.len > SHOWN_BYTES)
        entry.len = SHOWN_BYTES;
    buf_printf(error, "\"" SLICE_FMT "\" %s", SLICE_ARG(entry), why);
    return false;
}

static struct slice trim(struct slice s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = slice_of(s.ptr + 1, s.len - 1);
    while (s.len > 0 &&
           (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t' || s.ptr[s.len - 1] == '\r'))
        s.len--;
    return s;
}

void blocked_deinit(struct blocked *b)
{
    pattern_set_free(b->set);
    for (size_t i = 0; i < b->n; i++)
        free(b->name[i]);
    free(b->name);
    *b = (struct blocked){0};
}

static bool start(struct blocked *out, struct buf *error)
{
    *out = (struct blocked){.set = pattern_set_new(),
                            .name = calloc(PATTERNS_MOST, sizeof *out->name)};
    if (out->set && out->name)
        return true;
    buf_add_str(error, no_memory);
    return false;
}

/* Takes name over. */
static bool keep_name(struct blocked *out, char *name, struct buf *error)
{
    if (!name) {
        buf_add_str(error, no_memory);
        return false;
    }
    out->name[out->n++] = name;
    return true;
}

static bool finish(struct blocked *out, struct buf *error)
{
    const char *why;
    size_t culprit;

    if (out->n == 0) {
        blocked_deinit(out);
        return true;
    }
    if (pattern_set_seal(out->set, &culprit, &why))
        return true;
    return refuse(error, slice_str(out->name[culprit]), why);
}

/* ---- words ---- */

static bool add_word(struct blocked *out, struct slice word, struct buf *error)
{
    const char *why;

    if (word.len == 0)
        return true;
    if (word.len > WORD_BYTES)
        return refuse(error, word, "is longer than 60 bytes");
    if (!pattern_set_add_word(out->set, word, &why))
        return refuse(error, word, why);
    return keep_name(out, strndup(word.ptr, word.len), error);
}

bool blocked_read_words(const char *text, struct blocked *out, struct buf *error)
{
    if (!start(out, error))
        return false;
    for (const char *end; *text; text = end + (*end == ',')) {
        end = text + strcspn(text, ",");
        if (!add_word(out, trim(slice_of(text, (size_t)(end - text))), error))
            return false;
    }
    return finish(out, error);
}

/* ---- a file of patterns ---- */

static bool read_file(const char *path, struct buf *text, struct buf *error)
{
    FILE *f = fopen(path, "re");
    char *room = buf_reserve(text, FILE_BYTES + 1);

    if (f && room) {
        text->len = fread(room, 1, FILE_BYTES + 1, f);
        if (!ferror(f) && text->len <= FILE_BYTES) {
            fclose(f);
            return true;
        }
    }
    buf_printf(error, "cannot read %s: %s", path,
               text->len > FILE_BYTES ? "it is larger than 256 KiB" : strerror(errno));
    if (f)
        fclose(f);
    return false;
}

static bool add_line(struct blocked *out, struct slice line, unsigned number, struct buf *error)
{
    char *name;
    const char *why;

    if (line.len == 0 || line.ptr[0] == '#')
        return true;
    if (!pattern_set_add(out->set, line, &why)) {
        buf_printf(error, "line %u: ", number);
        return refuse(error, line, why);
    }
    if (asprintf(&name, "line %u", number) < 0)
        name = NULL;
    return keep_name(out, name, error);
}

static bool add_lines(struct blocked *out, struct slice rest, struct buf *error)
{
    for (unsigned number = 1; rest.len > 0; number++) {
        const char *end = memchr(rest.ptr, '\n', rest.len);
        size_t len = end ? (size_t)(end - rest.ptr) : rest.len;

        if (!add_line(out, trim(slice_of(rest.ptr, len)), number, error))
            return false;
        rest = slice_of(rest.ptr + len + (end != NULL), rest.len - len - (end != NULL));
    }
    return true;
}

bool blocked_read_patterns(const char *path, struct blocked *out, struct buf *error)
{
    struct buf text;
    bool good;

    *out = (struct blocked){0};
    if (path[0] == '\0')
        return true;
    buf_init(&text, FILE_BYTES + 2);
    good = start(out, error) && read_file(path, &text, error) &&
           add_lines(out, buf_slice(&text), error) && finish(out, error);
    buf_deinit(&text);
    return good;
}
