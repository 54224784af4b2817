/*
 * Reading an event from outside: one pass over the text, every check that needs no cryptography.
 *
 * Each member has one row in a table: its name, its reader, and the sentence for its absence. All
 * failures go through jread_fail(), where the first one wins, so the readers need no error paths of
 * their own.
 */
#include "base/hex.h"
#include "nostr/event.h"
#include "nostr/kind.h"
#include "nostr/message.h"
#include "json/jread.h"

enum { FIRST_ROOM = 16 };

#define MAX_CREATED_AT (INT64_C(1) << 53) /* beyond it JSON readers that use doubles disagree */

struct parser {
    struct jread r;
    const struct event_limits *limits;
    struct event *ev;
};

/* The members. */

static bool read_hex(struct parser *p, uint8_t *out, size_t n, const char *error)
{
    struct slice s;

    if (jread_peek(&p->r) != J_STRING)
        return jread_fail(&p->r, error);
    return jread_string(&p->r, &s) && (hex_decode(s, out, n) || jread_fail(&p->r, error));
}

static bool read_id(struct parser *p)
{
    return read_hex(p, p->ev->id.b, sizeof p->ev->id.b, "id must be 64 lower-case hex digits");
}

static bool read_pubkey(struct parser *p)
{
    return read_hex(p, p->ev->pubkey.b, sizeof p->ev->pubkey.b,
                    "pubkey must be 64 lower-case hex digits");
}

static bool read_sig(struct parser *p)
{
    return read_hex(p, p->ev->sig.b, sizeof p->ev->sig.b, "sig must be 128 lower-case hex digits");
}

static bool read_integer(struct parser *p, int64_t max, int64_t *out, const char *error)
{
    if (jread_peek(&p->r) != J_NUMBER || !jread_int(&p->r, out)) {
        p->r.error = error; /* says more than the reader's */
        return false;
    }
    return (*out >= 0 && *out <= max) || jread_fail(&p->r, error);
}

static bool read_created_at(struct parser *p)
{
    return read_integer(p, MAX_CREATED_AT, &p->ev->created_at,
                        "created_at must be an integer, the seconds since 1970");
}

static bool read_kind(struct parser *p)
{
    int64_t kind;

    if (!read_integer(p, KIND_MAX, &kind, "kind must be an integer from 0 to 65535"))
        return false;
    p->ev->kind = (int)kind;
    return true;
}

static bool read_content(struct parser *p)
{
    size_t max = p->limits->max_content_chars;

    if (jread_peek(&p->r) != J_STRING)
        return jread_fail(&p->r, "content must be a string");
    if (!jread_string(&p->r, &p->ev->content))
        return false;
    if (p->ev->content.len > max && utf8_length(p->ev->content) > max)
        return jread_fail(&p->r, "content is too long");
    return true;
}

/* Tags. Their number is known only at the end, so both lists grow by doubling inside the arena;
 * tags get their items when these do not move any more. */

struct tag_lists {
    struct slice *item;
    struct tag *tag;
    size_t n_items, items_room;
    size_t n_tags, tags_room;
};

/* A larger copy of a full list of n elements, or the list itself while it has room. */
static void *grow(struct arena *arena, void *list, size_t n, size_t *room, size_t size)
{
    size_t new_room = n < FIRST_ROOM ? FIRST_ROOM : 2 * n;
    void *grown;

    if (n < *room)
        return list;
    grown = arena_alloc(arena, new_room * size);
    if (!grown)
        return NULL;
    if (n > 0)
        memcpy(grown, list, n * size);
    *room = new_room;
    return grown;
}

static bool add_item(struct parser *p, struct tag_lists *lists, struct slice s)
{
    lists->item = grow(p->r.arena, lists->item, lists->n_items, &lists->items_room, sizeof s);
    if (!lists->item)
        return jread_fail(&p->r, "tags are too large");
    lists->item[lists->n_items++] = s;
    return true;
}

static bool add_tag(struct parser *p, struct tag_lists *lists, uint32_t n)
{
    if (lists->n_tags == p->limits->max_tags)
        return jread_fail(&p->r, "too many tags");
    lists->tag = grow(p->r.arena, lists->tag, lists->n_tags, &lists->tags_room, sizeof *lists->tag);
    if (!lists->tag)
        return jread_fail(&p->r, "tags are too large");
    lists->tag[lists->n_tags++].n = n;
    return true;
}

static bool read_tag(struct parser *p, struct tag_lists *lists)
{
    size_t before = lists->n_items;
    struct slice s;

    if (jread_peek(&p->r) != J_ARRAY || !jread_array(&p->r))
        return jread_fail(&p->r, "each tag must be a list of strings");
    while (jread_item(&p->r)) {
        if (jread_peek(&p->r) != J_STRING)
            return jread_fail(&p->r, "each tag must be a list of strings");
        if (!jread_string(&p->r, &s) || !add_item(p, lists, s))
            return false;
    }
    if (!jread_ok(&p->r))
        return false;
    if (lists->n_items == before)
        return jread_fail(&p->r, "a tag must not be empty");
    return add_tag(p, lists, (uint32_t)(lists->n_items - before));
}

static bool read_tags(struct parser *p)
{
    struct tag_lists lists = {0};
    struct slice *item;

    if (jread_peek(&p->r) != J_ARRAY || !jread_array(&p->r))
        return jread_fail(&p->r, "tags must be a list of lists of strings");
    while (jread_item(&p->r))
        if (!read_tag(p, &lists))
            return false;
    if (!jread_ok(&p->r))
        return false;
    item = lists.item;
    for (size_t i = 0; i < lists.n_tags; i++) {
        lists.tag[i].item = item;
        item += lists.tag[i].n;
    }
    p->ev->tag = lists.tag;
    p->ev->n_tags = (uint32_t)lists.n_tags;
    return true;
}

typedef bool member_fn(struct parser *);

static const struct member {
    const char *name;
    size_t len;
    member_fn *read;
    const char *missing;
} members[] = {
#define MEMBER(name)                                                                               \
    {                                                                                              \
#name, sizeof #name - 1, read_##name, #name " is missing"                                  \
    }
    MEMBER(id),   MEMBER(pubkey),  MEMBER(created_at), MEMBER(kind),
    MEMBER(tags), MEMBER(content), MEMBER(sig),
#undef MEMBER
};

enum { MEMBER_ID, ALL_MEMBERS = (1 << ARRAY_LEN(members)) - 1 }; /* id is the first row */

/* The row called name, or -1: an unknown member. */
static int find_member(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (name.len == members[i].len && memcmp(name.ptr, members[i].name, name.len) == 0)
            return (int)i;
    return -1;
}

/* Reads the whole object. *seen tells, as bits, which members were good. */
static bool read_members(struct parser *p, unsigned *seen)
{
    struct slice name;

    if (jread_peek(&p->r) != J_OBJECT || !jread_object(&p->r))
        return jread_fail(&p->r, "an event must be a JSON object");
    while (jread_key(&p->r, &name)) {
        int i = find_member(name);

        if (i < 0) {
            if (!jread_skip(&p->r, NULL))
                return false;
            continue;
        }
        if (*seen & 1u << i)
            return jread_fail(&p->r, "a member of the event occurs twice");
        if (!members[i].read(p))
            return false;
        *seen |= 1u << i;
    }
    if (!jread_ok(&p->r))
        return false;
    return jread_end(&p->r) || jread_fail(&p->r, "there is something behind the event");
}

static bool check_complete(struct parser *p, unsigned seen)
{
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (!(seen & 1u << i))
            return jread_fail(&p->r, members[i].missing);
    return true;
}

/* What tags mean to every relay. */

/* Plain decimal digits that fit an int64_t. */
static bool parse_seconds(struct slice s, int64_t *out)
{
    int64_t value = 0;

    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, s.ptr[i] - '0', &value))
            return false;
    }
    *out = value;
    return true;
}

/* NIP-40: an expiration that cannot be understood is refused, since keeping the event for ever
 * would betray its author; of several the earliest counts. */
static bool read_expiration(struct parser *p, const struct tag *t)
{
    struct event *ev = p->ev;
    int64_t at;

    if (t->n < 2 || !parse_seconds(t->item[1], &at))
        return jread_fail(&p->r, "expiration must be a decimal number of seconds since 1970");
    if (!ev->has_expiration || at < ev->expires_at)
        ev->expires_at = at;
    ev->has_expiration = true;
    return true;
}

static bool interpret_tags(struct parser *p)
{
    struct event *ev = p->ev;

    for (uint32_t i = 0; i < ev->n_tags; i++) {
        struct slice name = ev->tag[i].item[0];

        if (slice_eq(name, SLICE("-")))
            ev->is_protected = true;
        else if (slice_eq(name, SLICE("expiration")) && !read_expiration(p, &ev->tag[i]))
            return false;
    }
    return true;
}

/* The canonical form is never longer than the text it was read from: neither white space nor other
 * escapes nor other members can make a text shorter. So only long texts are written out and
 * measured. */
static bool check_size(struct parser *p, size_t text_len)
{
    struct buf canonical;
    bool fits;

    if (text_len <= p->limits->max_event_bytes)
        return true;
    buf_init(&canonical, p->limits->max_event_bytes);
    event_write(p->ev, &canonical);
    fits = !canonical.failed;
    buf_deinit(&canonical);
    return fits || jread_fail(&p->r, "the event is too large");
}

/* Looks only for the id, past members whose values are of no use. */
static bool find_id(struct slice text, struct arena *arena, struct event *ev)
{
    struct parser p = {.ev = ev};
    struct slice name;

    jread_init(&p.r, text, arena);
    if (!jread_object(&p.r))
        return false;
    while (jread_key(&p.r, &name)) {
        if (find_member(name) == MEMBER_ID)
            return read_id(&p);
        if (!jread_skip(&p.r, NULL))
            return false;
    }
    return false;
}

bool event_parse(struct slice text, const struct event_limits *limits, struct arena *arena,
                 struct event *ev, bool *has_id, const char **error)
{
    struct parser p = {.limits = limits, .ev = ev};
    unsigned seen = 0;

    *ev = (struct event){0};
    jread_init(&p.r, text, arena);
    if (read_members(&p, &seen) && check_complete(&p, seen) && interpret_tags(&p) &&
        check_size(&p, text.len)) {
        *has_id = true;
        return true;
    }
    *error = p.r.error;
    *has_id = seen & 1u << MEMBER_ID || find_id(text, arena, ev);
    return false;
}

bool event_parse_stored(struct slice text, struct arena *arena, struct event *ev)
{
    static const struct event_limits none = {SIZE_MAX, SIZE_MAX, SIZE_MAX};
    const char *error;
    bool has_id;

    return event_parse(text, &none, arena, ev, &has_id, &error);
}
