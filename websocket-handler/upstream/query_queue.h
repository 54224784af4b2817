#ifndef WEBSOCKET_HANDLER_UPSTREAM_QUERY_QUEUE_H
#define WEBSOCKET_HANDLER_UPSTREAM_QUERY_QUEUE_H
/*
 * Queries and counts on their way to the event handler. So many run at a time in all, and so many
 * per connection; the others wait, and connections take turns, so one with two hundred REQs does
 * not hold up one with a single REQ. Nor do many connections of one address (query_share.h).
 *
 *   WAITING --its turn--> RUNNING <--query_resume() / row() said pause--> PAUSED
 *
 * A paused query (its client reads slowly) does not count as running, so slow clients hold up
 * nobody; when too many are paused, the longest paused one fails. Loop thread only.
 */
#include <uv.h>

#include "base/buf.h"
#include "base/list.h"
#include "wire/query_wire.h"

struct config;
struct handler_client;
struct query;
struct query_queue;
struct query_sink;

/* After end, count or failed the query is gone. None is called from within query_start(). */
struct query_sink_ops {
    /* One event: its canonical JSON and a closing bracket, borrowed. False: no more until
     * query_resume(). May cancel the query. */
    bool (*row)(struct query_sink *sink, struct slice row);
    void (*end)(struct query_sink *sink, const struct query_end *end);
    /* The answer to a count: a JSON object. */
    void (*count)(struct query_sink *sink, struct slice json);
    /* sentence: for the client, without prefix. Rows may have come before. */
    void (*failed)(struct query_sink *sink, const char *sentence);
};

/* Embedded by whoever asks. */
struct query_sink {
    const struct query_sink_ops *ops;
};

/* One connection's queries; embedded in its session. Unlinked when it has none. */
struct query_lane {
    struct list node; /* in the queue's list of lanes whose turn will come, or held by its share */
    struct list waiting;       /* query.node */
    struct query_share *share; /* NULL: nobody's in particular */
    uint32_t n_waiting, n_running;
    uint64_t spent_ms; /* by queries that have ended, until its owner takes note and zeroes it */
};

void query_lane_init(struct query_lane *lane);
/* The lane's address, before its first query; without memory it stays nobody's. */
void query_lane_join(struct query_queue *qq, struct query_lane *lane, struct slice address);
/* After its last query. Harmless without query_lane_join(). */
void query_lane_leave(struct query_queue *qq, struct query_lane *lane);

enum query_verb { QUERY_ROWS, QUERY_COUNT };

/* NULL without memory. */
struct query_queue *query_queue_new(uv_loop_t *loop, const struct config *cfg,
                                    struct handler_client *client);
/* No query may be left. NULL is fine. */
void query_queue_close(struct query_queue *qq);

/* Takes the request (query_request_write()) over from *body, also on failure. NULL when too many
 * wait or without memory. */
struct query *query_start(struct query_queue *qq, struct query_lane *lane, enum query_verb verb,
                          struct buf *body, struct query_sink *sink);
/* Goes on after row() said pause; harmless otherwise. May call the sink. */
void query_resume(struct query *q);
/* The sink is not called any more. NULL is fine. */
void query_cancel(struct query *q);

#endif
