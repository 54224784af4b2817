#include "live/redis_sub.h"

#include <stdlib.h>
#include <strings.h>

#include "live/redis_link.h"
#include "metrics.h"
#include "ops/log.h"

struct redis_sub {
    struct redis_link *link;
    struct redis_sub_options options;
    const struct redis_sub_ops *ops;
    struct live *owner;
    bool up;
};

static void subscribed(struct redis_sub *rs)
{
    if (rs->up)
        return;
    rs->up = true;
    redis_link_up(rs->link);
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
    struct redis_sub *rs = redis_link_owner(ac);
    const redisReply *r = reply;

    (void)data;
    if (!rs || !r || r->type != REDIS_REPLY_ARRAY || r->elements != 3 ||
        r->element[0]->type != REDIS_REPLY_STRING)
        return;
    if (strcasecmp(r->element[0]->str, "subscribe") == 0)
        subscribed(rs);
    else if (strcasecmp(r->element[0]->str, "message") == 0 && rs->up &&
             r->element[2]->type == REDIS_REPLY_STRING)
        rs->ops->message(rs->owner, slice_of(r->element[2]->str, r->element[2]->len));
}

static void on_connected(struct redis_link *link, void *owner)
{
    struct redis_sub *rs = owner;

    redisAsyncCommand(redis_link_context(link), on_push, NULL, "SUBSCRIBE %s", rs->options.channel);
}

static void on_down(void *owner)
{
    struct redis_sub *rs = owner;

    rs->up = false;
    metric_add(M_REDIS_CONNECTED, 0, -1);
    rs->ops->down(rs->owner);
}

static const struct redis_link_ops link_ops = {.connected = on_connected, .down = on_down};

struct redis_sub *redis_sub_start(uv_loop_t *loop, const struct redis_sub_options *options,
                                  const struct redis_sub_ops *ops, struct live *owner)
{
    const struct redis_link_options link = {.host = options->host,
                                            .port = options->port,
                                            .password = options->password,
                                            .loss = "Redis is not available, live delivery polls"};
    struct redis_sub *rs = calloc(1, sizeof *rs);

    if (!rs)
        return NULL;
    rs->options = *options;
    rs->ops = ops;
    rs->owner = owner;
    rs->link = redis_link_start(loop, &link, &link_ops, rs);
    if (rs->link)
        return rs;
    free(rs);
    return NULL;
}

void redis_sub_stop(struct redis_sub *rs)
{
    if (!rs)
        return;
    if (rs->up)
        metric_add(M_REDIS_CONNECTED, 0, -1);
    redis_link_stop(rs->link);
    free(rs);
}
