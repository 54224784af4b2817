#ifndef EVENT_HANDLER_STORE_FEED_HEAD_H
#define EVENT_HANDLER_STORE_FEED_HEAD_H
/* The newest committed seq, of whichever event handler. */
#include "store/db.h"

NODISCARD enum err feed_head_read(struct db *db, uint64_t *seq); /* errors as db_exec() */

#endif
