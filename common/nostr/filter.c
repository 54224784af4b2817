/*
 * Filters: matching, copying, writing. Reading them is filter_parse.c.
 *
 * filter_match() runs for every candidate subscription of every live event. It asks the cheap
 * questions first (time, kind), searches sorted lists, and allocates nothing. Its cost is at most
 * tags of the filter x tags of the event x log of the values.
 */
#include <stdlib.h>

#include "base/hex.h"
#include "nostr/filter.h"
#include "nostr/kind.h"
#include "json/jwrite.h"

/* ---- matching ---- */

/* Is key among n sorted keys of 32 bytes? */
static bool has_key(const void *keys, uint32_t n, const uint8_t key[32])
{
    const uint8_t *base = keys;

    while (n > 0) {
        uint32_t half = n / 2;
        int order = memcmp(key, base + half * (size_t)32, 32);

        if (order == 0)
            return true;
        if (order > 0) {
            base += (half + 1) * (size_t)32;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return false;
}

static bool has_kind(const int *kinds, uint32_t n, int kind)
{
    while (n > 0) {
        uint32_t half = n / 2;

        if (kinds[half] == kind)
            return true;
        if (kinds[half] < kind) {
            kinds += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return false;
}

/* The value of tag that equals v, or NULL. */
static const struct slice *find_value(const struct filter_tag *tag, struct slice v)
{
    const struct slice *base = tag->value;
    uint32_t n = tag->n;

    while (n > 0) {
        uint32_t half = n / 2;
        int order = filter_value_cmp(v, base[half]);

        if (order == 0)
            return &base[half];
        if (order > 0) {
            base += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return NULL;
}

static bool match_tag(const struct filter_tag *want, const struct event *ev)
{
    for (uint32_t i = 0; i < ev->n_tags; i++) {
        const struct tag *t = &ev->tag[i];

        if (t->n >= 2 && t->item[0].len == 1 && t->item[0].ptr[0] == want->letter &&
            find_value(want, t->item[1]))
            return true;
    }
    return false;
}

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool eq_folded(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (fold(a.ptr[i]) != fold(b.ptr[i]))
            return false;
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (unsigned char)c >= 0x80;
}

static void drop(struct slice *s, size_t n)
{
    s->ptr += n;
    s->len -= n;
}

/* Takes the run of word characters that *s starts with; false when there is none. */
static bool take_run(struct slice *s, struct slice *word)
{
    size_t n = 0;

    while (n < s->len && is_word_char(s->ptr[n]))
        n++;
    *word = slice_of(s->ptr, n);
    drop(s, n);
    return n > 0;
}

/* Length of the extension that s starts with: [a-z]+ ":" and a value up to the next space, without
 * "//"; 0 when it is none. */
static size_t extension_length(struct slice s)
{
    size_t n = 0, value;

    while (n < s.len && s.ptr[n] >= 'a' && s.ptr[n] <= 'z')
        n++;
    if (n == 0 || n == s.len || s.ptr[n] != ':')
        return 0;
    for (value = ++n; n < s.len && !is_space(s.ptr[n]); n++)
        if (s.ptr[n] == '/' && s.ptr[n - 1] == '/')
            return 0;
    return n > value ? n : 0;
}

/* An extension can only begin where a token does. What a former call left behind begins with a
 * separator, hence a letter at the front or behind a space is the start of a token. */
bool filter_search_next(struct slice *search, struct slice *word)
{
    bool token_start = true;

    while (search->len > 0) {
        size_t skip = token_start ? extension_length(*search) : 0;

        if (skip == 0 && take_run(search, word))
            return true;
        if (skip == 0) {
            token_start = is_space(search->ptr[0]);
            skip = 1;
        }
        drop(search, skip);
    }
    return false;
}

/* One pass over content, whatever the number of words: a word that is found leaves the list. */
static bool match_search(struct slice search, struct slice content)
{
    struct slice want[FILTER_MAX_SEARCH_WORDS], word;
    size_t n = 0;

    while (n < ARRAY_LEN(want) && filter_search_next(&search, &word))
        want[n++] = word;
    while (n > 0 && content.len > 0) {
        if (!take_run(&content, &word)) {
            drop(&content, 1);
            continue;
        }
        for (size_t i = n; i-- > 0;)
            if (eq_folded(want[i], word))
                want[i] = want[--n];
    }
    return n == 0;
}

bool filter_match(const struct filter *f, const struct event *ev)
{
    if (f->has & FILTER_NOTHING)
        return false;
    if ((f->has & FILTER_SINCE) && ev->created_at < f->since)
        return false;
    if ((f->has & FILTER_UNTIL) && ev->created_at > f->until)
        return false;
    if ((f->has & FILTER_KINDS) && !has_kind(f->kinds, f->n_kinds, ev->kind))
        return false;
    if ((f->has & FILTER_AUTHORS) && !has_key(f->authors, f->n_authors, ev->pubkey.b))
        return false;
    if ((f->has & FILTER_IDS) && !has_key(f->ids, f->n_ids, ev->id.b))
        return false;
    for (uint32_t i = 0; i < f->n_tags; i++)
        if (!match_tag(&f->tags[i], ev))
            return false;
    return !(f->has & FILTER_SEARCH) || match_search(f->search, ev->content);
}

bool filter_only_private(const struct filter *f)
{
    if (!(f->has & FILTER_KINDS) || (f->has & FILTER_NOTHING))
        return false;
    for (uint32_t i = 0; i < f->n_kinds; i++)
        if (!kind_is_private(f->kinds[i]))
            return false;
    return true;
}

static bool is_among(const struct pubkey *pk, const struct pubkey *keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (pubkey_eq(pk, &keys[i]))
            return true;
    return false;
}

/* Is whatever f matches addressed to one of the readers? */
static bool names_readers(const struct filter *f, const struct pubkey *readers, size_t n)
{
    for (uint32_t t = 0; t < f->n_tags; t++) {
        const struct filter_tag *tag = &f->tags[t];
        struct pubkey pk;
        uint32_t i = 0;

        if (tag->letter != 'p')
            continue;
        while (i < tag->n && hex_decode(tag->value[i], pk.b, sizeof pk.b) &&
               is_among(&pk, readers, n))
            i++;
        return i == tag->n;
    }
    return false;
}

/* Is whatever f matches written by one of the readers? */
static bool is_by_readers(const struct filter *f, const struct pubkey *readers, size_t n)
{
    for (uint32_t i = 0; i < f->n_authors; i++)
        if (!is_among(&f->authors[i], readers, n))
            return false;
    return (f->has & FILTER_AUTHORS) != 0;
}

bool filter_may_withhold(const struct filter *f, const struct pubkey *readers, size_t n)
{
    size_t n_private;
    const int *private_kinds = kind_private_list(&n_private);
    bool by_readers = is_by_readers(f, readers, n);

    if ((f->has & FILTER_NOTHING) || names_readers(f, readers, n))
        return false;
    for (size_t i = 0; i < n_private; i++) {
        int kind = private_kinds[i];

        if ((f->has & FILTER_KINDS) && !has_kind(f->kinds, f->n_kinds, kind))
            continue;
        if (!by_readers || !kind_author_reads(kind))
            return true;
    }
    return false;
}

/* ---- copying ---- */

/*
 * The copy's block, in order of falling alignment:
 *   struct filter | filter_tag[] | slice[] of all tags | int[] kinds | ids | authors | bytes of tag
 * values and search
 */
static size_t count_values(const struct filter *f)
{
    size_t n = 0;

    for (uint32_t i = 0; i < f->n_tags; i++)
        n += f->tags[i].n;
    return n;
}

static size_t count_bytes(const struct filter *f)
{
    size_t n = f->search.len;

    for (uint32_t i = 0; i < f->n_tags; i++)
        for (uint32_t j = 0; j < f->tags[i].n; j++)
            n += f->tags[i].value[j].len;
    return n;
}

/* Copies n bytes to *at and moves it on; NULL for none, so that absent stays absent. */
static void *put(char **at, const void *bytes, size_t n)
{
    char *to = *at;

    if (n == 0)
        return NULL;
    memcpy(to, bytes, n);
    *at += n;
    return to;
}

static struct slice put_slice(char **at, struct slice s)
{
    return slice_of(put(at, s.ptr, s.len), s.len);
}

struct filter *filter_dup(const struct filter *f)
{
    size_t tags_size = f->n_tags * sizeof *f->tags;
    size_t fixed = sizeof *f + tags_size + count_values(f) * sizeof(struct slice) +
                   f->n_kinds * sizeof *f->kinds + f->n_ids * sizeof *f->ids +
                   f->n_authors * sizeof *f->authors;
    struct filter *copy = malloc(fixed + count_bytes(f));
    char *at = (char *)copy, *bytes;

    if (!copy)
        return NULL;
    bytes = at + fixed;
    put(&at, f, sizeof *f);
    copy->tags = put(&at, f->tags, tags_size);
    for (uint32_t i = 0; i < f->n_tags; i++) {
        struct filter_tag *tag = &copy->tags[i];

        tag->value = put(&at, f->tags[i].value, tag->n * sizeof *tag->value);
        for (uint32_t j = 0; j < tag->n; j++)
            tag->value[j] = put_slice(&bytes, tag->value[j]);
        tag->first = *find_value(tag, tag->first);
    }
    copy->kinds = put(&at, f->kinds, f->n_kinds * sizeof *f->kinds);
    copy->ids = put(&at, f->ids, f->n_ids * sizeof *f->ids);
    copy->authors = put(&at, f->authors, f->n_authors * sizeof *f->authors);
    copy->search = put_slice(&bytes, f->search);
    return copy;
}

/* ---- writing ---- */

/* A comma unless the object or list has just been opened, then name. */
static void write_name(struct buf *out, const char *name)
{
    if (out->len > 0 && !out->failed && out->ptr[out->len - 1] != '{')
        buf_add_char(out, ',');
    buf_add_str(out, name);
}

static void write_keys(struct buf *out, const char *name, const void *keys, uint32_t n)
{
    const uint8_t *key = keys;
    char item[3 + 64] = "";

    write_name(out, name);
    for (uint32_t i = 0; i < n; i++, key += 32) {
        item[0] = i == 0 ? '[' : ',';
        item[1] = '"';
        hex_encode(key, 32, item + 2);
        item[66] = '"';
        buf_add(out, item, sizeof item);
    }
    buf_add_char(out, ']');
}

static void write_kinds(struct buf *out, const struct filter *f)
{
    write_name(out, "\"kinds\":");
    for (uint32_t i = 0; i < f->n_kinds; i++) {
        buf_add_char(out, i == 0 ? '[' : ',');
        buf_add_i64(out, f->kinds[i]);
    }
    buf_add_char(out, ']');
}

static void write_integer(struct buf *out, const char *name, int64_t n)
{
    write_name(out, name);
    buf_add_i64(out, n);
}

/* The first value in front, the others sorted behind it. */
static void write_tag(struct buf *out, const struct filter_tag *tag)
{
    const char name[] = {'"', '#', tag->letter, '"', ':', '[', '\0'};

    write_name(out, name);
    jwrite_string(out, tag->first);
    for (uint32_t i = 0; i < tag->n; i++) {
        if (slice_eq(tag->value[i], tag->first))
            continue;
        buf_add_char(out, ',');
        jwrite_string(out, tag->value[i]);
    }
    buf_add_char(out, ']');
}

void filter_write(const struct filter *f, struct buf *out)
{
    if (f->has & FILTER_NOTHING) {
        buf_add_str(out, "{\"ids\":[]}");
        return;
    }
    buf_add_char(out, '{');
    if (f->has & FILTER_IDS)
        write_keys(out, "\"ids\":", f->ids, f->n_ids);
    if (f->has & FILTER_AUTHORS)
        write_keys(out, "\"authors\":", f->authors, f->n_authors);
    if (f->has & FILTER_KINDS)
        write_kinds(out, f);
    for (uint32_t i = 0; i < f->n_tags; i++)
        write_tag(out, &f->tags[i]);
    if (f->has & FILTER_SINCE)
        write_integer(out, "\"since\":", f->since);
    if (f->has & FILTER_UNTIL)
        write_integer(out, "\"until\":", f->until);
    if (f->has & FILTER_LIMIT)
        write_integer(out, "\"limit\":", f->limit);
    if (f->has & FILTER_SEARCH) {
        write_name(out, "\"search\":");
        jwrite_string(out, f->search);
    }
    buf_add_char(out, '}');
}
