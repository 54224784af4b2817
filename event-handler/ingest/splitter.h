#ifndef EVENT_HANDLER_INGEST_SPLITTER_H
#define EVENT_HANDLER_INGEST_SPLITTER_H
/*
 * A plugin may take seconds over one event, and nobody else's OK shall wait for it. A thread looks
 * at the batches that may be split, oldest first, and splits what has no whole answer a moment
 * after it came (batch.h). Needed only while there are plugins.
 */
#include "ingest/batch.h"

struct splitter;

/* head: the newest committed seq, for the verdicts. NULL without a thread or memory. */
struct splitter *splitter_start(const _Atomic uint64_t *head);
/* b begins to wait for a plugin; again is fine. Not while it may end. One thread at a time. */
void splitter_enter(struct splitter *s, struct ingest_batch *b);
/* Any thread. All of b is decided: afterwards it is split, or it is not. */
void splitter_leave(struct splitter *s, struct ingest_batch *b);
/* When no batch is left. NULL is fine. */
void splitter_stop(struct splitter *s);

#endif
