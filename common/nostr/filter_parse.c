/*
 * Filters from JSON.
 *
 * The rule: a condition we cannot evaluate is refused, never ignored, since ignoring it would send
 * events that were not asked for. So an unknown member is "unsupported", a value of the wrong type
 * is "invalid" and names its member, and an empty list matches nothing. Only null is read as
 * absent, because clients serialise their unset fields that way. Numbers that are well-formed but
 * out of range are no error: they just match nothing (kinds) or everything (since, until).
 *
 * Lists are sorted here once so that matching can search them.
 */
#include <stdlib.h>

#include "base/hex.h"
#include "nostr/filter.h"

/* What a client is told about one member. */
struct member_words {
    const char *type, *many, *twice;
};

struct parse {
    struct jread *r;
    const struct filter_limits *limits;
    struct arena *arena;
    struct filter *f;
    const char *error;
    bool unsupported;
    uint32_t seen;         /* members met, FILTER_* */
    uint64_t seen_letters; /* tag members met, bit letter_index() */
};

typedef bool member_fn(struct parse *p, const struct member_words *words);
static member_fn read_ids, read_authors, read_kinds, read_since, read_until, read_limit,
    read_search;

#define WORDS(name, type)                                                                          \
    {                                                                                              \
        name " must be " type, name " has too many values", name " is given twice"                 \
    }
#define HEX_LIST "a list of 64-digit lower-case hex strings"

static const struct member {
    const char *name;
    uint32_t bit;
    member_fn *read;
    struct member_words words;
} members[] = {
    {"ids", FILTER_IDS, read_ids, WORDS("ids", HEX_LIST)},
    {"authors", FILTER_AUTHORS, read_authors, WORDS("authors", HEX_LIST)},
    {"kinds", FILTER_KINDS, read_kinds, WORDS("kinds", "a list of integers")},
    {"since", FILTER_SINCE, read_since, WORDS("since", "an integer")},
    {"until", FILTER_UNTIL, read_until, WORDS("until", "an integer")},
    {"limit", FILTER_LIMIT, read_limit, WORDS("limit", "an integer, 0 or more")},
    {"search", FILTER_SEARCH, read_search, WORDS("search", "a string")},
};

/* The 52 tag members, a-z then A-Z. */
#define TAG(letter) WORDS("#" #letter, "a list of strings")
#define HEX_TAG(letter) WORDS("#" #letter, HEX_LIST)
static const struct member_words tag_words[] = {
    TAG(a), TAG(b), TAG(c), TAG(d), HEX_TAG(e), TAG(f), TAG(g), TAG(h), TAG(i), TAG(j), TAG(k),
    TAG(l), TAG(m), TAG(n), TAG(o), HEX_TAG(p), TAG(q), TAG(r), TAG(s), TAG(t), TAG(u), TAG(v),
    TAG(w), TAG(x), TAG(y), TAG(z), TAG(A),     TAG(B), TAG(C), TAG(D), TAG(E), TAG(F), TAG(G),
    TAG(H), TAG(I), TAG(J), TAG(K), TAG(L),     TAG(M), TAG(N), TAG(O), TAG(P), TAG(Q), TAG(R),
    TAG(S), TAG(T), TAG(U), TAG(V), TAG(W),     TAG(X), TAG(Y), TAG(Z),
};
static_assert(ARRAY_LEN(tag_words) == 52, "one row per letter");

static bool fail(struct parse *p, const char *error)
{
    p->error = error;
    return false;
}

static const char no_memory[] = "the filters are too large";

/* ---- lists ---- */

static bool list_open(struct parse *p, const struct member_words *words)
{
    return jread_array(p->r) || fail(p, words->type);
}

/*
 * items (NULL: none yet) with room for one more behind its n elements, or NULL without memory. A
 * list doubles from 4 on; its old place stays behind in the arena.
 */
static void *grown(struct arena *arena, void *items, size_t n, size_t size)
{
    void *more;

    if (items && (n < 4 || (n & (n - 1)) != 0))
        return items;
    more = arena_calloc(arena, items ? 2 * n : 4, size);
    if (more && items)
        memcpy(more, items, n * size);
    return more;
}

/* True when another value follows; *items, of n elements, then has room for it. False at the end,
 * or with p->error set. */
static bool list_next(struct parse *p, const struct member_words *words, void **items, uint32_t n,
                      size_t size)
{
    if (!jread_item(p->r))
        return jread_ok(p->r) ? false : fail(p, words->type);
    if (n >= p->limits->max_values)
        return fail(p, words->many);
    *items = grown(p->arena, *items, n, size);
    return *items || fail(p, no_memory);
}

/* Sorts n elements, drops doubles and returns how many are left. */
static uint32_t sort_unique(void *items, uint32_t n, size_t size,
                            int (*cmp)(const void *, const void *))
{
    char *at = items;
    uint32_t kept = 1;

    if (n < 2)
        return n;
    assert(items);
    qsort(items, n, size, cmp);
    for (uint32_t i = 1; i < n; i++) {
        const char *item = at + i * size;

        if (cmp(item, at + (kept - 1) * size) == 0)
            continue;
        if (kept != i)
            memcpy(at + kept * size, item, size);
        kept++;
    }
    return kept;
}

static int cmp_keys(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

static int cmp_kinds(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;

    return (x > y) - (x < y);
}

static int cmp_values(const void *a, const void *b)
{
    return filter_value_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/* ---- members ---- */

/* A list of ids or pubkeys. */
static bool read_keys(struct parse *p, const struct member_words *words, void **keys, uint32_t *n)
{
    struct slice hex;

    if (!list_open(p, words))
        return false;
    while (list_next(p, words, keys, *n, 32)) {
        if (!jread_string(p->r, &hex) || !hex_decode(hex, (uint8_t *)*keys + *n * (size_t)32, 32))
            return fail(p, words->type);
        ++*n;
    }
    if (p->error)
        return false;
    if (*n == 0)
        p->f->has |= FILTER_NOTHING;
    *n = sort_unique(*keys, *n, 32, cmp_keys);
    return true;
}

static_assert(sizeof(struct event_id) == 32 && sizeof(struct pubkey) == 32,
              "read_keys() fills both");

static bool read_ids(struct parse *p, const struct member_words *words)
{
    void *keys = NULL;

    if (!read_keys(p, words, &keys, &p->f->n_ids))
        return false;
    p->f->ids = keys;
    return true;
}

static bool read_authors(struct parse *p, const struct member_words *words)
{
    void *keys = NULL;

    if (!read_keys(p, words, &keys, &p->f->n_authors))
        return false;
    p->f->authors = keys;
    return true;
}

/* An integer of any size, held at +-INT64_MAX; no fraction and no exponent. */
static bool read_integer(struct parse *p, const struct member_words *words, int64_t *out)
{
    struct slice raw;
    int64_t n = 0;
    size_t i;

    if (jread_peek(p->r) != J_NUMBER || !jread_skip(p->r, &raw))
        return fail(p, words->type);
    for (i = raw.ptr[0] == '-'; i < raw.len && raw.ptr[i] >= '0' && raw.ptr[i] <= '9'; i++) {
        int digit = raw.ptr[i] - '0';

        n = n > (INT64_MAX - digit) / 10 ? INT64_MAX : n * 10 + digit;
    }
    if (i < raw.len)
        return fail(p, words->type);
    *out = raw.ptr[0] == '-' ? -n : n;
    return true;
}

static bool read_kinds(struct parse *p, const struct member_words *words)
{
    struct filter *f = p->f;
    void *kinds = NULL;
    uint32_t n = 0; /* with those that are out of range, which count against the limit too */
    int64_t kind;

    if (!list_open(p, words))
        return false;
    while (list_next(p, words, &kinds, n, sizeof *f->kinds)) {
        if (!read_integer(p, words, &kind))
            return false;
        ((int *)kinds)[n++] = kind >= 0 && kind <= 65535 ? (int)kind : -1;
    }
    if (p->error)
        return false;
    f->kinds = kinds;
    f->n_kinds = sort_unique(kinds, n, sizeof *f->kinds, cmp_kinds);
    if (kinds && f->kinds[0] == -1) {
        f->kinds++;
        f->n_kinds--;
    }
    if (f->n_kinds == 0)
        f->has |= FILTER_NOTHING;
    return true;
}

static bool read_since(struct parse *p, const struct member_words *words)
{
    return read_integer(p, words, &p->f->since);
}

static bool read_until(struct parse *p, const struct member_words *words)
{
    return read_integer(p, words, &p->f->until);
}

static bool read_limit(struct parse *p, const struct member_words *words)
{
    if (!read_integer(p, words, &p->f->limit))
        return false;
    return p->f->limit >= 0 || fail(p, words->type);
}

static bool read_search(struct parse *p, const struct member_words *words)
{
    struct slice rest, word;
    size_t n = 0;

    if (!jread_string(p->r, &p->f->search))
        return fail(p, words->type);
    if (p->f->search.len > p->limits->max_search_bytes)
        return fail(p, "search is too long");
    for (rest = p->f->search; filter_search_next(&rest, &word);)
        n++;
    return n <= FILTER_MAX_SEARCH_WORDS || fail(p, "search has too many words");
}

/* #e and #p hold ids and pubkeys; anything else could never be found and is a mistake worth
 * telling. */
static bool is_hex_key(struct slice s)
{
    uint8_t key[32];

    return hex_decode(s, key, sizeof key);
}

static unsigned letter_index(char letter)
{
    return (unsigned)(letter >= 'a' ? letter - 'a' : letter - 'A' + 26);
}

static bool read_tag(struct parse *p, char letter)
{
    const struct member_words *words = &tag_words[letter_index(letter)];
    struct filter_tag tag = {.letter = letter};
    void *values = NULL;
    struct slice value;

    if (!list_open(p, words))
        return false;
    while (list_next(p, words, &values, tag.n, sizeof *tag.value)) {
        if (!jread_string(p->r, &value) || ((letter == 'e' || letter == 'p') && !is_hex_key(value)))
            return fail(p, words->type);
        ((struct slice *)values)[tag.n++] = value;
    }
    if (p->error)
        return false;
    if (tag.n == 0) {
        p->f->has |= FILTER_NOTHING;
        return true;
    }
    tag.value = values;
    tag.first = tag.value[0];
    tag.n = sort_unique(values, tag.n, sizeof *tag.value, cmp_values);
    p->f->tags = grown(p->arena, p->f->tags, p->f->n_tags, sizeof tag);
    if (!p->f->tags)
        return fail(p, no_memory);
    p->f->tags[p->f->n_tags++] = tag;
    return true;
}

/* ---- the object ---- */

static bool is_tag_member(struct slice name)
{
    return name.len == 2 && name.ptr[0] == '#' &&
           ((name.ptr[1] >= 'a' && name.ptr[1] <= 'z') ||
            (name.ptr[1] >= 'A' && name.ptr[1] <= 'Z'));
}

static bool read_tag_member(struct parse *p, char letter)
{
    uint64_t bit = UINT64_C(1) << letter_index(letter);

    if (p->seen_letters & bit)
        return fail(p, tag_words[letter_index(letter)].twice);
    p->seen_letters |= bit;
    return jread_peek(p->r) == J_NULL ? jread_null(p->r) : read_tag(p, letter);
}

static bool read_named_member(struct parse *p, const struct member *m)
{
    if (p->seen & m->bit)
        return fail(p, m->words.twice);
    p->seen |= m->bit;
    if (jread_peek(p->r) == J_NULL)
        return jread_null(p->r);
    p->f->has |= m->bit;
    return m->read(p, &m->words);
}

static bool read_member(struct parse *p, struct slice name)
{
    if (is_tag_member(name))
        return read_tag_member(p, name.ptr[1]);
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (slice_eq(name, slice_str(members[i].name)))
            return read_named_member(p, &members[i]);
    if (jread_peek(p->r) == J_NULL)
        return jread_null(p->r);
    p->unsupported = true;
    return fail(p, "the filter has a member that this relay does not know");
}

static bool read_filter(struct parse *p)
{
    struct filter *f = p->f;
    struct slice name;

    if (!jread_object(p->r))
        return fail(p, "each filter must be a JSON object");
    while (jread_key(p->r, &name))
        if (!read_member(p, name))
            return false;
    if (!jread_ok(p->r))
        return false;
    if ((f->has & FILTER_SINCE) && (f->has & FILTER_UNTIL) && f->since > f->until)
        f->has |= FILTER_NOTHING;
    if (f->search.len == 0)
        f->has &= ~(uint32_t)FILTER_SEARCH;
    return true;
}

bool filter_parse(struct jread *r, const struct filter_limits *limits, struct arena *arena,
                  struct filter *out, const char **error, bool *unsupported)
{
    struct parse p = {.r = r, .limits = limits, .arena = arena, .f = out};

    memset(out, 0, sizeof *out);
    *unsupported = false;
    if (read_filter(&p))
        return true;
    *error = p.error ? p.error : r->error;
    *unsupported = p.unsupported;
    return false;
}

/* Consumes the comma between two filters. */
static bool take_comma(struct jread *r)
{
    while (r->pos < r->end &&
           (*r->pos == ' ' || *r->pos == '\t' || *r->pos == '\n' || *r->pos == '\r'))
        r->pos++;
    if (r->pos == r->end || *r->pos != ',')
        return jread_fail(r, "a comma is missing between two filters");
    r->pos++;
    return true;
}

bool filter_list_parse(struct slice body, const struct filter_limits *limits, size_t max_filters,
                       struct arena *arena, struct filter **out, size_t *n, const char **error,
                       bool *unsupported)
{
    struct jread r;

    *out = NULL;
    *n = 0;
    *error = NULL;
    *unsupported = false;
    jread_init(&r, body, arena);
    if (jread_end(&r)) {
        *error = "at least one filter is needed";
        return false;
    }
    do {
        *out = grown(arena, *out, *n, sizeof **out);
        if (*n == max_filters)
            *error = "too many filters";
        else if (!*out)
            *error = no_memory;
        if (*error || !filter_parse(&r, limits, arena, &(*out)[*n], error, unsupported))
            return false;
        ++*n;
    } while (!jread_end(&r) && take_comma(&r));
    *error = r.error;
    return jread_ok(&r);
}
