#include "store/migrate.h"

#include <limits.h>
#include <string.h>

#include "base/slice.h"
#include "ops/log.h"
#include "store/db.h"
#include "store/migrations.h"

/* "tandem" as a number: shared by all versions of this program, and by nobody else in this
 * database, we hope. */
#define LOCK_NUMBER "128018180695405"

static enum err try_lock(struct db *db)
{
    PGresult *r;
    bool locked;
    enum err err =
        db_exec(db, "migrate_lock", "SELECT pg_try_advisory_lock(" LOCK_NUMBER ")", NULL, &r);

    if (err)
        return err;
    locked = db_get_bool(r, 0, 0);
    PQclear(r);
    return locked ? OK : ERR_BUSY;
}

/* The newest migration that the database has; 0 for none. */
static enum err current_version(struct db *db, int32_t *version)
{
    PGresult *r;
    enum err err = db_run(db, "CREATE TABLE IF NOT EXISTS schema_migrations ("
                              "number integer PRIMARY KEY, name text NOT NULL, applied_at "
                              "timestamptz NOT NULL DEFAULT now())");

    if (!err)
        err = db_exec(db, "migrate_version",
                      "SELECT coalesce(max(number), 0) FROM schema_migrations", NULL, &r);
    if (err)
        return err;
    *version = db_get_int4(r, 0, 0);
    PQclear(r);
    return OK;
}

static enum err record(struct db *db, const struct migration *m)
{
    struct db_params p;
    PGresult *r;
    enum err err;

    db_params_init(&p);
    db_param_int4(&p, m->number);
    db_param_text(&p, m->name, strlen(m->name));
    err = db_exec(db, "migrate_record",
                  "INSERT INTO schema_migrations (number, name) VALUES ($1, $2)", &p, &r);
    db_params_reset(&p);
    if (!err)
        PQclear(r);
    return err;
}

static enum err apply(struct db *db, const struct migration *m)
{
    enum err err = db_run(db, "BEGIN");

    if (!err)
        err = db_run(db, m->sql);
    if (!err)
        err = record(db, m);
    if (!err)
        err = db_run(db, "COMMIT");
    if (err)
        log_error("store", "a migration failed and was undone", "number=%d name=%s", m->number,
                  m->name);
    else
        log_info("store", "migration applied", "number=%d name=%s", m->number, m->name);
    return err;
}

static enum err apply_pending(struct db *db)
{
    int32_t newest = n_migrations ? migrations[n_migrations - 1].number : 0;
    int32_t version = 0;
    enum err err = current_version(db, &version);

    if (!err && version > newest) {
        log_error("store",
                  "the database schema is newer than this program: install the newer version",
                  "schema=%d program=%d", version, newest);
        return ERR_CONFIG;
    }
    for (size_t i = 0; !err && i < n_migrations; i++) {
        if (migrations[i].number > version)
            err = apply(db, &migrations[i]);
    }
    return err;
}

enum err migrate(struct db *db)
{
    enum err err;

    db->stall_ms = UINT_MAX / 2; /* building an index may take hours */
    err = db_ready(db);
    if (!err)
        err = try_lock(db);
    if (!err) {
        err = apply_pending(db);
        db_drop(db); /* ends the lock, and whatever a failure left open */
    }
    return err == ERR_TIMEOUT || err == ERR_NOMEM ? ERR_INVALID : err;
}
