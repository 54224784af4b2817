#include "ops/settings_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 256 * 1024, MAX_LINES = 4096 };

static bool refuse(const char *path, size_t number, const char *why)
{
    fprintf(stderr, "config: SETTINGS_FILE: %s: line %zu %s\n", path, number, why);
    return false;
}

static char *read_text(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = f ? malloc(MAX_BYTES + 2) : NULL;
    size_t len = text ? fread(text, 1, MAX_BYTES + 1, f) : 0;

    if (!f)
        fprintf(stderr, "config: SETTINGS_FILE: cannot open %s: %s\n", path, strerror(errno));
    else if (!text || ferror(f) || len > MAX_BYTES || memchr(text, '\0', len))
        fprintf(stderr, "config: SETTINGS_FILE: %s must be text of at most %d bytes\n", path,
                MAX_BYTES);
    else {
        fclose(f);
        text[len] = '\0';
        return text;
    }
    if (f)
        fclose(f);
    free(text);
    return NULL;
}

static bool is_name(const char *s)
{
    if (*s == '\0')
        return false;
    for (; *s; s++) {
        if (!(*s >= 'A' && *s <= 'Z') && !(*s >= '0' && *s <= '9') && *s != '_')
            return false;
    }
    return true;
}

/* Without blanks at both ends. */
static char *trim(char *s)
{
    size_t len;

    s += strspn(s, " \t\r");
    len = strlen(s);
    while (len > 0 && strchr(" \t\r", s[len - 1]))
        s[--len] = '\0';
    return s;
}

static char *unquote(char *s)
{
    size_t len = strlen(s);

    if (len < 2 || (s[0] != '"' && s[0] != '\'') || s[len - 1] != s[0])
        return s;
    s[len - 1] = '\0';
    return s + 1;
}

/* One line of the file. False when it is malformed. */
static bool take_line(struct settings_file *f, const char *path, size_t number, char *line)
{
    char *equals;

    line = trim(line);
    if (*line == '\0' || *line == '#')
        return true;
    equals = strchr(line, '=');
    if (!equals)
        return refuse(path, number, "is not NAME=value");
    *equals = '\0';
    line = trim(line);
    if (!is_name(line))
        return refuse(path, number, "does not begin with the name of a setting");
    if (f->n == MAX_LINES)
        return refuse(path, number, "is one too many");
    f->line[f->n++] = (struct settings_line){line, unquote(trim(equals + 1))};
    return true;
}

bool settings_file_read(const char *path, struct settings_file *out)
{
    size_t number = 0;
    char *rest, *line;

    *out = (struct settings_file){.text = read_text(path)};
    if (!out->text)
        return false;
    out->line = calloc(MAX_LINES, sizeof *out->line);
    rest = out->text;
    while (out->line && (line = strsep(&rest, "\n"))) {
        if (!take_line(out, path, ++number, line)) {
            settings_file_free(out);
            return false;
        }
    }
    if (out->line)
        return true;
    settings_file_free(out);
    return false;
}

void settings_file_free(struct settings_file *f)
{
    free(f->text);
    free(f->line);
    *f = (struct settings_file){0};
}

const char *settings_file_find(const struct settings_file *f, const char *name)
{
    for (size_t i = f->n; i > 0; i--) {
        if (strcmp(f->line[i - 1].name, name) == 0)
            return f->line[i - 1].value;
    }
    return NULL;
}
