#include "wire/query_wire.h"

#include "base/hex.h"
#include "wire/take.h"

/* ---- the request ---- */

void query_request_write(struct buf *out, const struct query_request *q)
{
    char hex[64];

    buf_add_str(out, "{\"filters\":[");
    for (size_t i = 0; i < q->n_filters; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        filter_write(&q->filters[i], out);
    }
    buf_add_str(out, "],\"readers\":[");
    for (size_t i = 0; i < q->n_readers; i++) {
        hex_encode(q->readers[i].b, sizeof q->readers[i].b, hex);
        buf_add_str(out, i > 0 ? ",\"" : "\"");
        buf_add(out, hex, sizeof hex);
        buf_add_char(out, '"');
    }
    buf_add_str(out, "],\"min_seq\":");
    buf_add_u64(out, q->min_seq);
    if (q->has_after) {
        buf_add_str(out, ",\"after\":");
        buf_add_u64(out, q->after);
    }
    if (q->client.len > 0) {
        buf_add_str(out, ",\"client\":\"");
        buf_add_slice(out, q->client);
        buf_add_char(out, '"');
    }
    buf_add_char(out, '}');
}

struct parse {
    struct jread r;
    const struct query_request_limits *limits;
    struct arena *arena;
    struct query_request *out;
    const char *error;
};

typedef bool member_fn(struct parse *p);
static member_fn read_filters, read_readers, read_min_seq, read_after, read_client;

static const struct member {
    const char *name;
    member_fn *read;
} members[] = {
    {"filters", read_filters}, {"readers", read_readers}, {"min_seq", read_min_seq},
    {"after", read_after},     {"client", read_client},
};

static bool fail(struct parse *p, const char *error)
{
    p->error = error;
    return false;
}

/* The list of filters without its brackets is what a REQ carries, and is read by the same function.
 */
static bool read_filters(struct parse *p)
{
    struct slice list;
    bool unsupported;

    if (jread_peek(&p->r) != J_ARRAY || !jread_skip(&p->r, &list))
        return fail(p, "filters must be a list of objects");
    list = slice_of(list.ptr + 1, list.len - 2);
    return filter_list_parse(list, &p->limits->filter, p->limits->max_filters, p->arena,
                             &p->out->filters, &p->out->n_filters, &p->error, &unsupported);
}

/* Readers are few: one arena piece is made for as many as the text can hold. */
static bool read_readers(struct parse *p)
{
    const char *error = "readers must be a list of 64-digit lower-case hex strings";
    struct query_request *q = p->out;
    struct jread ahead = p->r;
    struct slice list, hex;

    if (jread_peek(&p->r) != J_ARRAY || !jread_skip(&ahead, &list))
        return fail(p, error);
    q->readers = arena_calloc(p->arena, list.len / 66 + 1, sizeof *q->readers);
    if (!q->readers)
        return fail(p, "the query is too large");
    if (!jread_array(&p->r))
        return fail(p, error);
    while (jread_item(&p->r)) {
        if (!jread_string(&p->r, &hex) ||
            !hex_decode(hex, q->readers[q->n_readers].b, sizeof q->readers->b))
            return fail(p, error);
        q->n_readers++;
    }
    return jread_ok(&p->r) || fail(p, error);
}

static bool read_seq(struct parse *p, uint64_t *seq, const char *error)
{
    struct slice raw;

    if (jread_peek(&p->r) != J_NUMBER || !jread_skip(&p->r, &raw) || !take_u64(&raw, seq) ||
        raw.len > 0)
        return fail(p, error);
    return true;
}

static bool read_min_seq(struct parse *p)
{
    return read_seq(p, &p->out->min_seq, "min_seq must be an integer, 0 or more");
}

static bool read_after(struct parse *p)
{
    p->out->has_after = true;
    return read_seq(p, &p->out->after, "after must be an integer, 0 or more");
}

static bool is_plain(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f || text.ptr[i] == '"' || text.ptr[i] == '\\')
            return false;
    return true;
}

static bool read_client(struct parse *p)
{
    struct slice *client = &p->out->client;

    if (jread_peek(&p->r) != J_STRING || !jread_string(&p->r, client) ||
        client->len > QUERY_MAX_CLIENT || !is_plain(*client))
        return fail(p, "client must be a string of at most 64 plain characters");
    return true;
}

static bool read_member(struct parse *p, struct slice name, unsigned *seen)
{
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (!slice_eq(name, slice_str(members[i].name)))
            continue;
        if (*seen & 1u << i)
            return fail(p, "a member of the query is given twice");
        *seen |= 1u << i;
        return members[i].read(p);
    }
    return fail(p, "the query has an unknown member");
}

static bool read_request(struct parse *p)
{
    struct slice name;
    unsigned seen = 0;

    if (!jread_object(&p->r))
        return fail(p, "the query must be a JSON object");
    while (jread_key(&p->r, &name))
        if (!read_member(p, name, &seen))
            return false;
    if (!jread_ok(&p->r))
        return false;
    if (!jread_end(&p->r))
        return fail(p, "something follows the query");
    return p->out->n_filters > 0 || fail(p, "filters is missing");
}

bool query_request_parse(struct slice body, const struct query_request_limits *limits,
                         struct arena *arena, struct query_request *out, const char **error)
{
    struct parse p = {.limits = limits, .arena = arena, .out = out};

    memset(out, 0, sizeof *out);
    jread_init(&p.r, body, arena);
    if (read_request(&p))
        return true;
    *error = p.error ? p.error : p.r.error;
    return false;
}

/* ---- the end line ---- */

static void write_bool(struct buf *out, const char *name, bool value)
{
    buf_add_str(out, name);
    buf_add_str(out, value ? "true" : "false");
}

void query_end_write(struct buf *out, const struct query_end *end)
{
    buf_add_str(out, "{\"end\":true,\"seq\":");
    buf_add_u64(out, end->seq);
    write_bool(out, ",\"more\":", end->more);
    write_bool(out, ",\"hidden\":", end->hidden);
    buf_add_str(out, ",\"cost\":");
    buf_add_u64(out, end->cost_ms);
    buf_add_str(out, "}\n");
}

bool query_end_parse(struct slice line, struct query_end *out)
{
    return take_text(&line, SLICE("{\"end\":true,\"seq\":")) && take_u64(&line, &out->seq) &&
           take_text(&line, SLICE(",\"more\":")) && take_bool(&line, &out->more) &&
           take_text(&line, SLICE(",\"hidden\":")) && take_bool(&line, &out->hidden) &&
           take_text(&line, SLICE(",\"cost\":")) && take_u64(&line, &out->cost_ms) &&
           slice_eq(line, SLICE("}"));
}

/* ---- the answer to a count ---- */

void query_cost_write(struct buf *out, uint64_t cost_ms)
{
    buf_add_str(out, "{\"cost\":");
    buf_add_u64(out, cost_ms);
    buf_add_str(out, "}\n");
}

bool query_count_parse(struct slice body, struct slice *json, uint64_t *cost_ms)
{
    *cost_ms = 0;
    if (!take_line(&body, json) || json->len < 2 || json->ptr[0] != '{' ||
        json->ptr[json->len - 1] != '}')
        return false;
    return body.len == 0 || (take_text(&body, SLICE("{\"cost\":")) && take_u64(&body, cost_ms) &&
                             slice_eq(body, SLICE("}\n")));
}
