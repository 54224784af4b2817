#ifndef EVENT_HANDLER_STORE_MIGRATE_H
#define EVENT_HANDLER_STORE_MIGRATE_H
/*
 * The schema's versions: numbered SQL files (store/sql/NNNN_name.sql, built in), each applied once,
 * in order, in a transaction of its own together with its row in schema_migrations. An advisory
 * lock lets any number of event handlers start at once.
 */
#include "base/base.h"

struct db;

/*
 * One attempt to bring the schema up to date, on a connection of its own. Blocks for as long as a
 * migration takes. OK          the schema is the one this program was built for ERR_IO      the
 * database is away: try again ERR_BUSY    another event handler is migrating: try again ERR_CONFIG
 * the schema is newer than this program; one line says so. Only another binary helps ERR_INVALID a
 * migration failed (logged); nothing of it remains. Trying again helps once a person has removed
 * the cause
 */
NODISCARD enum err migrate(struct db *db);

#endif
