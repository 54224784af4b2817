#include "live/redis_sub.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "live/redis_loop.h"
#include "metrics.h"
#include "ops/backoff.h"
#include "ops/log.h"

enum {
    RETRY_FIRST_MS = 100,
    RETRY_MOST_MS = 2000,
    HANDSHAKE_MS = 3000, /* from connect to the confirmed subscription */
    TICK_MS = 1000,
    PING_AFTER_MS = 2000,
    SILENT_AFTER_MS = 5000,
    LOG_EVERY_MS = 10000,
};

enum redis_sub_state { WAITING, RESOLVING, CONNECTING, SUBSCRIBED, STOPPED };

struct redis_sub {
    uv_loop_t *loop;
    struct redis_sub_options options;
    const struct redis_sub_ops *ops;
    struct live *owner;
    enum redis_sub_state state;
    redisAsyncContext *ac; /* NULL in WAITING and RESOLVING */
    uv_timer_t timer;      /* WAITING: retry; CONNECTING: deadline; SUBSCRIBED: tick */
    uv_getaddrinfo_t resolve;
    bool resolving; /* libuv still holds `resolve` */
    bool closed;    /* and lets go of the timer */
    struct backoff backoff;
    struct log_gate gate;
};

static void on_timer(uv_timer_t *timer);

/* ---- leaving a state ---- */

static void wait_and_retry(struct redis_sub *rs)
{
    bool was_up = rs->state == SUBSCRIBED;

    rs->state = WAITING;
    uv_timer_start(&rs->timer, on_timer, backoff_next(&rs->backoff), 0);
    if (was_up) {
        metric_add(M_REDIS_CONNECTED, 0, -1);
        rs->ops->down(rs->owner);
    }
}

static void log_loss(struct redis_sub *rs, const char *why)
{
    uint32_t suppressed;
    char quoted[160];

    if (log_gate_open(&rs->gate, LOG_EVERY_MS, &suppressed))
        log_warn("redis", "Redis is not available, live delivery polls",
                 "host=%s port=%u why=%s suppressed=%u", rs->options.host,
                 (unsigned)rs->options.port, log_quote(why, strlen(why), quoted, sizeof quoted),
                 (unsigned)suppressed);
}

/* Lets go of the context. hiredis still runs its callbacks; without data they do nothing. */
static void drop_context(struct redis_sub *rs)
{
    redisAsyncContext *ac = rs->ac;

    rs->ac = NULL;
    if (ac) {
        ac->data = NULL;
        redisAsyncFree(ac);
    }
}

static void fail(struct redis_sub *rs, const char *why)
{
    log_loss(rs, why);
    drop_context(rs);
    wait_and_retry(rs);
}

/* ---- hiredis callbacks ---- */

static void on_auth(redisAsyncContext *ac, void *reply, void *data)
{
    struct redis_sub *rs = ac->data;
    const redisReply *r = reply;

    (void)data;
    if (rs && r && r->type == REDIS_REPLY_ERROR)
        fail(rs, r->str);
}

static void subscribed(struct redis_sub *rs)
{
    if (rs->state == SUBSCRIBED)
        return;
    rs->state = SUBSCRIBED;
    backoff_reset(&rs->backoff);
    uv_timer_start(&rs->timer, on_timer, TICK_MS, TICK_MS);
    metric_add(M_REDIS_CONNECTED, 0, 1);
    metric_add(M_REDIS_CONNECTS, 0, 1);
    log_info("redis", "subscribed to the live feed", "host=%s port=%u", rs->options.host,
             (unsigned)rs->options.port);
    rs->ops->up(rs->owner);
}

/* A reply of the subscription: ["subscribe", channel, n] once, then ["message", channel, payload].
 */
static void on_push(redisAsyncContext *ac, void *reply, void *data)
{
    struct redis_sub *rs = ac->data;
    const redisReply *r = reply;

    (void)data;
    if (!rs || !r || r->type != REDIS_REPLY_ARRAY || r->elements != 3 ||
        r->element[0]->type != REDIS_REPLY_STRING)
        return;
    if (strcasecmp(r->element[0]->str, "subscribe") == 0)
        subscribed(rs);
    else if (strcasecmp(r->element[0]->str, "message") == 0 && rs->state == SUBSCRIBED &&
             r->element[2]->type == REDIS_REPLY_STRING)
        rs->ops->message(rs->owner, slice_of(r->element[2]->str, r->element[2]->len));
}

static void on_connect(const redisAsyncContext *ac, int status)
{
    struct redis_sub *rs = ac->data;

    if (!rs)
        return;
    if (status != REDIS_OK) {
        rs->ac = NULL; /* hiredis frees it */
        log_loss(rs, ac->errstr);
        wait_and_retry(rs);
        return;
    }
    if (rs->options.password[0])
        redisAsyncCommand(rs->ac, on_auth, NULL, "AUTH %s", rs->options.password);
    redisAsyncCommand(rs->ac, on_push, NULL, "SUBSCRIBE %s", rs->options.channel);
}

static void on_disconnect(const redisAsyncContext *ac, int status)
{
    struct redis_sub *rs = ac->data;

    (void)status;
    if (!rs)
        return;
    rs->ac = NULL; /* hiredis frees it */
    log_loss(rs, ac->err ? ac->errstr : "closed");
    wait_and_retry(rs);
}

/* ---- connecting ---- */

static void connect_to(struct redis_sub *rs, const char *address)
{
    redisAsyncContext *ac = redisAsyncConnect(address, rs->options.port);

    rs->state = CONNECTING;
    rs->ac = ac;
    if (!ac || ac->err) {
        fail(rs, ac ? ac->errstr : "out of memory");
        return;
    }
    if (redis_loop_attach(ac, rs->loop) != OK) {
        fail(rs, "no poll handle");
        return;
    }
    ac->data = rs;
    redisAsyncSetConnectCallback(ac, on_connect);
    redisAsyncSetDisconnectCallback(ac, on_disconnect);
    uv_timer_start(&rs->timer, on_timer, HANDSHAKE_MS, 0);
}

static void free_when_closed(struct redis_sub *rs)
{
    if (rs->closed && !rs->resolving)
        free(rs);
}

/* hiredis would look names up in the loop's thread and hold up every client; so we do it first. */
static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *found)
{
    struct redis_sub *rs = req->data;
    char address[INET6_ADDRSTRLEN] = "";

    rs->resolving = false;
    if (found && found->ai_family == AF_INET6)
        uv_ip6_name((const struct sockaddr_in6 *)(const void *)found->ai_addr, address,
                    sizeof address);
    else if (found)
        uv_ip4_name((const struct sockaddr_in *)(const void *)found->ai_addr, address,
                    sizeof address);
    uv_freeaddrinfo(found);
    if (rs->state == STOPPED)
        free_when_closed(rs);
    else if (!address[0])
        fail(rs, status ? uv_strerror(status) : "no address");
    else
        connect_to(rs, address);
}

static void resolve(struct redis_sub *rs)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    int status;

    rs->state = RESOLVING;
    rs->resolve.data = rs;
    status = uv_getaddrinfo(rs->loop, &rs->resolve, on_resolved, rs->options.host, NULL, &hints);
    rs->resolving = status == 0;
    if (status != 0)
        fail(rs, uv_strerror(status));
}

static void check_silence(struct redis_sub *rs)
{
    uint64_t silent = uv_now(rs->loop) - redis_loop_heard_ms(rs->ac);

    if (silent >= SILENT_AFTER_MS)
        fail(rs, "silent");
    else if (silent >= PING_AFTER_MS)
        redisAsyncCommand(rs->ac, NULL, NULL, "PING");
}

static void on_timer(uv_timer_t *timer)
{
    struct redis_sub *rs = timer->data;

    switch (rs->state) {
    case WAITING:
        resolve(rs);
        break;
    case CONNECTING:
        fail(rs, "no answer");
        break;
    case SUBSCRIBED:
        check_silence(rs);
        break;
    case RESOLVING:
    case STOPPED:
        break;
    }
}

/* ---- life ---- */

struct redis_sub *redis_sub_start(uv_loop_t *loop, const struct redis_sub_options *options,
                                  const struct redis_sub_ops *ops, struct live *owner)
{
    struct redis_sub *rs = calloc(1, sizeof *rs);

    if (!rs)
        return NULL;
    rs->loop = loop;
    rs->options = *options;
    rs->ops = ops;
    rs->owner = owner;
    backoff_init(&rs->backoff, RETRY_FIRST_MS, RETRY_MOST_MS);
    uv_timer_init(loop, &rs->timer);
    rs->timer.data = rs;
    rs->state = WAITING;
    uv_timer_start(&rs->timer, on_timer, 0, 0);
    return rs;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct redis_sub *rs = handle->data;

    rs->closed = true;
    free_when_closed(rs);
}

void redis_sub_stop(struct redis_sub *rs)
{
    if (!rs)
        return;
    if (rs->state == SUBSCRIBED)
        metric_add(M_REDIS_CONNECTED, 0, -1);
    rs->state = STOPPED;
    drop_context(rs);
    if (rs->resolving)
        uv_cancel((uv_req_t *)&rs->resolve);
    uv_close((uv_handle_t *)&rs->timer, on_timer_closed);
}
