#ifndef WEBSOCKET_HANDLER_LIVE_REDIS_LINK_H
#define WEBSOCKET_HANDLER_LIVE_REDIS_LINK_H
/*
 * A connection to Redis that never gives up: resolve, connect, AUTH, and the same again after each
 * loss, with growing delays. One that looks healthy but is silent is pinged, and dropped when no
 * byte comes back. What is said on it is the owner's affair (redis_sub.h, limit/limits.h). Loop
 * thread only.
 *
 *   WAITING --timer--> RESOLVING --> CONNECTING --redis_link_up()--> UP
 *      ^------------------------- any failure -----------------------'
 */
#include <hiredis/async.h>
#include <uv.h>

#include "base/slice.h"

struct redis_link;

struct redis_link_options {
    const char *host; /* borrowed, as are the others, until redis_link_stop() */
    uint16_t port;
    const char *password; /* "": none */
    const char *loss;     /* for the log: what the relay does without it */
};

struct redis_link_ops {
    /* TCP is there and AUTH is on its way: the owner sends its first command, and calls
     * redis_link_up() when its answer is good, or redis_link_fail(). */
    void (*connected)(struct redis_link *link, void *owner);
    void (*down)(void *owner); /* it was up and is lost */
};

/* NULL without memory. */
struct redis_link *redis_link_start(uv_loop_t *loop, const struct redis_link_options *options,
                                    const struct redis_link_ops *ops, void *owner);
/* No op is called any more, nor a callback of a command but with a NULL reply; memory goes when the
 * loop has run the close callbacks. NULL is fine. */
void redis_link_stop(struct redis_link *link);

/* For commands; NULL while there is no connection. Their callbacks find the owner by
 * redis_link_owner(), which is NULL once the connection has been given up. */
redisAsyncContext *redis_link_context(struct redis_link *link);
void *redis_link_owner(const redisAsyncContext *ac);
void redis_link_up(struct redis_link *link);
void redis_link_fail(struct redis_link *link, const char *why);

#endif
