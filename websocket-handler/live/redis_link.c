#include "live/redis_link.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "live/redis_loop.h"
#include "ops/backoff.h"
#include "ops/log.h"

enum {
    RETRY_FIRST_MS = 100,
    RETRY_MOST_MS = 2000,
    HANDSHAKE_MS = 3000, /* from connect to redis_link_up() */
    TICK_MS = 1000,
    PING_AFTER_MS = 2000,
    SILENT_AFTER_MS = 5000,
    LOG_EVERY_MS = 10000,
};

enum redis_link_state { WAITING, RESOLVING, CONNECTING, UP, STOPPED };

struct redis_link {
    uv_loop_t *loop;
    struct redis_link_options options;
    const struct redis_link_ops *ops;
    void *owner;
    enum redis_link_state state;
    redisAsyncContext *ac; /* NULL in WAITING and RESOLVING */
    uv_timer_t timer;      /* WAITING: retry; CONNECTING: deadline; UP: tick */
    uv_getaddrinfo_t resolve;
    bool resolving; /* libuv still holds `resolve` */
    bool closed;    /* and lets go of the timer */
    struct backoff backoff;
    struct log_gate gate;
};

static void on_timer(uv_timer_t *timer);

/* ---- leaving a state ---- */

static void wait_and_retry(struct redis_link *link)
{
    bool was_up = link->state == UP;

    link->state = WAITING;
    uv_timer_start(&link->timer, on_timer, backoff_next(&link->backoff), 0);
    if (was_up)
        link->ops->down(link->owner);
}

static void log_loss(struct redis_link *link, const char *why)
{
    uint32_t suppressed;
    char quoted[160];

    if (log_gate_open(&link->gate, LOG_EVERY_MS, &suppressed))
        log_warn("redis", link->options.loss, "host=%s port=%u why=%s suppressed=%u",
                 link->options.host, (unsigned)link->options.port,
                 log_quote(why, strlen(why), quoted, sizeof quoted), (unsigned)suppressed);
}

/* Lets go of the context. hiredis still runs its callbacks; without data they do nothing. */
static void drop_context(struct redis_link *link)
{
    redisAsyncContext *ac = link->ac;

    link->ac = NULL;
    if (ac) {
        ac->data = NULL;
        redisAsyncFree(ac);
    }
}

void redis_link_fail(struct redis_link *link, const char *why)
{
    log_loss(link, why);
    drop_context(link);
    wait_and_retry(link);
}

void redis_link_up(struct redis_link *link)
{
    if (link->state == UP)
        return;
    link->state = UP;
    backoff_reset(&link->backoff);
    uv_timer_start(&link->timer, on_timer, TICK_MS, TICK_MS);
}

/* ---- hiredis callbacks ---- */

static void on_auth(redisAsyncContext *ac, void *reply, void *data)
{
    struct redis_link *link = ac->data;
    const redisReply *r = reply;

    (void)data;
    if (link && r && r->type == REDIS_REPLY_ERROR)
        redis_link_fail(link, r->str);
}

static void on_connect(const redisAsyncContext *ac, int status)
{
    struct redis_link *link = ac->data;

    if (!link)
        return;
    if (status != REDIS_OK) {
        link->ac = NULL; /* hiredis frees it */
        log_loss(link, ac->errstr);
        wait_and_retry(link);
        return;
    }
    if (link->options.password[0])
        redisAsyncCommand(link->ac, on_auth, NULL, "AUTH %s", link->options.password);
    link->ops->connected(link, link->owner);
}

static void on_disconnect(const redisAsyncContext *ac, int status)
{
    struct redis_link *link = ac->data;

    (void)status;
    if (!link)
        return;
    link->ac = NULL; /* hiredis frees it */
    log_loss(link, ac->err ? ac->errstr : "closed");
    wait_and_retry(link);
}

/* ---- connecting ---- */

static void connect_to(struct redis_link *link, const char *address)
{
    redisAsyncContext *ac = redisAsyncConnect(address, link->options.port);

    link->state = CONNECTING;
    link->ac = ac;
    if (!ac || ac->err) {
        redis_link_fail(link, ac ? ac->errstr : "out of memory");
        return;
    }
    if (redis_loop_attach(ac, link->loop) != OK) {
        redis_link_fail(link, "no poll handle");
        return;
    }
    ac->data = link;
    redisAsyncSetConnectCallback(ac, on_connect);
    redisAsyncSetDisconnectCallback(ac, on_disconnect);
    uv_timer_start(&link->timer, on_timer, HANDSHAKE_MS, 0);
}

static void free_when_closed(struct redis_link *link)
{
    if (link->closed && !link->resolving)
        free(link);
}

/* hiredis would look names up in the loop's thread and hold up every client; so we do it first. */
static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *found)
{
    struct redis_link *link = req->data;
    char address[INET6_ADDRSTRLEN] = "";

    link->resolving = false;
    if (found && found->ai_family == AF_INET6)
        uv_ip6_name((const struct sockaddr_in6 *)(const void *)found->ai_addr, address,
                    sizeof address);
    else if (found)
        uv_ip4_name((const struct sockaddr_in *)(const void *)found->ai_addr, address,
                    sizeof address);
    uv_freeaddrinfo(found);
    if (link->state == STOPPED)
        free_when_closed(link);
    else if (!address[0])
        redis_link_fail(link, status ? uv_strerror(status) : "no address");
    else
        connect_to(link, address);
}

static void resolve(struct redis_link *link)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    int status;

    link->state = RESOLVING;
    link->resolve.data = link;
    status =
        uv_getaddrinfo(link->loop, &link->resolve, on_resolved, link->options.host, NULL, &hints);
    link->resolving = status == 0;
    if (status != 0)
        redis_link_fail(link, uv_strerror(status));
}

static void check_silence(struct redis_link *link)
{
    uint64_t silent = uv_now(link->loop) - redis_loop_heard_ms(link->ac);

    if (silent >= SILENT_AFTER_MS)
        redis_link_fail(link, "silent");
    else if (silent >= PING_AFTER_MS)
        redisAsyncCommand(link->ac, NULL, NULL, "PING");
}

static void on_timer(uv_timer_t *timer)
{
    struct redis_link *link = timer->data;

    switch (link->state) {
    case WAITING:
        resolve(link);
        break;
    case CONNECTING:
        redis_link_fail(link, "no answer");
        break;
    case UP:
        check_silence(link);
        break;
    case RESOLVING:
    case STOPPED:
        break;
    }
}

/* ---- life ---- */

redisAsyncContext *redis_link_context(struct redis_link *link)
{
    return link->ac;
}

void *redis_link_owner(const redisAsyncContext *ac)
{
    const struct redis_link *link = ac->data;

    return link ? link->owner : NULL;
}

struct redis_link *redis_link_start(uv_loop_t *loop, const struct redis_link_options *options,
                                    const struct redis_link_ops *ops, void *owner)
{
    struct redis_link *link = calloc(1, sizeof *link);

    if (!link)
        return NULL;
    link->loop = loop;
    link->options = *options;
    link->ops = ops;
    link->owner = owner;
    backoff_init(&link->backoff, RETRY_FIRST_MS, RETRY_MOST_MS);
    uv_timer_init(loop, &link->timer);
    link->timer.data = link;
    link->state = WAITING;
    uv_timer_start(&link->timer, on_timer, 0, 0);
    return link;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct redis_link *link = handle->data;

    link->closed = true;
    free_when_closed(link);
}

void redis_link_stop(struct redis_link *link)
{
    if (!link)
        return;
    link->state = STOPPED;
    drop_context(link);
    if (link->resolving)
        uv_cancel((uv_req_t *)&link->resolve);
    uv_close((uv_handle_t *)&link->timer, on_timer_closed);
}
