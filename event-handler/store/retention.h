#ifndef EVENT_HANDLER_STORE_RETENTION_H
#define EVENT_HANDLER_STORE_RETENTION_H
/*
 * NIP-40: expired events are never served, and deleted in the background. An address whose version
 * expires keeps a floor, so that no older version comes back in its place.
 */
#include "store/db.h"

/* Deletes at most limit events that have expired at now; *removed tells how many. Several event
 * handlers may do it at once. Errors as db_exec(). */
NODISCARD enum err retention_sweep(struct db *db, int64_t now, int64_t limit, int64_t *removed);

#endif
