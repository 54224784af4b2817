#include "upstream/query_queue.h"

#include <stdlib.h>

#include "base/clock.h"
#include "config.h"
#include "metrics.h"
#include "otel/otel.h"
#include "upstream/handler_client.h"
#include "upstream/query_share.h"
#include "upstream/row_stream.h"

enum {
    OPEN_PER_RUNNING =
        16, /* most running and paused ones together, as a multiple of those that may run */
    MAX_COUNT_BYTES = 4096, /* of an answer to a count: 512 digits of HyperLogLog and some */
    LINE_SLACK = 128 * 1024,
    CANCELLED_LEAST_MS = 50,
    CANCELLED_MOST_MS = 500,
    FAILED_MOST_MS = 2000,
};

struct query_queue {
    const struct config *cfg;
    struct handler_client *client;
    uv_prepare_t prepare; /* active while something may be started */
    struct list lanes;    /* query_lane.node: have waiting queries and may start one */
    struct list paused;   /* query.node, longest paused first */
    size_t n_waiting, n_active, n_paused;
    size_t bytes; /* of their bodies */
    struct subject_table shares;
};

enum query_state { QUERY_WAITING, QUERY_RUNNING, QUERY_PAUSED };

struct query {
    struct list node; /* in lane.waiting or query_queue.paused */
    struct query_queue *qq;
    struct query_lane *lane;
    struct query_sink *sink; /* NULL once cancelled */
    enum query_verb verb;
    enum query_state state;
    bool busy;     /* inside row(): freeing waits until it returns */
    bool complete; /* the whole answer is here, though not handed out */
    struct buf body;
    struct handler_sink handler_sink;
    struct handler_call *call; /* NULL while waiting and once complete */
    struct row_stream rows;
    struct row_reader reader;
    uint64_t started_us;
    uint64_t sent_us; /* when it went out, 0 while it waits */
    uint64_t cost_ms; /* as the event handler says */
    int64_t n_rows;
    struct span span;
};

void query_lane_init(struct query_lane *lane)
{
    *lane = (struct query_lane){0};
    list_init(&lane->node);
    list_init(&lane->waiting);
}

void query_lane_join(struct query_queue *qq, struct query_lane *lane, struct slice address)
{
    lane->share = query_share_join(&qq->shares, address);
}

void query_lane_leave(struct query_queue *qq, struct query_lane *lane)
{
    if (lane->share)
        query_share_leave(&qq->shares, lane->share);
    lane->share = NULL;
}

static void show(const struct query_queue *qq)
{
    metric_set(M_QUERIES_WAITING, 0, (int64_t)qq->n_waiting);
    metric_set(M_QUERIES_ACTIVE, 0, (int64_t)qq->n_active);
    metric_set(M_QUERIES_PAUSED, 0, (int64_t)qq->n_paused);
}

/* ---- turns ---- */

static void pump(uv_prepare_t *prepare);

static bool lane_may_start(const struct query_queue *qq, const struct query_lane *lane)
{
    return lane->n_waiting > 0 && lane->n_running < (uint32_t)qq->cfg->max_running_queries;
}

static bool share_is_used_up(const struct query_queue *qq, const struct query_share *share)
{
    return share && share->n_running >= ((size_t)qq->cfg->queries_in_flight + 1) / 2;
}

/* Something has changed for lane: it may be its turn, or its turn may be off. */
static void offer(struct query_queue *qq, struct query_lane *lane)
{
    if (!lane_may_start(qq, lane))
        list_remove(&lane->node);
    else if (list_empty(&lane->node))
        list_push(share_is_used_up(qq, lane->share) ? &lane->share->held : &qq->lanes, &lane->node);
    show(qq);
    if (!list_empty(&qq->lanes))
        uv_prepare_start(&qq->prepare, pump);
}

/* A query of the share runs no more: its lanes stand in line again, and pump() sees which. */
static void release_held(struct query_queue *qq, struct query_share *share)
{
    struct list *node;

    while (!share_is_used_up(qq, share) && (node = list_pop(&share->held)))
        offer(qq, container_of(node, struct query_lane, node));
}

static void count_running(struct query *q, int change)
{
    struct query_share *share = q->lane->share;

    q->qq->n_active += (size_t)change;
    if (!share)
        return;
    share->n_running += (size_t)change;
    if (change < 0)
        release_held(q->qq, share);
}

static void enter(struct query *q, enum query_state state)
{
    struct query_queue *qq = q->qq;

    qq->n_waiting -= q->state == QUERY_WAITING;
    qq->n_paused -= q->state == QUERY_PAUSED;
    if (q->state == QUERY_RUNNING && state != QUERY_RUNNING)
        count_running(q, -1);
    if (q->state != QUERY_RUNNING && state == QUERY_RUNNING)
        count_running(q, 1);
    q->state = state;
    qq->n_waiting += state == QUERY_WAITING;
    qq->n_paused += state == QUERY_PAUSED;
    list_remove(&q->node);
    if (state == QUERY_PAUSED)
        list_push(&qq->paused, &q->node);
}

/* ---- the end ---- */

/*
 * What a query has cost. One without an end has kept the event handler busy for a while too: at
 * most as long as it was under way, which for a client that reads slowly says little.
 */
static uint64_t spent_ms(const struct query *q, enum query_metric result)
{
    uint64_t ms = q->sent_us ? (clock_mono_us() - q->sent_us) / 1000 : 0;

    if (result == QUERY_METRIC_DONE)
        return q->cost_ms;
    if (q->sent_us == 0)
        return 0;
    if (result == QUERY_METRIC_FAILED)
        return ms < FAILED_MOST_MS ? ms : FAILED_MOST_MS;
    if (ms < CANCELLED_LEAST_MS)
        return CANCELLED_LEAST_MS;
    return ms < CANCELLED_MOST_MS ? ms : CANCELLED_MOST_MS;
}

/* Takes q off all books and frees it. Its lane may be gone right afterwards. */
static void query_free(struct query *q, enum query_metric result)
{
    struct query_queue *qq = q->qq;

    if (q->state == QUERY_WAITING)
        q->lane->n_waiting--;
    else
        q->lane->n_running--;
    q->lane->spent_ms += spent_ms(q, result);
    enter(q, QUERY_RUNNING);
    count_running(q, -1);
    offer(qq, q->lane);
    metric_add(M_QUERIES, result, 1);
    if (result == QUERY_METRIC_DONE)
        metric_observe(M_QUERY_SECONDS, 0, clock_mono_us() - q->started_us);
    span_set(&q->span, "tandem.rows", q->n_rows);
    q->span.failed = result == QUERY_METRIC_FAILED;
    otel_end(&q->span);
    row_stream_deinit(&q->rows);
    qq->bytes -= q->body.len;
    buf_deinit(&q->body);
    free(q);
}

void query_cancel(struct query *q)
{
    if (!q)
        return;
    handler_call_cancel(q->call);
    q->call = NULL;
    q->sink = NULL;
    if (!q->busy)
        query_free(q, QUERY_METRIC_CANCELLED);
}

static void fail(struct query *q, const char *sentence)
{
    struct query_sink *sink = q->sink;

    handler_call_cancel(q->call);
    query_free(q, QUERY_METRIC_FAILED);
    sink->ops->failed(sink, sentence);
}

static void end(struct query *q)
{
    struct query_sink *sink = q->sink;
    struct query_end last = q->rows.end;

    q->cost_ms = last.cost_ms;
    handler_call_cancel(q->call);
    query_free(q, QUERY_METRIC_DONE);
    sink->ops->end(sink, &last);
}

/* ---- rows ---- */

static enum row_wish on_row(struct row_reader *reader, struct slice row)
{
    struct query *q = container_of(reader, struct query, reader);
    bool go_on;

    metric_add(M_QUERY_ROWS, 0, 1);
    if (q->n_rows++ == 0)
        metric_observe(M_QUERY_FIRST_ROW_SECONDS, 0, clock_mono_us() - q->started_us);
    go_on = q->sink->ops->row(q->sink, row);
    if (!q->sink)
        return ROW_STOP;
    return go_on ? ROW_GO_ON : ROW_PAUSE;
}

/* What handing out rows has led to. False when the query is gone. */
static bool after_rows(struct query *q, enum row_result result)
{
    q->busy = false;
    switch (result) {
    case ROWS_STOPPED:
        query_free(q, QUERY_METRIC_CANCELLED);
        return false;
    case ROWS_BROKEN:
        fail(q, "the event handler's answer is malformed");
        return false;
    case ROWS_PAUSED:
        enter(q, QUERY_PAUSED);
        offer(q->qq, q->lane);
        return true;
    case ROWS_END:
    case ROWS_MORE:
        break;
    }
    if (!q->complete)
        return true;
    if (q->rows.has_end)
        end(q);
    else
        fail(q, "the event handler's answer was cut off, please try again");
    return false;
}

static bool on_bytes(struct handler_sink *handler_sink, char *ptr, size_t n)
{
    struct query *q = container_of(handler_sink, struct query, handler_sink);

    if (q->state == QUERY_PAUSED)
        return false;
    q->busy = true;
    after_rows(q, row_stream_feed(&q->rows, ptr, n, &q->reader));
    return true;
}

static void on_rows_done(struct handler_sink *handler_sink, const struct handler_result *r)
{
    struct query *q = container_of(handler_sink, struct query, handler_sink);

    q->call = NULL;
    if (r->err != OK) {
        fail(q, r->sentence);
        return;
    }
    q->complete = true;
    if (q->state != QUERY_PAUSED)
        after_rows(q, ROWS_MORE);
}

void query_resume(struct query *q)
{
    if (q->state != QUERY_PAUSED)
        return;
    enter(q, QUERY_RUNNING);
    q->busy = true;
    if (after_rows(q, row_stream_resume(&q->rows, &q->reader)) && q->state == QUERY_RUNNING &&
        q->call)
        handler_call_resume(q->call);
}

static void on_count_done(struct handler_sink *handler_sink, const struct handler_result *r)
{
    struct query *q = container_of(handler_sink, struct query, handler_sink);
    struct query_sink *sink = q->sink;
    struct slice json;

    q->call = NULL;
    if (r->err != OK) {
        fail(q, r->sentence);
    } else if (!query_count_parse(r->body, &json, &q->cost_ms)) {
        fail(q, "the event handler's answer is malformed");
    } else {
        query_free(q, QUERY_METRIC_DONE);
        sink->ops->count(sink, json);
    }
}

static const struct handler_sink_ops rows_ops = {.bytes = on_bytes, .done = on_rows_done};
static const struct handler_sink_ops count_ops = {.done = on_count_done};

/* ---- starting ---- */

static void run(struct query *q)
{
    const struct handler_request req = {.route =
                                            q->verb == QUERY_ROWS ? HANDLER_QUERY : HANDLER_COUNT,
                                        .body = buf_slice(&q->body),
                                        .trace = &q->span.context,
                                        .idle_ms = (uint32_t)q->qq->cfg->query_seconds * 1000,
                                        .max_collect = MAX_COUNT_BYTES};

    q->lane->n_waiting--;
    q->lane->n_running++;
    q->sent_us = clock_mono_us();
    enter(q, QUERY_RUNNING);
    offer(q->qq, q->lane);
    q->call = handler_call_start(q->qq->client, &req, &q->handler_sink);
    if (!q->call)
        fail(q, "out of memory, please try again");
}

/* May another query run? If only paused ones are in the way, the longest paused gives up its place.
 */
static bool make_room(struct query_queue *qq)
{
    size_t limit = (size_t)qq->cfg->queries_in_flight;

    if (qq->n_active >= limit)
        return false;
    if (qq->n_active + qq->n_paused >= limit * OPEN_PER_RUNNING)
        fail(container_of(qq->paused.next, struct query, node),
             "the answer was read too slowly while others waited");
    return true;
}

/* End of the loop turn: starts what may be started. A lane goes to the end of the line when it has
 * started one. */
static void pump(uv_prepare_t *prepare)
{
    struct query_queue *qq = prepare->data;

    while (!list_empty(&qq->lanes) && make_room(qq)) {
        struct list *node = list_pop(&qq->lanes);

        if (node) {
            struct query_lane *lane = container_of(node, struct query_lane, node);

            if (share_is_used_up(qq, lane->share)) /* by a lane before it */
                list_push(&lane->share->held, &lane->node);
            else
                run(container_of(lane->waiting.next, struct query, node));
        }
    }
    uv_prepare_stop(&qq->prepare); /* the next end or pause of a query starts it again */
}

/* Is there room for one more? A single query is always taken, however large. */
static bool has_room(const struct query_queue *qq, size_t bytes)
{
    return qq->n_waiting < (size_t)qq->cfg->query_queue &&
           (qq->bytes == 0 || qq->bytes + bytes <= (size_t)qq->cfg->query_bytes);
}

static struct query *query_new(struct query_queue *qq, struct query_lane *lane,
                               enum query_verb verb, struct query_sink *sink)
{
    struct query *q;

    q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->qq = qq;
    q->lane = lane;
    q->sink = sink;
    q->verb = verb;
    q->handler_sink.ops = verb == QUERY_ROWS ? &rows_ops : &count_ops;
    q->reader.row = on_row;
    q->started_us = clock_mono_us();
    otel_begin(&q->span, verb == QUERY_ROWS ? "REQ" : "COUNT", SPAN_CLIENT);
    row_stream_init(&q->rows, (size_t)qq->cfg->shared.max_event_bytes * 2 + LINE_SLACK);
    list_init(&q->node);
    return q;
}

struct query *query_start(struct query_queue *qq, struct query_lane *lane, enum query_verb verb,
                          struct buf *body, struct query_sink *sink)
{
    bool taken = !body->failed && has_room(qq, body->len);
    struct query *q = taken ? query_new(qq, lane, verb, sink) : NULL;

    if (!q) {
        buf_deinit(body);
        return NULL;
    }
    q->body = *body;
    qq->bytes += body->len;
    *body = (struct buf){0};
    list_push(&lane->waiting, &q->node);
    lane->n_waiting++;
    qq->n_waiting++;
    offer(qq, lane);
    return q;
}

/* ---- life ---- */

struct query_queue *query_queue_new(uv_loop_t *loop, const struct config *cfg,
                                    struct handler_client *client)
{
    struct query_queue *qq = calloc(1, sizeof *qq);

    if (!qq || !subject_table_init(&qq->shares)) {
        free(qq);
        return NULL;
    }
    qq->cfg = cfg;
    qq->client = client;
    list_init(&qq->lanes);
    list_init(&qq->paused);
    uv_prepare_init(loop, &qq->prepare);
    qq->prepare.data = qq;
    return qq;
}

static void on_closed(uv_handle_t *handle)
{
    struct query_queue *qq = handle->data;

    subject_table_deinit(&qq->shares);
    free(qq);
}

void query_queue_close(struct query_queue *qq)
{
    if (!qq)
        return;
    assert(qq->n_waiting + qq->n_active + qq->n_paused == 0);
    uv_close((uv_handle_t *)&qq->prepare, on_closed);
}
