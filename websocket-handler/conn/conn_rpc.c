/*
 * BODY and WAITING: a management request from its head to its answer. What is refused here is
 * refused before its body is read. An envelope without "authorization" would speak for the
 * operator, so none leaves without.
 */
#include "conn/conn_rpc.h"

#include <stdlib.h>
#include <strings.h>

#include "conn/conn_internal.h"
#include "limit/limits.h"
#include "json/jread.h"
#include "json/jwrite.h"

enum {
    MAX_BODY = 64 * 1024,
    MAX_ENVELOPE = 6 * MAX_BODY + 6 * HTTP_HEAD_MAX_BYTES, /* all of it escaped */
    MAX_AT_A_TIME = 256,                                   /* of all clients together */
};

struct conn_rpc {
    struct buf envelope; /* up to the body */
    struct buf body;
    size_t announced; /* Content-Length */
};

/* ---- answers ---- */

static void answer(struct conn *c, int status, struct slice json)
{
    struct buf out;

    buf_init(&out, HTTP_ANSWER_MAX_BYTES);
    plain_http_rpc(&out, status, json);
    conn_answer_and_finish(c, &out, status);
    buf_deinit(&out);
}

static void refuse(struct conn *c, int status, const char *sentence)
{
    struct buf json;

    buf_init(&json, KIB);
    buf_add_str(&json, "{\"error\":");
    jwrite_string(&json, slice_str(sentence));
    buf_add_char(&json, '}');
    answer(c, status, buf_slice(&json));
    buf_deinit(&json);
}

/* ---- the head ---- */

bool conn_rpc_is_meant(const struct http_head *head)
{
    return slice_eq(head->path, SLICE("/")) && !slice_eq(head->method, SLICE("OPTIONS")) &&
           http_head_lists(head, "Content-Type", "application/nostr+json+rpc");
}

static bool is_printable(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e)
            return false;
    }
    return true;
}

/* The one Authorization field, if it is of NIP-98's scheme. */
static const struct http_field *find_authorization(const struct http_head *head)
{
    static const char scheme[] = "Nostr ";
    const struct http_field *field = http_head_find(head, "Authorization");

    if (!field || http_head_count(head, "Authorization") != 1 || !is_printable(field->value) ||
        field->value.len < sizeof(scheme) ||
        strncasecmp(field->value.ptr, scheme, sizeof(scheme) - 1) != 0)
        return NULL;
    return field;
}

/* Digits only, of one field; a number too large to be one counts as too large a body. */
static bool read_length(const struct http_head *head, size_t *out)
{
    const struct http_field *field = http_head_find(head, "Content-Length");

    if (!field || http_head_count(head, "Content-Length") != 1 || field->value.len == 0)
        return false;
    *out = 0;
    for (size_t i = 0; i < field->value.len; i++) {
        char digit = field->value.ptr[i];

        if (digit < '0' || digit > '9')
            return false;
        if (*out <= MAX_BODY)
            *out = *out * 10 + (size_t)(digit - '0');
    }
    return true;
}

/* What is wrong with the head, as a status and a sentence; 0 when it is fine. */
static int check_head(const struct http_head *head, size_t *length, const char **sentence)
{
    if (!slice_eq(head->method, SLICE("POST"))) {
        *sentence = "management requests are sent by POST";
        return 405;
    }
    if (http_head_find(head, "Transfer-Encoding") || !read_length(head, length)) {
        *sentence = "the request needs a Content-Length";
        return 411;
    }
    if (*length > MAX_BODY) {
        *sentence = "the body is larger than 64 KiB";
        return 413;
    }
    if (!find_authorization(head)) {
        *sentence = "auth-required: sign the request as NIP-98 says";
        return 401;
    }
    return 0;
}

/* May this client ask now? If not it has been answered. */
static bool admit(struct conn *c)
{
    const struct limit_who who = {.address = &c->address, .tier = TIER_GUEST};
    uint32_t seconds;

    if (conns.draining || conns.n_rpcs >= MAX_AT_A_TIME) {
        refuse(c, 503, "the relay is busy, please try again");
        return false;
    }
    if (!limits_take(conns.limits, LIMIT_IP_CONNECTS, &who, 1, &seconds)) {
        refuse(c, 429, "rate-limited: too many requests from this address, please try again later");
        return false;
    }
    return true;
}

static void add_member(struct buf *out, const char *name, struct slice value)
{
    buf_printf(out, "\"%s\":", name);
    jwrite_string(out, value);
    buf_add_char(out, ',');
}

/* All of the envelope but the body: who calls under which address of ours. */
static void begin_envelope(struct buf *out, const struct conn *c, const struct http_head *head,
                           const struct client_origin *origin)
{
    char text[IP_TEXT_BYTES];
    struct buf url;

    buf_init(&url, HTTP_HEAD_MAX_BYTES);
    buf_add_str(&url, origin->secure ? "https://" : "http://");
    buf_add_slice(&url, is_printable(origin->host) ? origin->host : SLICE(""));
    buf_add_char(&url, '/');
    if (head->query.len > 0 && is_printable(head->query)) {
        buf_add_char(&url, '?');
        buf_add_slice(&url, head->query);
    }
    buf_add_char(out, '{');
    add_member(out, "authorization", find_authorization(head)->value);
    add_member(out, "url", buf_slice(&url));
    add_member(out, "http_method", head->method);
    add_member(out, "address", slice_str(ip_text(&c->address, text)));
    buf_deinit(&url);
}

void conn_rpc_begin(struct conn *c, const struct http_head *head)
{
    struct client_origin origin = client_origin_of(head, &c->address, &conns.trust);
    const char *sentence = NULL;
    size_t length = 0;
    int status = check_head(head, &length, &sentence);

    c->address = origin.address;
    if (status != 0) {
        refuse(c, status, sentence);
        return;
    }
    if (!admit(c))
        return;
    c->rpc = calloc(1, sizeof(*c->rpc));
    if (!c->rpc) {
        refuse(c, 503, "out of memory, please try again");
        return;
    }
    conns.n_rpcs++;
    c->rpc->announced = length;
    buf_init(&c->rpc->body, MAX_BODY);
    buf_init(&c->rpc->envelope, MAX_ENVELOPE);
    begin_envelope(&c->rpc->envelope, c, head, &origin);
    c->state = CONN_BODY;
    if (http_head_lists(head, "Expect", "100-continue") &&
        !conn_queue(c, SLICE("HTTP/1.1 100 Continue\r\n\r\n")))
        conn_destroy(c);
}

/* ---- the body ---- */

/* The body is to be a JSON string's contents: valid UTF-8, and no byte that no JSON has. */
static bool complete_envelope(struct conn_rpc *rpc)
{
    struct slice body = buf_slice(&rpc->body);
    struct jread r;

    buf_add_str(&rpc->envelope, "\"body\":");
    jwrite_string(&rpc->envelope, body);
    buf_add_char(&rpc->envelope, '}');
    if (rpc->envelope.failed || (body.len > 0 && memchr(body.ptr, '\0', body.len)))
        return false;
    jread_init(&r, buf_slice(&rpc->envelope), NULL);
    return jread_skip(&r, NULL) && jread_end(&r);
}

void conn_rpc_feed(struct conn *c, struct slice bytes)
{
    struct conn_rpc *rpc = c->rpc;
    size_t missing = rpc->announced - rpc->body.len;

    buf_add(&rpc->body, bytes.ptr, bytes.len < missing ? bytes.len : missing);
    if (rpc->body.failed) {
        refuse(c, 503, "out of memory, please try again");
    } else if (rpc->body.len < rpc->announced) {
        return;
    } else if (!complete_envelope(rpc)) {
        refuse(c, 400, "the body must be JSON in UTF-8");
    } else {
        c->state = CONN_WAITING;
        timer_cancel(&c->timer); /* whom we ask has a deadline */
        if (!conns.rpc_ops->ask(c->handle, buf_slice(&rpc->envelope)))
            refuse(c, 503, "the relay is busy, please try again");
        else
            buf_deinit(&rpc->envelope);
    }
}

/* ---- the end ---- */

void conn_rpc_end(struct conn *c)
{
    struct conn_rpc *rpc = c->rpc;

    if (!rpc)
        return;
    buf_deinit(&rpc->envelope);
    buf_deinit(&rpc->body);
    free(rpc);
    c->rpc = NULL;
    conns.n_rpcs--;
}

void conn_set_rpc_ops(const struct conn_rpc_ops *ops)
{
    conns.rpc_ops = ops;
}

void conn_rpc_answer(struct conn_handle h, int status, struct slice json)
{
    struct conn *c = conn_table_find(&conns.table, h);

    if (c && c->state == CONN_WAITING)
        answer(c, status, json);
}
