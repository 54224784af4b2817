/*
 * One connection from its first byte to its last. Its states are drawn in conn_internal.h.
 *
 * Writing: whatever a turn of the loop queues for a connection goes out in one system call at the
 * end of the turn, just before the loop would sleep. Only when much has gathered, for one
 * connection or for all, is it written earlier. Writing never ends a connection by itself: it marks
 * it, and the end of the turn does the rest. So nothing in conn.h can free a session below its
 * caller's feet.
 */
#include "conn/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn/conn_internal.h"
#include "conn/conn_rpc.h"
#include "limit/limits.h"
#include "metrics.h"
#include "ops/log.h"

enum {
    SHARE_FROM_BYTES = 1024, /* a body below this is copied: cheaper than a piece of its own */
    EARLY_FLUSH_BYTES = 8 * 1024 * 1024, /* queued by one turn for all connections together */
    MAX_PIECES = 64,
    FLUSHING_TICKS = 5 * TICKS_PER_SECOND,
    LINGERING_TICKS = 2 * TICKS_PER_SECOND,
};

/* ---- what the poll handle waits for ---- */

static void on_poll(uv_poll_t *handle, int status, int events);

static bool wants_to_read(const struct conn *c)
{
    if (c->state != CONN_OPEN)
        return c->state != CONN_GONE;
    return !c->paused && !c->dismissed && c->out.bytes <= conns.stop_reading_bytes;
}

static void update_poll(struct conn *c)
{
    int events = (wants_to_read(c) ? UV_READABLE : 0) | (c->blocked ? UV_WRITABLE : 0);

    if (events == c->events || c->state == CONN_GONE)
        return;
    c->events = (uint8_t)events;
    if (events)
        uv_poll_start(&c->poll, events, on_poll);
    else
        uv_poll_stop(&c->poll);
}

/* ---- writing ---- */

void conn_mark_dirty(struct conn *c)
{
    if (list_empty(&c->link))
        list_push(&conns.dirty, &c->link);
}

static void set_congested(struct conn *c, bool congested)
{
    if (c->congested == congested)
        return;
    c->congested = congested;
    metric_add(M_CONGESTED, 0, congested ? 1 : -1);
}

static void drop_queue(struct conn *c)
{
    conns.queued -= c->out.bytes;
    outq_clear(&c->out, &conns.chunks);
}

/* Ends the connection without a farewell: its socket has failed, or nobody reads it. */
static void cut(struct conn *c, enum conn_close_reason reason)
{
    c->cut = true;
    conn_close(c, reason);
    drop_queue(c);
    conn_mark_dirty(c);
}

void conn_flush(struct conn *c)
{
    while (c->out.bytes > 0 && !c->blocked && !c->cut) {
        struct iovec pieces[MAX_PIECES];
        struct msghdr message = {.msg_iov = pieces};
        ssize_t n;

        message.msg_iovlen = outq_gather(&c->out, pieces, MAX_PIECES);
        n = sendmsg(c->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            outq_consume(&c->out, &conns.chunks, (size_t)n);
            conns.tally.bytes_out += n;
            conns.queued -= (size_t)n;
        } else if (errno == EAGAIN || errno == ENOBUFS) {
            c->blocked = true;
        } else if (errno != EINTR) {
            cut(c, CONN_CLOSE_BY_PEER);
        }
    }
    if (c->congested && c->out.bytes <= conns.low_bytes) {
        set_congested(c, false);
        c->drained = true;
        conn_mark_dirty(c);
    }
    update_poll(c);
}

/* Writes what has gathered before the end of the turn. Nobody is called back, so this may happen at
 * any time. */
static void flush_all_early(void)
{
    for (struct list *item = conns.dirty.next; item != &conns.dirty; item = item->next)
        conn_flush(container_of(item, struct conn, link));
    conns.unflushed = 0;
}

/* What one connection may have queued. When all together have too much, the slow ones go first. */
static size_t hard_mark(void)
{
    return conns.queued > conns.total_bytes ? conns.soft_bytes : conns.hard_bytes;
}

/* Something has been queued. False when that was too much: the connection ends. */
static bool queued(struct conn *c, size_t n)
{
    conns.queued += n;
    conns.unflushed += n;
    if (!c->blocked)
        conn_mark_dirty(c);
    if (conns.unflushed > EARLY_FLUSH_BYTES)
        flush_all_early();
    if (c->out.bytes > conns.soft_bytes)
        conn_flush(c);
    if (c->out.bytes > hard_mark())
        cut(c, CONN_CLOSE_SLOW);
    else if (c->out.bytes > conns.soft_bytes)
        set_congested(c, true);
    return !c->cut;
}

bool conn_queue(struct conn *c, struct slice bytes)
{
    char *p = outq_add(&c->out, &conns.chunks, bytes.len);

    if (!p)
        return false;
    memcpy(p, bytes.ptr, bytes.len);
    return queued(c, bytes.len);
}

/* Queues a text frame whose payload is head, then tail; tail is body's bytes when body is to be
 * shared. */
static bool send_text(struct conn *c, struct slice head, struct slice tail, struct refbuf *body)
{
    char header[FRAMES_MAX_HEADER];
    size_t header_len = frames_header(FRAMES_TEXT, head.len + tail.len, header);
    size_t copied = header_len + head.len + (body ? 0 : tail.len);
    char *p;

    if (c->state != CONN_OPEN)
        return false;
    p = body ? outq_add_shared(&c->out, &conns.chunks, copied, body)
             : outq_add(&c->out, &conns.chunks, copied);
    if (!p) {
        cut(c, CONN_CLOSE_INTERNAL);
        return false;
    }
    memcpy(p, header, header_len);
    memcpy(p + header_len, head.ptr, head.len);
    if (!body && tail.len > 0)
        memcpy(p + header_len + head.len, tail.ptr, tail.len);
    conns.tally.messages_out++;
    return queued(c, header_len + head.len + tail.len);
}

bool conn_send(struct conn *c, struct slice head, struct slice tail)
{
    return send_text(c, head, tail, NULL);
}

bool conn_send_shared(struct conn *c, struct slice head, struct refbuf *tail)
{
    return send_text(c, head, refbuf_slice(tail), tail->len < SHARE_FROM_BYTES ? NULL : tail);
}

bool conn_is_congested(const struct conn *c)
{
    return c->congested;
}

void conn_pause_reading(struct conn *c)
{
    c->paused = true;
    update_poll(c);
}

void conn_resume_reading(struct conn *c)
{
    if (!c->paused)
        return;
    c->paused = false;
    c->last_seen = conns_tick(); /* it could not be heard meanwhile */
    update_poll(c);
}

/* ---- reading ---- */

static void on_text(struct conn *c, struct slice text)
{
    conns.tally.messages_in++;
    conns.ops->message(c->session, text);
}

static void on_binary(struct conn *c)
{
    conns.ops->binary(c->session);
}

static void on_reply(struct conn *c, struct slice bytes)
{
    if (c->state == CONN_OPEN && !conn_queue(c, bytes))
        cut(c, CONN_CLOSE_INTERNAL);
}

const struct frames_ops conn_frames_ops = {.text = on_text, .binary = on_binary, .reply = on_reply};

static void release_frames(struct conn *c)
{
    frames_release(&conns.frames, c->frames);
    c->frames = NULL;
}

void conn_feed(struct conn *c, struct slice bytes)
{
    bool was_at_rest = c->frames == NULL;

    switch (frames_feed(&conns.frames, &c->frames, c, bytes)) {
    case FRAMES_CLEAN:
        return;
    case FRAMES_PARTIAL:
        if (was_at_rest)
            c->partial_since = conns_tick();
        return;
    case FRAMES_STOPPED: /* conn_close() has been called */
        return;
    case FRAMES_CLOSED:
        conn_close(c, CONN_CLOSE_BY_PEER);
        return;
    case FRAMES_PROTOCOL:
        conn_close(c, CONN_CLOSE_PROTOCOL);
        return;
    case FRAMES_BAD_UTF8:
        conn_close(c, CONN_CLOSE_BAD_UTF8);
        return;
    case FRAMES_TOO_BIG:
        conn_close(c, CONN_CLOSE_TOO_BIG);
        return;
    case FRAMES_TOO_MANY:
        conn_close(c, CONN_CLOSE_POLICY);
        return;
    case FRAMES_NO_MEMORY:
        conn_close(c, CONN_CLOSE_INTERNAL);
        return;
    }
}

/* The peer has closed its side, or the socket has failed. */
static void on_read_end(struct conn *c)
{
    if (c->state == CONN_OPEN || c->state == CONN_ENDING)
        cut(c, CONN_CLOSE_BY_PEER);
    else
        conn_destroy(c);
}

/* One read per turn: a peer that sends without end gets no more of the loop than the others. */
static void on_readable(struct conn *c)
{
    ssize_t n = recv(c->fd, conns.read_buffer, READ_BYTES, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        on_read_end(c);
        return;
    }
    conns.tally.bytes_in += n;
    c->last_seen = conns_tick();
    if (c->state == CONN_HEAD)
        conn_read_head(c, slice_of(conns.read_buffer, (size_t)n));
    else if (c->state == CONN_BODY)
        conn_rpc_feed(c, slice_of(conns.read_buffer, (size_t)n));
    else if (c->state == CONN_OPEN)
        conn_feed(c, slice_of(conns.read_buffer, (size_t)n));
}

static void on_writable(struct conn *c)
{
    size_t before = c->out.bytes;

    c->blocked = false;
    conn_flush(c);
    if (c->out.bytes < before)
        c->last_seen = conns_tick(); /* the peer's kernel has taken something: it is there */
    if (c->state == CONN_FLUSHING)
        conn_mark_dirty(c);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct conn *c = container_of(handle, struct conn, poll);

    if (status < 0) { /* libuv has stopped the handle */
        c->events = 0;
        c->blocked = false;
        on_read_end(c);
        return;
    }
    if (events & UV_WRITABLE)
        on_writable(c);
    if ((events & UV_READABLE) && (c->events & UV_READABLE))
        on_readable(c);
}

void conn_start(struct conn *c)
{
    list_push(&conns.lobby, &c->link);
    timer_arm(&conns.wheel, &c->timer, conns_tick() + conns.head_ticks);
    update_poll(c);
}

/* ---- ending ---- */

/* The close frame for a reason: a code and a few words (RFC 6455 7.4). Code 0: none. */
static const struct {
    uint16_t code;
    const char *words;
} farewells[] = {
    [CONN_CLOSE_BY_PEER] = {0, ""},
    [CONN_CLOSE_SHUTDOWN] = {1012, "the relay restarts"},
    [CONN_CLOSE_SLOW] = {0, ""},
    [CONN_CLOSE_TIMEOUT] = {1001, "no sign of life"},
    [CONN_CLOSE_PROTOCOL] = {1002, "not WebSocket"},
    [CONN_CLOSE_BAD_UTF8] = {1007, "not UTF-8"},
    [CONN_CLOSE_TOO_BIG] = {1009, "message too big"},
    [CONN_CLOSE_POLICY] = {1008, "too many violations"},
    [CONN_CLOSE_BLOCKED] = {1008, "blocked"},
    [CONN_CLOSE_INTERNAL] = {1011, "out of memory"},
};

static void queue_farewell(struct conn *c, enum conn_close_reason reason)
{
    uint16_t code = farewells[reason].code;
    size_t words_len = strlen(farewells[reason].words);
    char header[FRAMES_MAX_HEADER], *p;
    size_t n;

    if (code == 0)
        return;
    n = frames_header(FRAMES_CLOSE, 2 + words_len, header);
    p = outq_add(&c->out, &conns.chunks, n + 2 + words_len);
    if (!p)
        return; /* without memory it ends without a word */
    memcpy(p, header, n);
    p[n] = (char)(code >> 8);
    p[n + 1] = (char)(code & 0xff);
    memcpy(p + n + 2, farewells[reason].words, words_len);
    conns.queued += n + 2 + words_len;
}

void conn_close(struct conn *c, enum conn_close_reason reason)
{
    if (c->state != CONN_OPEN)
        return;
    c->state = CONN_ENDING;
    conns.n_clients--;
    if (c->counted)
        limits_leave(conns.limits, LIMIT_IP_CONNECTIONS, &c->address);
    metric_add(M_CONNECTIONS, 0, -1);
    metric_add(M_CONNECTIONS_CLOSED, reason, 1);
    log_debug("conn", "client closed", "slot=%u reason=%d queued=%zu", c->handle.slot, (int)reason,
              c->out.bytes);
    if (c->frames)
        frames_stop(c->frames);
    if (!c->cut)
        queue_farewell(c, reason);
    conn_mark_dirty(c);
}

/* The second half of conn_close(), when no code of the connection is on the stack any more. */
static void tell_session(struct conn *c)
{
    struct session *session = c->session;

    release_frames(c);
    set_congested(c, false);
    c->drained = false;
    c->session = NULL;
    if (session)
        conns.ops->closed(session);
}

void conn_finish(struct conn *c)
{
    conn_rpc_end(c);
    c->state = CONN_FLUSHING;
    timer_arm(&conns.wheel, &c->timer, conns_tick() + FLUSHING_TICKS);
    conn_mark_dirty(c);
    update_poll(c);
}

static void on_closed(uv_handle_t *handle)
{
    free(container_of((uv_poll_t *)handle, struct conn, poll));
}

void conn_destroy(struct conn *c)
{
    if (c->state == CONN_GONE)
        return;
    assert(!c->session);
    if (c->state == CONN_WAITING)
        conns.rpc_ops->cancel(c->handle);
    conn_rpc_end(c);
    c->state = CONN_GONE;
    timer_cancel(&c->timer);
    list_remove(&c->link);
    drop_queue(c);
    release_frames(c);
    free(c->head);
    c->head = NULL;
    conn_table_remove(&conns.table, c->handle);
    conns.n_all--;
    uv_close((uv_handle_t *)&c->poll,
             on_closed); /* takes the descriptor out of the poll set at once */
    close(c->fd);
}

static void linger(struct conn *c)
{
    shutdown(c->fd, SHUT_WR);
    c->state = CONN_LINGERING;
    list_remove(&c->link);
    list_push(&conns.lobby, &c->link);
    timer_arm(&conns.wheel, &c->timer, conns_tick() + LINGERING_TICKS);
    update_poll(c);
}

void conn_end_turn(struct conn *c)
{
    conn_flush(c);
    if (c->state == CONN_OPEN && c->drained) {
        c->drained = false;
        conns.ops->drained(c->session);
    }
    if (c->state == CONN_ENDING) {
        tell_session(c);
        if (c->cut)
            conn_destroy(c);
        else
            conn_finish(c);
    }
    if (c->state == CONN_FLUSHING && c->cut)
        conn_destroy(c);
    else if (c->state == CONN_FLUSHING && c->out.bytes == 0)
        linger(c);
}

/* ---- deadlines ---- */

static void send_ping(struct conn *c)
{
    char header[FRAMES_MAX_HEADER];
    size_t n = frames_header(FRAMES_PING, 0, header);

    metric_add(M_PINGS, 0, 1);
    conn_queue(c, slice_of(header, n)); /* without memory: the next tick tries again */
}

static uint32_t at_most(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* A client's timer runs at least once per ping interval and looks at everything that has a
 * deadline. */
static void on_open_timer(struct conn *c, uint32_t now)
{
    uint32_t silent = c->paused || c->dismissed ? 0 : now - c->last_seen;
    uint32_t next;

    if (silent >= conns.silence_ticks ||
        (c->frames && !c->paused && now - c->partial_since >= conns.message_ticks)) {
        conn_close(c, CONN_CLOSE_TIMEOUT);
        return;
    }
    if (silent < conns.ping_ticks) {
        next = conns.ping_ticks - silent;
    } else {
        send_ping(c);
        next = at_most(conns.ping_ticks, conns.silence_ticks - silent);
    }
    if (c->frames)
        next = at_most(next, conns.message_ticks);
    timer_arm(&conns.wheel, &c->timer, now + next);
}

void conn_on_timer(struct timer *t)
{
    struct conn *c = container_of(t, struct conn, timer);

    if (c->state == CONN_OPEN)
        on_open_timer(c, conns_tick());
    else if (c->state != CONN_ENDING) /* too slow with its request, or with our farewell */
        conn_destroy(c);
}

/* ---- names ---- */

const struct ip *conn_address(const struct conn *c)
{
    return &c->address;
}

struct conn_handle conn_handle_of(const struct conn *c)
{
    return c->handle;
}

struct conn *conn_lookup(struct conn_handle h)
{
    struct conn *c = conn_table_find(&conns.table, h);

    return c && c->state == CONN_OPEN ? c : NULL;
}

struct session *conn_session(struct conn *c)
{
    return c->session;
}
