#ifndef EVENT_HANDLER_INGEST_BATCH_H
#define EVENT_HANDLER_INGEST_BATCH_H
/*
 * One POST /v1/events on its way through the pipeline, and its parts.
 *
 *   batch   the request: body, items, answer. Freed by whoever submitted it, after `done`
 *   chunk   a few neighbouring items: what a checking thread takes at a time, with the memory of
 * their events item    one event and its verdict
 *
 * Every item is decided exactly once, by whichever thread comes to know its verdict; whoever
 * decides the last one writes the answer and calls `done`. A chunk holds the batch back too until
 * it has left the pipeline, so that nothing in the pipeline outlives its batch.
 *
 * A batch that waits for a plugin may be split (splitter.h): its answer then begins with what is
 * decided, and the other verdicts follow one by one.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "ingest/ingest.h"
#include "store/write_plan.h"
#include "wire/ingest_wire.h"

enum {
    CHUNK_ITEMS = 16,
    CHUNK_BYTES = 64 * 1024,         /* of event text; a larger event has a chunk of its own */
    CHUNK_MEMORY = 64 * 1024 * 1024, /* most that the parsed events of a chunk may take */
};

enum item_route {
    ROUTE_DECIDED,   /* refused: verdict and message are set */
    ROUTE_STORE,     /* goes to the writer */
    ROUTE_REQUEST,   /* a request to join or leave (NIP-43): goes to management */
    ROUTE_BROADCAST, /* ephemeral: goes to the publisher only */
    ROUTE_PLUGIN,    /* goes to the operator's plugin, and then perhaps one of the two ways above */
};

struct ingest_item {
    struct list link; /* in the queue of the writer, or of the eraser */
    struct ingest_batch *batch;
    struct ingest_record rec; /* points into the body */
    struct event ev;          /* lives in the chunk's arena */
    struct new_event store;   /* for ROUTE_STORE */
    struct slice json;        /* canonical */
    bool has_id;
    bool decided; /* of a batch that may be split; guarded by its lock */
    enum item_route route;
    enum item_route after_plugin; /* ROUTE_STORE or ROUTE_BROADCAST */
    struct plugin_job *job;       /* for ROUTE_PLUGIN; in the chunk's arena */
    enum verdict verdict;
    const char *message; /* static, or in the chunk's arena */
};

struct chunk {
    struct list link, work_link; /* in the pipeline: by arrival, and while unchecked */
    struct ingest_batch *batch;
    struct ingest_item *item;
    size_t n;
    struct arena arena;
    bool checked;
};

struct ingest_batch {
    struct buf body;
    struct ingest_item *item;
    size_t n_items;
    struct chunk *chunk;
    size_t n_chunks;
    atomic_size_t undecided; /* items, plus chunks that are in the pipeline */
    int status;
    struct buf response;
    uint64_t received_us;
    ingest_done_fn *done;
    void *ctx;
    struct ingest *owner;
    bool import;            /* ingest.h */
    bool may_split;         /* the rest is used only then */
    bool waits;             /* for a plugin: has been in the splitter's list */
    struct list split_link; /* in that list */
    pthread_mutex_t lock;   /* guards the rest, and response once it is split */
    bool split;
    bool finished;  /* all is decided, and the response complete */
    bool abandoned; /* nobody reads on: whoever finishes it frees it */
    bool awaited;   /* `done` is to be called when there is more */
};

/* Cuts body (taken over on OK) into items and chunks. A malformed body gives a batch of one empty
 * chunk and status 400. ERR_NOMEM; ERR_BUSY when it has more than max_items. */
NODISCARD enum err batch_new(struct buf *body, size_t max_items, ingest_done_fn *done, void *ctx,
                             struct ingest *owner, struct ingest_batch **out);
/* Marks n items or chunks as done with. True when they were the last: the caller then finishes the
 * batch. */
NODISCARD bool batch_settle(struct ingest_batch *b, size_t n);
/* Writes the answer; seq is the newest committed one. */
void batch_respond(struct ingest_batch *b, uint64_t seq);

/* Before batch_settle() for each item. Nothing, unless b may be split. */
void batch_decided(struct ingest_item *item, uint64_t seq);
/* From now on verdicts are handed out one by one, beginning with those that there are; calls
 * `done`.
 */
void batch_split(struct ingest_batch *b, uint64_t seq);
/* All items of a batch that was split are decided. It may be gone afterwards. */
void batch_finish(struct ingest_batch *b);

#endif
