/*
 * The HTTP beginning of a connection: gather the head of one request, then become a WebSocket or
 * answer and say good-bye.
 */
#include <stdlib.h>

#include "config.h"
#include "conn/conn_internal.h"
#include "conn/handshake.h"
#include "conn/proxy_protocol.h"
#include "control/control_state.h"
#include "limit/limits.h"
#include "metrics.h"

enum {
    CROWDED_SECONDS = 30, /* when connections of the same address may have ended */
    PROXY_GATE_MS = 600000,
};

static void count_status(int status)
{
    static const uint8_t classes[] = {
        [1] = HTTP_METRIC_1XX, [2] = HTTP_METRIC_2XX, [4] = HTTP_METRIC_4XX, [5] = HTTP_METRIC_5XX};

    metric_add(M_HTTP_REQUESTS, classes[status / 100], 1);
}

void conn_answer_and_finish(struct conn *c, const struct buf *out, int status)
{
    count_status(status);
    if (out->failed || !conn_queue(c, buf_slice(out)))
        conn_destroy(c);
    else
        conn_finish(c);
}

static void refuse(struct conn *c, int status, const char *sentence)
{
    struct buf out;

    buf_init(&out, HTTP_ANSWER_MAX_BYTES);
    plain_http_refuse(&out, status, sentence);
    conn_answer_and_finish(c, &out, status);
    buf_deinit(&out);
}

/* One address wants too much: too many connections, or too often. */
static void refuse_for_now(struct conn *c, uint32_t seconds, const char *sentence)
{
    struct buf out;

    metric_add(M_CONNECTIONS_REFUSED, REFUSED_RATE, 1);
    buf_init(&out, HTTP_ANSWER_MAX_BYTES);
    plain_http_refuse_for_now(&out, seconds, sentence);
    conn_answer_and_finish(c, &out, 429);
    buf_deinit(&out);
}

static void answer(struct conn *c, const struct http_head *head)
{
    struct buf out;
    int status;

    buf_init(&out, HTTP_ANSWER_MAX_BYTES);
    status = plain_http_answer(conns.site, (enum http_port)c->port, head, &out);
    conn_answer_and_finish(c, &out, status);
    buf_deinit(&out);
}

/* From here on the connection is a client's. */
static void upgrade(struct conn *c, struct slice host, const char accept[HANDSHAKE_ACCEPT_LEN])
{
    static const char start[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                "Connection: Upgrade\r\nSec-WebSocket-Accept: ";
    char text[IP_TEXT_BYTES], *p;
    size_t n = sizeof(start) - 1;

    p = outq_add(&c->out, &conns.chunks, n + HANDSHAKE_ACCEPT_LEN + 4);
    if (!p) {
        conn_destroy(c);
        return;
    }
    memcpy(p, start, n);
    memcpy(p + n, accept, HANDSHAKE_ACCEPT_LEN);
    memcpy(p + n + HANDSHAKE_ACCEPT_LEN, "\r\n\r\n", 4);
    conns.queued += c->out.bytes;
    conn_mark_dirty(c);

    count_status(101);
    metric_add(M_CONNECTIONS, 0, 1);
    metric_add(M_CONNECTIONS_OPENED, 0, 1);
    conns.n_clients++;
    c->state = CONN_OPEN;
    timer_arm(&conns.wheel, &c->timer, conns_tick() + conns.ping_ticks);
    c->session = conns.ops->opened(c, host, slice_str(ip_text(&c->address, text)));
    if (!c->session)
        conn_close(c, CONN_CLOSE_INTERNAL);
}

/*
 * Somebody forwards for others and is not trusted to: a proxy whose clients share one address, and
 * all its limits, until the operator names it. Only proxies are in private networks.
 */
static void warn_of_unknown_proxy(const struct conn *c, const struct http_head *head)
{
    static const char *const private_nets[] = {"10.0.0.0/8",  "172.16.0.0/12", "192.168.0.0/16",
                                               "127.0.0.0/8", "fc00::/7",      "::1"};
    char text[IP_TEXT_BYTES];
    uint32_t suppressed;
    struct cidr net;

    if (!http_head_find(head, "X-Forwarded-For") || cidr_list_has(&conns.proxies, &c->address))
        return;
    for (size_t i = 0; i < ARRAY_LEN(private_nets); i++) {
        if (cidr_parse(slice_str(private_nets[i]), &net) && cidr_has(&net, &c->address) &&
            log_gate_open(&conns.proxy_gate, PROXY_GATE_MS, &suppressed))
            log_warn("conn", "a proxy that is not in TRUSTED_PROXIES: its clients share its limits",
                     "address=%s", ip_text(&c->address, text));
    }
}

/* Counts the connection with its address, if that has room; otherwise it has been answered. */
static bool count_in(struct conn *c)
{
    const struct limit_who who = {.address = &c->address, .tier = TIER_GUEST};
    uint32_t seconds;

    if (!limits_take(conns.limits, LIMIT_IP_CONNECTS, &who, 1, &seconds)) {
        refuse_for_now(c, seconds, "Too many new connections from this address.");
        return false;
    }
    if (!limits_enter(conns.limits, LIMIT_IP_CONNECTIONS, &who)) {
        refuse_for_now(c, CROWDED_SECONDS, "Too many connections from this address.");
        return false;
    }
    c->counted = true;
    return true;
}

static void upgrade_if_there_is_room(struct conn *c, const struct http_head *head,
                                     const char accept[HANDSHAKE_ACCEPT_LEN])
{
    struct client_origin origin = client_origin_of(head, &c->address, &conns.trust);

    warn_of_unknown_proxy(c, head);
    c->address = origin.address;
    if (conns.draining) {
        refuse(c, 503, "This relay is about to restart. Please try again in a moment.");
    } else if (control_blocks(conns.site->control, &c->address)) {
        metric_add(M_CONNECTIONS_REFUSED, REFUSED_BLOCKED, 1);
        refuse(c, 403, "blocked: your address is blocked on this relay");
    } else if (conns.n_clients >= conns.max_clients) {
        metric_add(M_CONNECTIONS_REFUSED, REFUSED_FULL, 1);
        refuse(c, 503, "This relay has as many clients as it can serve. Please try again later.");
    } else if (count_in(c)) {
        upgrade(c, origin.host, accept);
    }
}

static void take_request(struct conn *c, const struct http_head *head)
{
    char accept[HANDSHAKE_ACCEPT_LEN];
    const char *error = NULL;

    if (c->port == HTTP_METRICS) {
        answer(c, head);
        return;
    }
    switch (handshake_check(head, accept, &error)) {
    case HANDSHAKE_NONE:
        if (conn_rpc_is_meant(head))
            conn_rpc_begin(c, head);
        else
            answer(c, head);
        return;
    case HANDSHAKE_OK:
        upgrade_if_there_is_room(c, head, accept);
        return;
    case HANDSHAKE_BAD:
        refuse(c, 400, error);
        return;
    case HANDSHAKE_WRONG_METHOD:
        refuse(c, 405, error);
        return;
    case HANDSHAKE_WRONG_PATH:
        refuse(c, 404, error);
        return;
    case HANDSHAKE_UPGRADE:
        refuse(c, 426, error);
        return;
    }
}

/* Puts bytes behind what there is of the head, as far as a head can go; returns how many were
 * taken. */
static size_t gather(struct conn *c, struct slice bytes)
{
    size_t room = HTTP_HEAD_MAX_BYTES - c->head_len;
    size_t n = bytes.len < room ? bytes.len : room;

    memcpy(c->head + c->head_len, bytes.ptr, n);
    c->head_len = (uint16_t)(c->head_len + n);
    return n;
}

/* The request is incomplete: keeps its beginning. */
static void keep(struct conn *c, struct slice bytes)
{
    if (c->head)
        return; /* it is there already */
    c->head = malloc(HTTP_HEAD_MAX_BYTES);
    if (c->head)
        gather(c, bytes);
    else
        conn_destroy(c);
}

/*
 * What a proxy says about the client before the request. True when it has been read, *all then
 * beginning with the request. A proxy that does not keep to the protocol is told nothing: it would
 * pass that on to the client.
 */
static bool read_announcement(struct conn *c, struct slice *all)
{
    struct ip client;
    size_t used = 0;

    switch (proxy_protocol_parse(*all, &client, &used)) {
    case PROXY_MORE:
        keep(c, *all);
        return false;
    case PROXY_BAD:
        metric_add(M_CONNECTIONS_REFUSED, REFUSED_PROXY, 1);
        conn_destroy(c);
        return false;
    case PROXY_CLIENT:
        c->address = client;
        break;
    case PROXY_LOCAL:
        break;
    }
    c->announced = false;
    *all = slice_of(all->ptr + used, all->len - used);
    if (c->head) { /* what is kept begins with the request as well */
        memmove(c->head, all->ptr, all->len);
        c->head_len = (uint16_t)all->len;
        all->ptr = c->head;
    }
    return true;
}

/* What has come behind the head. */
static void feed(struct conn *c, struct slice bytes)
{
    if (c->state == CONN_OPEN)
        conn_feed(c, bytes);
    else if (c->state == CONN_BODY)
        conn_rpc_feed(c, bytes);
}

void conn_read_head(struct conn *c, struct slice bytes)
{
    struct slice all = bytes, later = {bytes.ptr + bytes.len, 0};
    enum http_head_result result;
    struct http_head head;
    const char *error;
    size_t used = 0;

    if (c->head) {
        size_t taken = gather(c, bytes);

        all = slice_of(c->head, c->head_len);
        later = slice_of(bytes.ptr + taken, bytes.len - taken);
    }
    if (c->announced) {
        if (!read_announcement(c, &all))
            return;
        if (c->head) { /* there is room again for what did not fit */
            size_t taken = gather(c, later);

            all.len += taken;
            later = slice_of(later.ptr + taken, later.len - taken);
        }
    }
    result = http_head_parse(all, &head, &used, &error);
    if (result != HTTP_HEAD_MORE)
        list_remove(&c->link); /* out of the lobby */
    switch (result) {
    case HTTP_HEAD_MORE:
        keep(c, all);
        return;
    case HTTP_HEAD_BAD:
        refuse(c, 400, error);
        return;
    case HTTP_HEAD_TOO_LARGE:
        refuse(c, 431, error);
        return;
    case HTTP_HEAD_OK:
        break;
    }
    take_request(c, &head);
    /* A client need not wait for the answer before it sends its first frames. */
    feed(c, slice_of(all.ptr + used, all.len - used));
    feed(c, later);
    free(c->head);
    c->head = NULL;
}
