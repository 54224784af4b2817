#ifndef EVENT_HANDLER_INGEST_MAINTENANCE_H
#define EVENT_HANDLER_INGEST_MAINTENANCE_H
/*
 * What goes on beside the writes, on one thread with a connection of its own, in small steps:
 *
 *   every sweep_seconds     let go of kept versions that are too old or too many (store/history.h)
 * when little is written  go through the events by RETENTION_RULES (retention/walk.h)
 *   every second            the heartbeat: read feed_head, publish where the feed stands
 * (live_wire.h) when asked              erase the history of a key that vanishes (NIP-62,
 * store/erase.h) every sweep_seconds     delete expired events (NIP-40, store/retention.h) when
 * little is written  fill the full-text index (NIP-50, store/search_index.h)
 */
#include "ingest/batch.h"

struct access;
struct config;
struct publisher;
struct maintenance;

/* To whom it reports; all run on its thread. */
struct maintenance_hooks {
    void (*on_head)(uint64_t seq, void *ctx);    /* after each heartbeat */
    void (*on_database)(bool usable, void *ctx); /* when it knows better */
    void (*on_erased)(struct ingest_item *item, bool done,
                      void *ctx); /* the item is the caller's again */
    void *ctx;
};

/* NULL without a thread or memory. hooks is copied, the rest borrowed. */
struct maintenance *maintenance_start(const struct config *cfg, struct access *access,
                                      struct publisher *publisher,
                                      const struct maintenance_hooks *hooks);
/* Any thread: erases the history that the item, a kind 62, asks to erase. */
void maintenance_erase(struct maintenance *m, struct ingest_item *item);
/* Any thread: the next heartbeat is due now, as it has something new to say. */
void maintenance_beat(struct maintenance *m);
/* Ends the thread. False when it hangs in the database: then nothing may be freed. */
NODISCARD bool maintenance_stop(struct maintenance *m, uint64_t deadline_ms);
/* After maintenance_stop(), and after the last maintenance_erase(): hands back what is left as not
 * done. */
void maintenance_free(struct maintenance *m);

#endif
