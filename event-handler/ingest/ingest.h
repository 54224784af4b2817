#ifndef EVENT_HANDLER_INGEST_INGEST_H
#define EVENT_HANDLER_INGEST_INGEST_H
/*
 * The write path: a batch of records from one POST /v1/events is parsed, verified on worker
 * threads, judged by policy, committed by the one writer thread together with every other batch
 * that waits, published, and answered. P1: `done` runs after the commit.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "nostr/verdict.h"

struct access;
struct config;
struct ingest;       /* the running pipeline */
struct ingest_batch; /* one request on its way */
struct limits;
struct ingest_item; /* one event of it (batch.h) */
struct event;

/* Runs on any thread of the pipeline, exactly once per submitted batch; must only hand over (e.g.
 * resume an HTTP connection). response holds the verdict lines (wire/ingest_wire.h) and is valid
 * until ingest_batch_free(). status is 200, or 400 when the body was malformed, or 503. */
typedef void ingest_done_fn(struct ingest_batch *b, void *ctx);

/* Starts the threads. The database and Redis need not be there yet. NULL without threads or memory
 * (logged). All arguments are borrowed; limits may be NULL. */
struct ingest *ingest_start(const struct config *cfg, struct access *access, struct limits *limits);
/* Stops taking batches, finishes what is queued (within deadline_ms), joins the threads. False when
 * one hangs in the database: then nothing was freed, and some batches are never done. */
bool ingest_stop(struct ingest *in, uint64_t deadline_ms);

enum {
    INGEST_IMPORT = 1,    /* the operator puts the events into the store (policy.h) */
    INGEST_MAY_SPLIT = 2, /* some verdicts may come before the others */
};
/* Any thread. Takes body over: it is empty afterwards, also when ERR_BUSY (the queue is full:
 * answer 503) or ERR_NOMEM is returned, where done is not called. done may run before this returns;
 * *out is set before. how: 0, or of the above. */
NODISCARD enum err ingest_submit(struct ingest *in, struct buf *body, unsigned how,
                                 ingest_done_fn *done, void *ctx, struct ingest_batch **out);
int ingest_batch_status(const struct ingest_batch *b);
struct slice ingest_batch_response(const struct ingest_batch *b);
/* Also before a split answer has ended. */
void ingest_batch_free(struct ingest_batch *b);

/* Once done: is the answer a split one, which is read with the next two instead? */
bool ingest_batch_is_split(const struct ingest_batch *b);
/* Copies at most room bytes of the answer from byte at on. None: *end, or there are none yet. */
size_t ingest_batch_take(struct ingest_batch *b, uint64_t at, char *out, size_t room, bool *end);
/* Calls `done` once more as soon as there is something behind byte at, or the end; perhaps before
 * this returns. */
void ingest_batch_await(struct ingest_batch *b, uint64_t at);

/* What else is done with some events. Both run on a checking or the writer's thread and must only
 * hand over. */
struct ingest_hooks {
    /* Kinds 1984 and 62, when they were stored. */
    void (*on_stored)(const struct event *ev, void *ctx);
    /* NIP-43: kinds 28934 and 28936, genuine and within policy; answered by ingest_decide(). */
    void (*on_request)(struct ingest_item *item, void *ctx);
    void *ctx;
};
/* Before the first batch. */
void ingest_set_hooks(struct ingest *in, const struct ingest_hooks *hooks);
/* Any thread; message is static. The item may be gone afterwards. */
void ingest_decide(struct ingest_item *item, enum verdict v, const char *message);

/* Any thread: front ends should hear of a new moderation state at once. */
void ingest_beat(struct ingest *in);

struct ingest_health {
    bool database_ok;  /* the writer's connection is usable */
    bool redis_ok;     /* the publisher's connection is usable */
    uint64_t head_seq; /* newest committed seq known here */
    size_t queued_events;
};
void ingest_health(struct ingest *in, struct ingest_health *out); /* any thread */

#endif
