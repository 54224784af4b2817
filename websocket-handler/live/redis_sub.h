#ifndef WEBSOCKET_HANDLER_LIVE_REDIS_SUB_H
#define WEBSOCKET_HANDLER_LIVE_REDIS_SUB_H
/*
 * A Redis subscription that is made again after each loss (redis_link.h). Loop thread only.
 */
#include <uv.h>

#include "base/slice.h"

struct live;
struct redis_sub;

struct redis_sub_options {
    const char *host; /* borrowed, as are the others, until redis_sub_stop() */
    uint16_t port;
    const char *password; /* "": none */
    const char *channel;
};

struct redis_sub_ops {
    void (*up)(struct live *live); /* the subscription is confirmed */
    void (*message)(struct live *live, struct slice payload);
    void (*down)(struct live *live); /* it was up and is lost */
};

/* NULL without memory. Calls ops with owner. */
struct redis_sub *redis_sub_start(uv_loop_t *loop, const struct redis_sub_options *options,
                                  const struct redis_sub_ops *ops, struct live *owner);
/* No op is called any more. NULL is fine. */
void redis_sub_stop(struct redis_sub *rs);

#endif
