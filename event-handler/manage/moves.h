#ifndef EVENT_HANDLER_MANAGE_MOVES_H
#define EVENT_HANDLER_MANAGE_MOVES_H
/*
 * Events of banned pubkeys, and banned events, leave the table that is served, in small steps, for
 * withheld_events. When the ban is lifted they are stored anew by an event writer, which decides
 * about each as if it had just arrived: what was deleted, replaced or vanished meanwhile stays
 * away. What the ban says now is what counts, so bans and their undoing may come in any order. The
 * manage thread; several event handlers share the work.
 */
#include "store/db.h"

/*
 * One step. *more when another may follow at once. Errors as db_exec(), after which the connection
 * may be in a failed transaction.
 */
NODISCARD enum err moves_step(struct db *db, const struct db_target *target, bool *more);

#endif
