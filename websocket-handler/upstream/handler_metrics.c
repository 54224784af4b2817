#include "upstream/handler_metrics.h"

#include <stdlib.h>

#include "base/clock.h"

enum {
    FRESH_MS = 1000, /* nothing is asked for so soon after the last answer */
    STALE_MS = 15000,
    IDLE_MS = 3000,
    MAX_BYTES = 1024 * 1024,
};

struct handler_metrics {
    struct handler_client *client;
    struct handler_sink sink;
    struct handler_call *call;
    struct buf text;
    uint64_t came_ms; /* 0: never */
};

static void on_done(struct handler_sink *sink, const struct handler_result *r)
{
    struct handler_metrics *m = container_of(sink, struct handler_metrics, sink);

    m->call = NULL;
    if (r->err != OK)
        return;
    buf_reset(&m->text);
    buf_add_slice(&m->text, r->body);
    m->came_ms = clock_mono_ms();
}

static const struct handler_sink_ops ops = {.done = on_done};

struct handler_metrics *handler_metrics_new(struct handler_client *client)
{
    struct handler_metrics *m = calloc(1, sizeof *m);

    if (!m)
        return NULL;
    m->client = client;
    m->sink.ops = &ops;
    buf_init(&m->text, MAX_BYTES);
    return m;
}

void handler_metrics_free(struct handler_metrics *m)
{
    if (!m)
        return;
    handler_call_cancel(m->call);
    buf_deinit(&m->text);
    free(m);
}

struct slice handler_metrics_look(struct handler_metrics *m)
{
    const struct handler_request req = {
        .route = HANDLER_METRICS, .idle_ms = IDLE_MS, .max_collect = MAX_BYTES};
    uint64_t now = clock_mono_ms();

    if (!m->call && (m->came_ms == 0 || now - m->came_ms >= FRESH_MS))
        m->call = handler_call_start(m->client, &req, &m->sink);
    if (m->came_ms == 0 || now - m->came_ms > STALE_MS || m->text.failed)
        return slice_of(NULL, 0);
    return buf_slice(&m->text);
}
