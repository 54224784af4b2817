#ifndef WEBSOCKET_HANDLER_LIVE_LIVE_H
#define WEBSOCKET_HANDLER_LIVE_LIVE_H
/*
 * Live delivery in one piece: Redis (redis_sub.h) and GET /v1/feed bring records, the feed (feed.h)
 * puts them in order, the fan-out (fanout.h) gives each event to the ring (ring.h) and to every
 * matching subscription (sub_index.h). This file owns them and does their I/O. Loop thread only.
 */
#include <uv.h>

#include "base/base.h"

struct config;
struct fanout;
struct handler_client;
struct live;

/* Embedded by whoever wants to know. */
struct live_watch {
    /* The feed names a version of the moderation state; often the same again. */
    void (*control)(struct live_watch *watch, uint64_t version);
    /* The database was restored from a backup, and all its numbering begins anew. */
    void (*restarted)(struct live_watch *watch);
};

/* Connects to Redis and asks for the feed's position. Returns NULL (after a log line) only without
 * memory or handles: an absent Redis or event handler is retried for ever. cfg, client
 * and watch must outlive it. */
struct live *live_start(uv_loop_t *loop, const struct config *cfg, struct handler_client *client,
                        struct live_watch *watch);
/* Does live delivery work? If not, or only degraded (polling, because Redis is away), *reason is a
 * static sentence for /readyz. Returns false only while the feed's position is unknown; degraded
 * gives true with *reason set, healthy gives true with *reason NULL. */
bool live_ready(const struct live *live, const char **reason);
/* Where subscriptions are entered (fanout.h). */
struct fanout *live_fanout(struct live *live);
/* False while the position is unknown: no subscription can be served yet. *cursor: all stored
 * events up to it have been through the fan-out. *epoch grows when the database's numbering begins
 * anew, and seqs of before mean nothing any more. */
NODISCARD bool live_cursor(const struct live *live, uint64_t *cursor, uint32_t *epoch);
/* Closes all handles; memory goes when the loop has run their close callbacks. After the last
 * connection has ended. NULL is fine. */
void live_stop(struct live *live);

#endif
