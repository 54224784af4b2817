#include "conn/conns.h"

#include <stdlib.h>
#include <unistd.h>

#include "config.h"
#include "conn/conn_internal.h"
#include "metrics.h"

/* Connections beyond the clients' cap, so that a full relay still answers /healthz and says 503 in
 * words. */
enum { LOBBY = 512 };

struct conns conns;

void conn_set_ops(const struct conn_ops *ops)
{
    conns.ops = ops;
}

void conns_set_limits(struct limits *limits)
{
    conns.limits = limits;
}

/* ---- the end of a turn ---- */

static void publish_tally(void)
{
    if (conns.tally.messages_in)
        metric_add(M_MESSAGES_IN, 0, conns.tally.messages_in);
    if (conns.tally.bytes_in)
        metric_add(M_BYTES_IN, 0, conns.tally.bytes_in);
    if (conns.tally.messages_out)
        metric_add(M_MESSAGES_OUT, 0, conns.tally.messages_out);
    if (conns.tally.bytes_out)
        metric_add(M_BYTES_OUT, 0, conns.tally.bytes_out);
    memset(&conns.tally, 0, sizeof(conns.tally));
    metric_set(M_SEND_QUEUE_BYTES, 0, (int64_t)conns.queued);
    metric_set(M_FRAME_DECODERS, 0, (int64_t)conns.frames.n_used);
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* its presence alone keeps the loop from sleeping */
}

/*
 * Runs before the loop looks for new events. What a callback of the session queues here is left for
 * the next round, which follows without a sleep: two connections that feed each other cannot hold
 * the loop.
 */
static void on_before_sleep(uv_prepare_t *prepare)
{
    struct list turn, *item;

    (void)prepare;
    conns.unflushed = 0;
    list_init(&turn);
    while ((item = list_pop(&conns.dirty)))
        list_push(&turn, item);
    while ((item = list_pop(&turn)))
        conn_end_turn(container_of(item, struct conn, link));
    publish_tally();
    if (list_empty(&conns.dirty))
        uv_idle_stop(&conns.keep_awake);
    else
        uv_idle_start(&conns.keep_awake, on_idle);
}

static void on_clock(uv_timer_t *timer)
{
    (void)timer;
    timer_wheel_advance(&conns.wheel, conns_tick(), conn_on_timer);
}

/* ---- opening ---- */

static void read_settings(const struct config *cfg)
{
    conns.soft_bytes = (size_t)cfg->send_soft_bytes;
    conns.low_bytes = conns.soft_bytes / 2;
    conns.hard_bytes = (size_t)cfg->send_hard_bytes;
    conns.total_bytes = (size_t)cfg->send_total_bytes;
    /* A client that asks on without reading the answers is first held back, and only then cut. */
    conns.stop_reading_bytes = (conns.soft_bytes + conns.hard_bytes) / 2;
    conns.max_clients = (size_t)cfg->max_connections;
    conns.ping_ticks = (uint32_t)cfg->ping_seconds * TICKS_PER_SECOND;
    conns.silence_ticks = (uint32_t)cfg->silence_seconds * TICKS_PER_SECOND;
    conns.head_ticks = (uint32_t)cfg->handshake_seconds * TICKS_PER_SECOND;
    conns.message_ticks = (uint32_t)cfg->message_seconds * TICKS_PER_SECOND;
}

/* The setting has been checked, so only memory can be wanting. */
static bool read_proxies(const struct config *cfg)
{
    struct buf error;
    bool good;

    buf_init(&error, KIB);
    good = cidr_list_parse(slice_str(cfg->trusted_proxies), &conns.proxies, &error);
    buf_deinit(&error);
    conns.trust = (struct proxy_trust){&conns.proxies, (enum proxy_header)cfg->proxy_header};
    return good;
}

enum err conns_open(uv_loop_t *loop, const struct site *site)
{
    assert(conns.ops);
    if (!read_proxies(site->cfg))
        return ERR_NOMEM;
    conns.loop = loop;
    conns.site = site;
    read_settings(site->cfg);
    list_init(&conns.dirty);
    list_init(&conns.lobby);
    timer_wheel_init(&conns.wheel, conns_tick());
    frames_pool_init(&conns.frames, &conn_frames_ops, (size_t)site->cfg->max_message_bytes);
    uv_prepare_init(loop, &conns.before_sleep);
    uv_idle_init(loop, &conns.keep_awake);
    uv_timer_init(loop, &conns.clock);
    if (uv_prepare_start(&conns.before_sleep, on_before_sleep) != 0 ||
        uv_timer_start(&conns.clock, on_clock, TICK_MS, TICK_MS) != 0)
        return ERR_IO;
    return OK;
}

static struct ip peer_of(int fd)
{
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof(peer);

    if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0)
        return (struct ip){{0}};
    return ip_of_sockaddr((const struct sockaddr *)&peer);
}

/* A connection in state HEAD that owns fd, or NULL, fd then being closed. */
static struct conn *conn_new(int fd, enum http_port port)
{
    struct conn *c = calloc(1, sizeof(*c));

    if (!c || !conn_table_add(&conns.table, c, &c->handle)) {
        free(c);
        close(fd);
        return NULL;
    }
    if (uv_poll_init(conns.loop, &c->poll, fd) != 0) {
        conn_table_remove(&conns.table, c->handle);
        free(c);
        close(fd);
        return NULL;
    }
    c->fd = fd;
    c->port = (uint8_t)port;
    c->address = peer_of(fd);
    c->announced = port == HTTP_PUBLIC && conns.site->cfg->proxy_protocol &&
                   cidr_list_has(&conns.proxies, &c->address);
    c->last_seen = conns_tick();
    timer_init(&c->timer);
    list_init(&c->link);
    conns.n_all++;
    return c;
}

bool conns_make_room(void)
{
    if (list_empty(&conns.lobby))
        return false;
    metric_add(M_CONNECTIONS_REFUSED, REFUSED_FULL, 1);
    conn_destroy(container_of(conns.lobby.next, struct conn, link));
    return true;
}

void conns_accept(int fd, enum http_port port)
{
    bool full = conns.n_all >= conns.max_clients + LOBBY;
    struct conn *c;

    if (conns.draining || (full && !conns_make_room())) {
        metric_add(M_CONNECTIONS_REFUSED, REFUSED_FULL, 1);
        close(fd);
        return;
    }
    c = conn_new(fd, port);
    if (c)
        conn_start(c);
}

/* ---- closing ---- */

void conns_drain(void)
{
    conns.draining = true;
}

void conns_dismiss(size_t n)
{
    while (n > 0 && conns.dismissed < conns.table.n_slots) {
        struct conn *c = conns.table.slots[conns.dismissed++].conn;

        if (!c || c->state != CONN_OPEN)
            continue;
        c->dismissed = true;
        conn_mark_dirty(c); /* its poll handle follows at the end of the turn */
        n--;
    }
}

void conns_close_dismissed(bool at_once)
{
    for (uint32_t i = 0; i < conns.dismissed; i++) {
        struct conn *c = conns.table.slots[i].conn;

        if (c && c->state == CONN_OPEN && (at_once || conns.ops->settled(c->session)))
            conn_close(c, CONN_CLOSE_SHUTDOWN);
    }
}

void conn_each(void (*fn)(struct conn *c))
{
    for (uint32_t i = 0; i < conns.table.n_slots; i++) {
        struct conn *c = conns.table.slots[i].conn;

        if (c && c->state == CONN_OPEN)
            fn(c);
    }
}

size_t conns_clients(void)
{
    return conns.n_clients;
}

size_t conns_count(void)
{
    return conns.n_all;
}

void conns_close(void)
{
    for (uint32_t i = 0; i < conns.table.n_slots; i++) {
        struct conn *c = conns.table.slots[i].conn;

        if (!c)
            continue;
        conn_close(c, CONN_CLOSE_SHUTDOWN);
        conn_end_turn(c);
        conn_destroy(c);
    }
    publish_tally();
    uv_close((uv_handle_t *)&conns.before_sleep, NULL);
    uv_close((uv_handle_t *)&conns.keep_awake, NULL);
    uv_close((uv_handle_t *)&conns.clock, NULL);
}

void conns_deinit(void)
{
    conn_table_deinit(&conns.table);
    frames_pool_deinit(&conns.frames);
    outq_pool_deinit(&conns.chunks);
    cidr_list_deinit(&conns.proxies);
    memset(&conns, 0, sizeof(conns));
}
