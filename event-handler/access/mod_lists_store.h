#ifndef EVENT_HANDLER_ACCESS_MOD_LISTS_STORE_H
#define EVENT_HANDLER_ACCESS_MOD_LISTS_STORE_H
/* The moderators' lists out of the database. Whoever owns the connection. */
#include "access/mod_lists.h"
#include "store/db.h"

/* All of them, as of one moment. Errors as db_exec(), ERR_NOMEM; *out is then NULL. */
NODISCARD enum err mod_lists_load(struct db *db, struct mod_lists **out);

#endif
