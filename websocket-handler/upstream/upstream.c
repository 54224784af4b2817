#include "upstream/upstream.h"

#include <stdlib.h>

#include "ops/log.h"
#include "upstream/batcher.h"
#include "upstream/handler_client.h"
#include "upstream/handler_metrics.h"
#include "upstream/query_queue.h"

struct upstream *upstream_start(uv_loop_t *loop, const struct config *cfg)
{
    struct upstream *u = calloc(1, sizeof *u);

    if (!u)
        return NULL;
    u->client = handler_client_new(loop, cfg);
    if (u->client) {
        u->batcher = batcher_new(loop, cfg, u->client);
        u->queries = query_queue_new(loop, cfg, u->client);
        u->metrics = handler_metrics_new(u->client);
    }
    if (!u->batcher || !u->queries || !u->metrics) {
        log_error("upstream", "cannot start", "");
        upstream_stop(u);
        return NULL;
    }
    return u;
}

bool upstream_ready(const struct upstream *u, const char **reason)
{
    return handler_client_ready(u->client, reason);
}

bool upstream_idle(const struct upstream *u)
{
    return batcher_idle(u->batcher);
}

void upstream_stop(struct upstream *u)
{
    if (!u)
        return;
    handler_metrics_free(u->metrics);
    query_queue_close(u->queries);
    batcher_close(u->batcher);
    handler_client_close(u->client);
    free(u);
}
