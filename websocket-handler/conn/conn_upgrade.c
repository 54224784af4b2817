/*
 * The HTTP beginning of a connection: gather the head of one request, then become a WebSocket or
 * answer and say good-bye.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "config.h"
#include "conn/conn_internal.h"
#include "conn/handshake.h"
#include "control/control_state.h"
#include "metrics.h"

static void count_status(int status)
{
    static const uint8_t classes[] = {
        [1] = HTTP_METRIC_1XX, [2] = HTTP_METRIC_2XX, [4] = HTTP_METRIC_4XX, [5] = HTTP_METRIC_5XX};

    metric_add(M_HTTP_REQUESTS, classes[status / 100], 1);
}

/* out holds the whole answer of that status; the connection ends behind it. */
static void answer_and_finish(struct conn *c, const struct buf *out, int status)
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
    answer_and_finish(c, &out, status);
    buf_deinit(&out);
}

static void answer(struct conn *c, const struct http_head *head)
{
    struct buf out;
    int status;

    buf_init(&out, HTTP_ANSWER_MAX_BYTES);
    status = plain_http_answer(conns.site, (enum http_port)c->port, head, &out);
    answer_and_finish(c, &out, status);
    buf_deinit(&out);
}

/* The peer's address as text, IPv4 without its IPv6 prefix; empty when unknown. */
static struct slice peer_address(int fd, char text[INET6_ADDRSTRLEN])
{
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof(peer);

    if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0)
        return SLICE("");
    if (peer.ss_family == AF_INET6) {
        const struct in6_addr *a = &((struct sockaddr_in6 *)&peer)->sin6_addr;

        if (IN6_IS_ADDR_V4MAPPED(a))
            inet_ntop(AF_INET, a->s6_addr + 12, text, INET6_ADDRSTRLEN);
        else
            inet_ntop(AF_INET6, a, text, INET6_ADDRSTRLEN);
    } else {
        inet_ntop(AF_INET, &((struct sockaddr_in *)&peer)->sin_addr, text, INET6_ADDRSTRLEN);
    }
    return slice_str(text);
}

/* From here on the connection is a client's. */
static void upgrade(struct conn *c, const struct http_head *head,
                    const char accept[HANDSHAKE_ACCEPT_LEN])
{
    static const char start[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                "Connection: Upgrade\r\nSec-WebSocket-Accept: ";
    char text[INET6_ADDRSTRLEN], *p;
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
    c->session =
        conns.ops->opened(c, http_head_find(head, "Host")->value, peer_address(c->fd, text));
    if (!c->session)
        conn_close(c, CONN_CLOSE_INTERNAL);
}

static bool is_blocked(const struct conn *c)
{
    char text[INET6_ADDRSTRLEN];
    struct ip ip;

    return ip_parse(peer_address(c->fd, text), &ip) && control_blocks(conns.site->control, &ip);
}

static void upgrade_if_there_is_room(struct conn *c, const struct http_head *head,
                                     const char accept[HANDSHAKE_ACCEPT_LEN])
{
    if (conns.draining) {
        refuse(c, 503, "This relay is about to restart. Please try again in a moment.");
    } else if (is_blocked(c)) {
        metric_add(M_CONNECTIONS_REFUSED, REFUSED_BLOCKED, 1);
        refuse(c, 403, "blocked: your address is blocked on this relay");
    } else if (conns.n_clients >= conns.max_clients) {
        metric_add(M_CONNECTIONS_REFUSED, REFUSED_FULL, 1);
        refuse(c, 503, "This relay has as many clients as it can serve. Please try again later.");
    } else {
        upgrade(c, head, accept);
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

void conn_read_head(struct conn *c, struct slice bytes)
{
    struct slice all = bytes, later = {bytes.ptr + bytes.len, 0};
    struct http_head head;
    const char *error;
    size_t used = 0;

    if (c->head) {
        size_t taken = gather(c, bytes);

        all = slice_of(c->head, c->head_len);
        later = slice_of(bytes.ptr + taken, bytes.len - taken);
    }
    switch (http_head_parse(all, &head, &used, &error)) {
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
    if (c->state == CONN_OPEN)
        conn_feed(c, slice_of(all.ptr + used, all.len - used));
    if (c->state == CONN_OPEN)
        conn_feed(c, later);
    free(c->head);
    c->head = NULL;
}
