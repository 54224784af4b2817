/*
 * Which family serves which filter:
 *   ids                                     points by id, all else checked in C
 *   authors x replaceable kinds (and #d)    points by address: at most one row each
 *   search with words                       the text index, all else residual
 *   a tag letter, or authors, or kinds      ordered ranges
 *   nothing of these                        time
 * Between several letters, or letters and authors, query_scan.c asks the database which has fewer
 * rows: a popular hashtag with a quiet author must not be walked from the hashtag's side.
 */
#include "query/query_plan.h"

#include <stdlib.h>

#include "base/hex.h"
#include "nostr/canonical.h"
#include "nostr/kind.h"
#include "store/index_keys.h"

/* ---- choosing a driver ---- */

/* 0 for letters whose values usually belong to few events, 2 for those shared by many. */
static int letter_rank(char letter)
{
    if (memchr("adeiqAEI", letter, 8))
        return 0;
    return memchr("gklprtKLP", letter, 9) ? 2 : 1;
}

static int driver_rank(const struct filter *f, int driver)
{
    if (driver == PLAN_NO_TAG)
        return f->n_authors <= 2 ? 1 : 3;
    return letter_rank(f->tags[driver].letter);
}

size_t query_plan_drivers(const struct filter *f, int *out, size_t max)
{
    size_t n = 0;

    if ((f->has & (FILTER_IDS | FILTER_NOTHING)) || f->n_tags == 0) {
        out[0] = PLAN_NO_TAG;
        return 1;
    }
    for (uint32_t i = 0; i < f->n_tags && n < max; i++)
        out[n++] = (int)i;
    if (f->has & FILTER_AUTHORS) {
        if (n == max)
            n--;
        out[n++] = PLAN_NO_TAG;
    }
    for (size_t i = 1; i < n; i++) { /* insertion sort: few, and equals keep their order */
        int d = out[i];
        size_t at = i;

        for (; at > 0 && driver_rank(f, out[at - 1]) > driver_rank(f, d); at--)
            out[at] = out[at - 1];
        out[at] = d;
    }
    return n;
}

/* ---- keys ---- */

/* Prefixes of the authors, ascending and without doubles (filter->authors is sorted). */
static bool author_keys(const struct filter *f, struct arena *arena, struct plan_keys *out)
{
    int64_t *v = arena_calloc(arena, f->n_authors, sizeof *v);

    *out = (struct plan_keys){v, 0};
    for (uint32_t i = 0; v && i < f->n_authors; i++) {
        int64_t key = index_author(&f->authors[i]);

        if (out->n == 0 || v[out->n - 1] != key)
            v[out->n++] = key;
    }
    return v != NULL;
}

static int compare_keys(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static bool tag_keys(const struct filter_tag *tag, const struct siphash_key *secret,
                     struct arena *arena, struct plan_keys *out)
{
    int64_t *v = arena_calloc(arena, tag->n, sizeof *v);

    *out = (struct plan_keys){v, 0};
    if (!v)
        return false;
    for (uint32_t i = 0; i < tag->n; i++)
        v[i] = index_tag_key(secret, tag->letter, tag->value[i]);
    qsort(v, tag->n, sizeof *v, compare_keys);
    for (uint32_t i = 0; i < tag->n; i++)
        if (out->n == 0 || v[out->n - 1] != v[i])
            v[out->n++] = v[i];
    return true;
}

/* The letters that do not drive become residuals, as many as SQL takes. */
static bool residual_tags(const struct filter *f, int driver, const struct siphash_key *secret,
                          struct arena *arena, struct query_plan *p)
{
    size_t n = 0;

    for (uint32_t i = 0; i < f->n_tags; i++) {
        if ((int)i == driver)
            continue;
        if (n == PLAN_RESIDUAL_TAGS) {
            p->sql_is_all = false;
            break;
        }
        if (!tag_keys(&f->tags[i], secret, arena, &p->tag[n]))
            return false;
        n++;
        p->strong = true;
    }
    return true;
}

static void residual_kinds(const struct filter *f, struct query_plan *p)
{
    if (!(f->has & FILTER_KINDS))
        return;
    p->kinds = f->kinds;
    p->n_kinds = f->n_kinds;
}

/* ---- points ---- */

static bool plan_ids(const struct filter *f, struct arena *arena, struct query_plan *p)
{
    p->family = FAMILY_IDS;
    p->n = f->n_ids;
    p->point = arena_calloc(arena, p->n, sizeof *p->point);
    for (size_t i = 0; p->point && i < p->n; i++)
        p->point[i] = slice_of((const char *)f->ids[i].b, sizeof f->ids[i].b);
    p->sql_is_all = f->has == FILTER_IDS || f->has == (FILTER_IDS | FILTER_LIMIT);
    p->sql_is_all = p->sql_is_all && f->n_tags == 0;
    return p->point != NULL;
}

static const struct filter_tag *find_letter(const struct filter *f, char letter)
{
    for (uint32_t i = 0; i < f->n_tags; i++)
        if (f->tags[i].letter == letter)
            return &f->tags[i];
    return NULL;
}

/* How many addresses f names; 0 when it does not name all of them. */
static size_t count_addresses(const struct filter *f)
{
    const struct filter_tag *d = find_letter(f, 'd');
    size_t per_author = 0;

    if (!(f->has & FILTER_AUTHORS) || !(f->has & FILTER_KINDS))
        return 0;
    for (uint32_t i = 0; i < f->n_kinds; i++) {
        enum kind_class class = kind_class(f->kinds[i]);

        if (class == KIND_REPLACEABLE)
            per_author++;
        else if (class == KIND_ADDRESSABLE && d)
            per_author += d->n;
        else
            return 0;
    }
    return per_author <= PLAN_MAX_PAIRS ? per_author * f->n_authors : 0;
}

static void add_address(struct query_plan *p, uint8_t (*bytes)[32], int kind,
                        const struct pubkey *author, struct slice d)
{
    event_address(kind, author, d, bytes[p->n]);
    p->point[p->n] = slice_of((const char *)bytes[p->n], 32);
    p->n++;
}

static bool plan_addresses(const struct filter *f, size_t n, struct arena *arena,
                           struct query_plan *p)
{
    const struct filter_tag *d = find_letter(f, 'd');
    uint8_t(*bytes)[32] = arena_calloc(arena, n, sizeof *bytes);

    p->family = FAMILY_ADDRESSES;
    p->point = arena_calloc(arena, n, sizeof *p->point);
    p->sql_is_all = false;
    if (!bytes || !p->point)
        return false;
    for (uint32_t a = 0; a < f->n_authors; a++) {
        for (uint32_t k = 0; k < f->n_kinds; k++) {
            if (kind_class(f->kinds[k]) == KIND_REPLACEABLE) {
                add_address(p, bytes, f->kinds[k], &f->authors[a], SLICE(""));
                continue;
            }
            for (uint32_t i = 0; i < d->n; i++)
                add_address(p, bytes, f->kinds[k], &f->authors[a], d->value[i]);
        }
    }
    return true;
}

/* ---- search ---- */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* filter_search_next() finds no word in an extension that stands alone. */
static bool has_word(struct slice text)
{
    struct slice word;

    return filter_search_next(&text, &word);
}

struct slice query_plan_search_text(struct slice search, struct arena *arena)
{
    char *out = arena_alloc(arena, search.len + 1);
    size_t len = 0;

    for (size_t at = 0; out && at < search.len;) {
        size_t start = at;

        while (at < search.len && !is_space(search.ptr[at]))
            at++;
        if (has_word(slice_of(search.ptr + start, at - start))) {
            memcpy(out + len, search.ptr + start, at - start);
            len += at - start;
            out[len++] = ' ';
        }
        while (at < search.len && is_space(search.ptr[at]))
            at++;
    }
    return slice_of(out, len > 0 ? len - 1 : 0);
}

/* PostgreSQL's text holds no zero byte. */
static void blank_zeros(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '\0')
            ((char *)text.ptr)[i] = ' ';
}

static bool plan_search(const struct filter *f, struct slice text, const struct siphash_key *secret,
                        struct arena *arena, struct query_plan *p)
{
    blank_zeros(text);
    p->family = FAMILY_SEARCH;
    p->n = 1;
    p->search = text;
    p->strong = true;
    p->sql_is_all = false;
    residual_kinds(f, p);
    if ((f->has & FILTER_AUTHORS) && !author_keys(f, arena, &p->authors))
        return false;
    return residual_tags(f, PLAN_NO_TAG, secret, arena, p);
}

/* ---- ordered ranges ---- */

static bool plan_tag(const struct filter *f, int driver, const struct siphash_key *secret,
                     struct arena *arena, struct query_plan *p)
{
    struct plan_keys keys;

    if (!tag_keys(&f->tags[driver], secret, arena, &keys))
        return false;
    p->family = FAMILY_TAGS;
    p->value = keys.v;
    p->n = keys.n;
    residual_kinds(f, p);
    if (f->has & FILTER_AUTHORS) {
        p->strong = true;
        return author_keys(f, arena, &p->authors);
    }
    return true;
}

static bool plan_author_kinds(const struct filter *f, struct plan_keys authors, struct arena *arena,
                              struct query_plan *p)
{
    size_t n = authors.n * f->n_kinds;
    int64_t *value = arena_calloc(arena, n, sizeof *value);
    int32_t *kind = arena_calloc(arena, n, sizeof *kind);

    p->family = FAMILY_AUTHOR_KINDS;
    p->value = value;
    p->kind = kind;
    if (!value || !kind)
        return false;
    for (size_t a = 0; a < authors.n; a++) {
        for (uint32_t k = 0; k < f->n_kinds; k++) {
            value[p->n] = authors.v[a];
            kind[p->n++] = f->kinds[k];
        }
    }
    return true;
}

static bool plan_authors(const struct filter *f, struct arena *arena, struct query_plan *p)
{
    if (!author_keys(f, arena, &p->walk_authors))
        return false;
    if ((f->has & FILTER_KINDS) && p->walk_authors.n * f->n_kinds <= PLAN_MAX_PAIRS)
        return plan_author_kinds(f, p->walk_authors, arena, p);
    p->family = FAMILY_AUTHORS;
    p->value = p->walk_authors.v;
    p->n = p->walk_authors.n;
    p->strong = p->strong || (f->has & FILTER_KINDS);
    residual_kinds(f, p);
    return true;
}

static bool plan_ranges(const struct filter *f, int driver, const struct siphash_key *secret,
                        struct arena *arena, struct query_plan *p)
{
    bool ok = true;

    if (!residual_tags(f, driver, secret, arena, p))
        return false;
    if (driver != PLAN_NO_TAG)
        return plan_tag(f, driver, secret, arena, p);
    if (f->has & FILTER_AUTHORS) {
        ok = plan_authors(f, arena, p);
    } else if (f->has & FILTER_KINDS) {
        p->family = FAMILY_KINDS;
        p->kind = f->kinds;
        p->n = f->n_kinds;
    } else {
        p->family = FAMILY_TIME;
        p->n = 1;
    }
    if (f->has & FILTER_KINDS) {
        p->walk_kinds = f->kinds;
        p->n_walk_kinds = f->n_kinds;
    }
    p->may_walk = p->n > PLAN_WALK_SOURCES && f->n_tags == 0;
    return ok;
}

bool query_plan_make(const struct filter *f, int driver, const struct siphash_key *secret,
                     struct arena *arena, struct query_plan *out)
{
    struct slice text = {0};
    size_t addresses;

    *out = (struct query_plan){.family = FAMILY_NOTHING, .sql_is_all = true};
    if (f->has & FILTER_NOTHING)
        return true;
    if ((f->has & FILTER_KINDS) && f->n_kinds == 0)
        return true; /* only kinds that do not exist */
    if (f->has & FILTER_SEARCH)
        text = query_plan_search_text(f->search, arena);
    if ((f->has & FILTER_SEARCH) && !text.ptr)
        return false;
    if (text.len > 0)
        return plan_search(f, text, secret, arena, out);
    if (f->has & FILTER_IDS)
        return plan_ids(f, arena, out);
    addresses = count_addresses(f);
    if (addresses > 0 && addresses <= PLAN_MAX_PAIRS)
        return plan_addresses(f, addresses, arena, out);
    return plan_ranges(f, driver, secret, arena, out);
}

/* ---- the check of each row ---- */

static int compare_key32(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

static bool has_hex_key(const void *keys, uint32_t n, struct slice hex)
{
    uint8_t key[32];

    return hex_decode(hex, key, sizeof key) && bsearch(key, keys, n, sizeof key, compare_key32);
}

static int compare_kind(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static int compare_value(const void *a, const void *b)
{
    return filter_value_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static bool has_any_value(struct slice json, const struct filter_tag *tag)
{
    for (uint32_t i = 0; i < tag->n; i++)
        if (canonical_has_tag(json, tag->letter, tag->value[i]))
            return true;
    return false;
}

/*
 * canonical_has_tag() for many values in one pass over the event: finds each ["x"," and looks its
 * value up. A value with an escape in it is not its own text; then every value is asked for.
 */
static bool has_tag(struct slice json, const struct filter_tag *tag)
{
    const char needle[] = {'[', '"', tag->letter, '"', ',', '"'};
    const char *end = json.ptr + json.len, *p = json.ptr;

    if (tag->n <= 2)
        return has_any_value(json, tag);
    while ((p = memmem(p, (size_t)(end - p), needle, sizeof needle))) {
        const char *quote = memchr(p + sizeof needle, '"', (size_t)(end - p) - sizeof needle);
        struct slice value;

        p += sizeof needle;
        if (!quote || memchr(p, '\\', (size_t)(quote - p)))
            return has_any_value(json, tag);
        value = slice_of(p, (size_t)(quote - p));
        if (bsearch(&value, tag->value, tag->n, sizeof value, compare_value))
            return true;
    }
    return false;
}

bool query_plan_check(const struct filter *f, int64_t created_at, int kind, struct slice json)
{
    if (f->has & FILTER_NOTHING)
        return false;
    if ((f->has & FILTER_SINCE) && created_at < f->since)
        return false;
    if ((f->has & FILTER_UNTIL) && created_at > f->until)
        return false;
    if ((f->has & FILTER_KINDS) && !bsearch(&kind, f->kinds, f->n_kinds, sizeof kind, compare_kind))
        return false;
    if ((f->has & FILTER_AUTHORS) && !has_hex_key(f->authors, f->n_authors, canonical_pubkey(json)))
        return false;
    if ((f->has & FILTER_IDS) && !has_hex_key(f->ids, f->n_ids, canonical_id(json)))
        return false;
    for (uint32_t i = 0; i < f->n_tags; i++)
        if (!has_tag(json, &f->tags[i]))
            return false;
    return true;
}
