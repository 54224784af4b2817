#include "live/live.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "config.h"
#include "live/fanout.h"
#include "live/feed.h"
#include "live/redis_sub.h"
#include "metrics.h"
#include "ops/log.h"
#include "upstream/handler_client.h"
#include "wire/live_wire.h"

enum {
    FETCH_IDLE_MS = 5000,
    FETCH_LIMIT = 500, /* events per fetch */
    FETCH_MAX_BYTES = 64 * 1024 * 1024,
    LOG_EVERY_MS = 10000,
};

struct live {
    uv_loop_t *loop;
    struct handler_client *client;
    struct live_watch *watch;
    struct fanout *fanout;
    struct feed feed;
    struct redis_sub *redis;
    struct handler_sink fetch_sink;
    struct handler_call *fetch; /* the running GET /v1/feed */
    unsigned fetch_limit;       /* lowered while answers are too large */
    char fetch_query[64];
    uv_timer_t timer; /* feed_step.wake_ms */
    uint32_t epoch;   /* how often the numbering began anew */
    uint64_t gaps;    /* already counted */
    struct log_gate gate;
};

static void drive(struct live *live);

/* ---- what the feed says ---- */

static void on_event(struct feed *feed, uint64_t seq, struct slice json)
{
    fanout_event(container_of(feed, struct live, feed)->fanout, seq, json);
}

static void on_restarted(struct feed *feed)
{
    struct live *live = container_of(feed, struct live, feed);

    log_warn("feed", "the database is older than what was delivered: numbering begins anew",
             "cursor=%" PRIu64, feed->cursor);
    live->epoch++;
    fanout_reset(live->fanout);
    live->watch->restarted(live->watch);
}

static void on_control(struct feed *feed, uint64_t version)
{
    struct live *live = container_of(feed, struct live, feed);

    live->watch->control(live->watch, version);
}

static const struct feed_ops feed_ops = {
    .event = on_event, .restarted = on_restarted, .control = on_control};

/* ---- fetching ---- */

static void log_bad(struct live *live, const char *what)
{
    uint32_t suppressed;

    if (log_gate_open(&live->gate, LOG_EVERY_MS, &suppressed))
        log_error("feed", what, "suppressed=%u", (unsigned)suppressed);
}

static void on_fetched(struct handler_sink *sink, const struct handler_result *r)
{
    struct live *live = container_of(sink, struct live, fetch_sink);
    uint64_t now = uv_now(live->loop);
    bool ok = r->err == OK;

    live->fetch = NULL;
    if (!ok)
        feed_fetch_failed(&live->feed, now);
    else if (!feed_fetched(&live->feed, r->body, now))
        log_bad(live, "malformed answer of /v1/feed");
    if (r->err == ERR_NOMEM && live->fetch_limit > 1)
        live->fetch_limit /= 2;
    else if (ok)
        live->fetch_limit = FETCH_LIMIT;
    metric_add(M_FEED_FETCHES, ok ? FETCH_METRIC_DONE : FETCH_METRIC_FAILED, 1);
    drive(live);
}

static const struct handler_sink_ops fetch_ops = {.done = on_fetched};

static void start_fetch(struct live *live, uint64_t after)
{
    const struct handler_request req = {.route = HANDLER_FEED,
                                        .query = live->fetch_query,
                                        .idle_ms = FETCH_IDLE_MS,
                                        .max_collect = FETCH_MAX_BYTES};

    snprintf(live->fetch_query, sizeof live->fetch_query, "?after=%" PRIu64 "&limit=%u", after,
             live->fetch_limit);
    live->fetch = handler_call_start(live->client, &req, &live->fetch_sink);
    if (!live->fetch)
        feed_fetch_failed(&live->feed, uv_now(live->loop));
}

static void on_timer(uv_timer_t *timer)
{
    drive(timer->data);
}

/* Does what the feed wants next. */
static void drive(struct live *live)
{
    uint64_t now = uv_now(live->loop);
    struct feed_step step = feed_next(&live->feed, now);

    if (step.fetch) {
        start_fetch(live, step.after);
        step = feed_next(&live->feed, now);
    }
    if (step.wake_ms == UINT64_MAX)
        uv_timer_stop(&live->timer);
    else
        uv_timer_start(&live->timer, on_timer, step.wake_ms > now ? step.wake_ms - now : 0, 0);
    metric_add(M_FEED_GAPS, 0, (int64_t)(live->feed.gaps - live->gaps));
    live->gaps = live->feed.gaps;
    metric_set(M_FEED_HELD, 0, (int64_t)live->feed.n_held);
    metric_set(M_FEED_POLLING, 0, feed_is_polling(&live->feed, now));
}

/* ---- what Redis says ---- */

static void on_redis_up(struct live *live)
{
    feed_redis_up(&live->feed, uv_now(live->loop));
    drive(live);
}

static void on_redis_down(struct live *live)
{
    feed_redis_down(&live->feed, uv_now(live->loop));
    drive(live);
}

/* How old the record is: the clocks of two machines may differ by a little. */
static void observe_delay(struct slice record)
{
    struct live_head head;
    int64_t ms;

    if (!live_head_parse(&record, &head))
        return;
    ms = clock_unix_ms() - (int64_t)head.sent_ms;
    metric_observe(M_LIVE_DELAY_SECONDS, 0, ms > 0 ? (uint64_t)ms * 1000 : 0);
}

static void on_redis_message(struct live *live, struct slice payload)
{
    uint64_t start = clock_mono_us();

    observe_delay(payload);
    if (!feed_record(&live->feed, payload, uv_now(live->loop)))
        log_bad(live, "malformed live record");
    metric_observe(M_LIVE_FANOUT_SECONDS, 0, clock_mono_us() - start);
    drive(live);
}

static const struct redis_sub_ops redis_ops = {
    .up = on_redis_up, .message = on_redis_message, .down = on_redis_down};

/* ---- life ---- */

struct live *live_start(uv_loop_t *loop, const struct config *cfg, struct handler_client *client,
                        struct live_watch *watch)
{
    const struct feed_times times = {.reorder_ms = (uint32_t)cfg->reorder_ms,
                                     .silence_ms = (uint32_t)cfg->feed_silence_ms,
                                     .poll_ms = (uint32_t)cfg->feed_poll_ms};
    const struct redis_sub_options redis = {.host = cfg->shared.redis_host,
                                            .port = (uint16_t)cfg->shared.redis_port,
                                            .password = cfg->shared.redis_password,
                                            .channel = LIVE_CHANNEL};
    struct live *live = calloc(1, sizeof *live);

    if (!live)
        return NULL;
    live->loop = loop;
    live->client = client;
    live->watch = watch;
    live->fetch_sink.ops = &fetch_ops;
    live->fetch_limit = FETCH_LIMIT;
    feed_init(&live->feed, &feed_ops, &times, uv_now(loop));
    live->fanout = fanout_new((size_t)cfg->ring_events, (size_t)cfg->ring_bytes);
    live->redis = live->fanout ? redis_sub_start(loop, &redis, &redis_ops, live) : NULL;
    if (!live->redis) {
        log_error("feed", "out of memory at start", "");
        fanout_free(live->fanout);
        free(live);
        return NULL;
    }
    uv_timer_init(loop, &live->timer);
    live->timer.data = live;
    drive(live);
    return live;
}

bool live_ready(const struct live *live, const char **reason)
{
    *reason = NULL;
    if (!live->feed.known) {
        *reason = "feed: position not known yet";
        return false;
    }
    if (!live->feed.redis_up)
        *reason = "redis: away, live events are polled";
    else if (feed_is_polling(&live->feed, uv_now(live->loop)))
        *reason = "redis: silent, live events are polled";
    return true;
}

struct fanout *live_fanout(struct live *live)
{
    return live->fanout;
}

bool live_cursor(const struct live *live, uint64_t *cursor, uint32_t *epoch)
{
    *cursor = live->feed.cursor;
    *epoch = live->epoch;
    return live->feed.known;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void live_stop(struct live *live)
{
    if (!live)
        return;
    redis_sub_stop(live->redis);
    handler_call_cancel(live->fetch);
    fanout_free(live->fanout);
    feed_deinit(&live->feed);
    uv_close((uv_handle_t *)&live->timer, on_closed);
}
