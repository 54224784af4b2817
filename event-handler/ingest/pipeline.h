#ifndef EVENT_HANDLER_INGEST_PIPELINE_H
#define EVENT_HANDLER_INGEST_PIPELINE_H
/*
 * The queues between the threads of ingest, with their bounds:
 *
 *   submit -> unchecked chunks -> (checkers) -> released in order of arrival -> items to store ->
 * (writer)
 *
 * A chunk is released only when all that came before it have been checked: what one client sent in
 * an order is stored and broadcast in that order. Any thread.
 */
#include <pthread.h>

#include "ingest/batch.h"

struct pipeline {
    pthread_mutex_t lock;
    pthread_cond_t unchecked_more, ready_more, drained;
    struct list unchecked; /* chunks, by work_link */
    struct list order;     /* chunks that are not released, by link */
    struct list ready;     /* items */
    size_t n_ready;
    size_t events, bytes; /* between submission and answer */
    size_t max_events, max_bytes;
    bool closed;  /* nothing more comes in */
    bool aborted; /* what is left is refused */
    bool ended;   /* the threads may go */
};

void pipeline_init(struct pipeline *p, size_t max_events, size_t max_bytes);
void pipeline_deinit(struct pipeline *p);

/* ERR_BUSY when full or closed. Afterwards b may be finished at any moment. */
NODISCARD enum err pipeline_submit(struct pipeline *p, struct ingest_batch *b);
/* A batch of that size has been answered. */
void pipeline_leave(struct pipeline *p, size_t events, size_t bytes);

/* Waits for a chunk to check; NULL: the thread may go. */
struct chunk *pipeline_next_chunk(struct pipeline *p);
/* c has been checked: moves what is released by that to *released, and the items among it that are
 * to be stored to the writer. */
void pipeline_release(struct pipeline *p, struct chunk *c, struct list *released);

/* Waits for items to store and takes up to max of them, until their text passes max_bytes. 0: the
 * thread may go. */
size_t pipeline_take(struct pipeline *p, struct ingest_item **items, size_t max, size_t max_bytes);
void pipeline_requeue(struct pipeline *p, struct ingest_item *item);
bool pipeline_aborted(struct pipeline *p);

/* Shutdown, in this order. */
void pipeline_close(struct pipeline *p);
bool pipeline_drain(struct pipeline *p,
                    uint64_t deadline_ms); /* waits; false when something is left */
void pipeline_abort(struct pipeline *p);
void pipeline_end(struct pipeline *p);

#endif
