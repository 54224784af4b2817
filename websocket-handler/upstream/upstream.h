#ifndef WEBSOCKET_HANDLER_UPSTREAM_UPSTREAM_H
#define WEBSOCKET_HANDLER_UPSTREAM_UPSTREAM_H
/*
 * All that the front end asks of the event handlers: batches of events (batcher.h), queries and
 * counts (query_queue.h), the feed (handler_client.h). This file starts and stops it. Loop thread
 * only.
 */
#include <uv.h>

#include "base/base.h"

struct batcher;
struct config;
struct handler_client;
struct handler_metrics;
struct query_queue;

struct upstream {
    struct handler_client *client;
    struct batcher *batcher;
    struct query_queue *queries;
    struct handler_metrics *metrics;
};

/* Starts probing the event handlers named in cfg. Returns NULL (after a log line) when a library
 * cannot be set up. cfg must outlive the upstream. */
struct upstream *upstream_start(uv_loop_t *loop, const struct config *cfg);
/* Can at least one event handler take work? If not, *reason is a static sentence for /readyz. */
bool upstream_ready(const struct upstream *u, const char **reason);
/* No EVENT is waiting for its verdict: what a draining process waits for before it ends. */
bool upstream_idle(const struct upstream *u);
/* Cancels everything and closes all handles; memory goes when the loop has run their close
 * callbacks. Call after live_stop() and after the last connection has ended. NULL is fine. */
void upstream_stop(struct upstream *u);

#endif
