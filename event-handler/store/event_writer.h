#ifndef EVENT_HANDLER_STORE_EVENT_WRITER_H
#define EVENT_HANDLER_STORE_EVENT_WRITER_H
/*
 * The one writer of a process: batches of events into PostgreSQL, one transaction and two round
 * trips each. Holding the row feed_head from its start to its commit, a transaction has the
 * numbering to itself, across all event handlers: commit order is seq order, and what was read
 * stays true until the commit. One thread.
 */
#include "base/siphash.h"
#include "store/db.h"
#include "store/write_plan.h"

/* More events than this are not erased inside the writer's transaction (NIP-62): the request is put
 * off, see erase.h. */
enum { WRITE_ERASE_MOST = 2000 };

/* After each commit: prev and seq as in live_wire.h; events marked `insert` have rows now. */
typedef void event_committed_fn(struct new_event *const *ne, size_t n, uint64_t prev, uint64_t seq,
                                void *ctx);

struct event_writer {
    struct db db;
    struct db_target target;
    char settings[512];
    struct siphash_key tag_secret;
    uint64_t session; /* db.generation that the statements were prepared for */
    bool down;        /* the last attempt failed: the next one does not wait */
    bool disk_full;   /* because the server has no room left */
    uint64_t head;    /* newest committed seq seen */
    struct arena arena;
    event_committed_fn *committed;
    void *ctx;
};

/* target is copied; its strings are borrowed. Connects when first needed. */
void event_writer_init(struct event_writer *w, const struct db_target *target,
                       int64_t statement_timeout_ms, event_committed_fn *committed, void *ctx);
void event_writer_deinit(struct event_writer *w);

/*
 * Stores the batch. Afterwards every event has its verdict, or `deferred` is set: a kind 62 whose
 * author has a large history, which erase.h must remove before the event is offered again. P1:
 * accepted means committed.
 *
 * A full disk refuses every event until there is room again. A broken connection is tried again for
 * about a second; what was committed just before it broke then answers "duplicate". An event that
 * PostgreSQL refuses is found by halving, so that it alone gets "error:".
 */
void event_writer_store(struct event_writer *w, struct new_event *const *ne, size_t n);

#endif
