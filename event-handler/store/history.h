#ifndef EVENT_HANDLER_STORE_HISTORY_H
#define EVENT_HANDLER_STORE_HISTORY_H
/*
 * event_history: the versions of lists that were replaced (write_trip.c fills it). Here: letting go
 * of what is too old, or too much. Whoever owns the connection.
 */
#include "base/buf.h"
#include "store/db.h"

/* A setting's check: kinds and ranges, all of them replaceable or addressable. */
bool history_kinds_check(const char *text, struct buf *error);

struct history_pruner {
    int64_t replaced_at; /* versions up to this one have had their number looked at */
    uint8_t id[32];
};

/* Starts from the oldest. */
void history_pruner_init(struct history_pruner *p);
/*
 * One small step: removes versions that were replaced before replaced_before, and of an address
 * with more than versions the oldest. *more when another step has something to do. Errors as
 * db_exec().
 */
NODISCARD enum err history_prune(struct history_pruner *p, struct db *db, int64_t now,
                                 int64_t replaced_before, int64_t versions, int64_t *removed,
                                 bool *more);

#endif
