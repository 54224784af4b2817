#ifndef EVENT_HANDLER_STORE_MIGRATE_H
#define EVENT_HANDLER_STORE_MIGRATE_H
/*
 * The schema's versions: numbered SQL files (store/sql/NNNN_name.sql, built in, see migrations.h),
 * each applied once, in order, in a transaction of its own together with its row in
 * schema_migrations.
 *
 * While the relay runs: a migration waits LOCK_TIMEOUT for its locks, so that writers behind it in
 * the queue wait no longer either, and is tried again. Event handlers of two versions may work on
 * one database: a row of schema_migrations says from which program on a schema can be used
 * (least_program). An advisory lock lets any number of event handlers start at once; who finds the
 * schema good enough does not ask for it.
 */
#include "base/base.h"

struct db;
struct migration;

/*
 * One attempt to bring the schema up to date, on a connection of its own. Blocks for as long as a
 * migration takes.
 *
 *   OK           this program can work with the schema
 *   ERR_IO       the database is away: try again
 *   ERR_BUSY     another event handler is migrating, or a lock could not be had: try again
 *   ERR_CONFIG   the schema is too new for this program; one line says so. Only another binary
 * helps ERR_INVALID  a migration failed (logged); nothing of it remains. Trying again helps once a
 *                person has removed the cause
 */
NODISCARD enum err migrate(struct db *db);
/* The same with a history of the caller's. */
NODISCARD enum err migrate_along(struct db *db, const struct migration *list, size_t n);

#endif
