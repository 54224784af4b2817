#ifndef WEBSOCKET_HANDLER_LIVE_FEED_H
#define WEBSOCKET_HANDLER_LIVE_FEED_H
/*
 * The feed's order: which events of which record are handed on, and when to ask the event handler.
 * A pure state machine: it does no I/O and reads no clock. live.c feeds it and does what
 * feed_next() says.
 *
 * Redis is the doorbell, PostgreSQL the truth. Every stored event has a seq; records
 * (wire/live_wire.h) cover ranges (prev, seq]; the cursor is the last seq that has been handed on:
 *
 *   prev <= cursor < seq   apply the lines above the cursor, cursor = seq
 *   seq <= cursor          old or doubled: nothing
 *   prev > cursor          a gap: the record waits in the reorder buffer, since another event
 *                          handler's record may just be late; after reorder_ms what is missing is
 *                          fetched
 *
 * Ephemeral lines have no number and are handed on whenever they come.
 *
 * While Redis is away, or silent for silence_ms, the feed is fetched every poll_ms, so live
 * delivery works without Redis, only later. After each subscription to Redis it is fetched once.
 * Loop thread only; times are monotonic milliseconds.
 */
#include "base/base.h"
#include "base/slice.h"

enum { FEED_MAX_HELD = 64, FEED_MAX_HELD_BYTES = 16 * 1024 * 1024 };

struct feed;

/* What the feed calls; set once. */
struct feed_ops {
    /* The next event in order, seq 0 for an ephemeral one. json is borrowed. */
    void (*event)(struct feed *f, uint64_t seq, struct slice json);
    /* The database's numbering began anew (it was restored from a backup): seqs below the cursor
     * are new events now. */
    void (*restarted)(struct feed *f);
    /* The version of the moderation state that a record or an answer names. */
    void (*control)(struct feed *f, uint64_t version);
};

struct feed_times {
    uint32_t reorder_ms, silence_ms, poll_ms;
};

struct feed_held {
    uint64_t prev, seq;
    char *lines; /* malloc'd */
    size_t len;
};

struct feed {
    const struct feed_ops *ops;
    struct feed_times times;
    bool known; /* the cursor has been fetched once */
    uint64_t cursor;
    uint64_t target; /* newest seq heard of */
    bool redis_up;
    uint64_t heard_ms; /* last record from Redis, or when it was subscribed */
    /* Fetching. A time of UINT64_MAX is "not asked for". */
    bool fetching;
    uint64_t asked;      /* the cursor that the running fetch was asked with */
    uint64_t fetch_ms;   /* a fetch is due then */
    uint64_t gap_ms;     /* a gap is fetched then unless it has closed */
    uint64_t fetched_ms; /* end of the last fetch; polling counts from it */
    uint32_t retry_ms;   /* delay after the next failed or fruitless fetch */
    uint64_t gaps;       /* fetched so far, for the metrics */
    /* Reorder buffer, by prev. */
    struct feed_held held[FEED_MAX_HELD];
    size_t n_held, held_bytes;
    /* Signs of a restored database: since when, and the first (lowest) seq it named. */
    bool lower;
    uint64_t lower_since_ms, lower_seq;
};

void feed_init(struct feed *f, const struct feed_ops *ops, const struct feed_times *times,
               uint64_t now_ms);
void feed_deinit(struct feed *f);

/* A record from Redis. False when it is malformed. */
NODISCARD bool feed_record(struct feed *f, struct slice record, uint64_t now_ms);
/* Redis has confirmed the subscription, or was lost. */
void feed_redis_up(struct feed *f, uint64_t now_ms);
void feed_redis_down(struct feed *f, uint64_t now_ms);

struct feed_step {
    /* GET /v1/feed?after=<after> now, and answer with feed_fetched() or feed_fetch_failed(). */
    bool fetch;
    uint64_t after;
    uint64_t wake_ms; /* otherwise call again then; UINT64_MAX: not before the next input */
};
/* What to do next. Call after every input and at wake_ms. */
struct feed_step feed_next(struct feed *f, uint64_t now_ms);
/* The body of the fetch that feed_next() asked for. False when it is malformed; it then counts as
 * failed. */
bool feed_fetched(struct feed *f, struct slice body, uint64_t now_ms);
void feed_fetch_failed(struct feed *f, uint64_t now_ms);

/* Is the feed fetched periodically because Redis brings nothing? */
bool feed_is_polling(const struct feed *f, uint64_t now_ms);

#endif
