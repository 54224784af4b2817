#include "store/migrate.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "ops/log.h"
#include "store/db.h"
#include "store/migrations.h"

/* "tandem" as a number: shared by all versions of this program, and by nobody else in this
 * database, we hope. */
#define LOCK_NUMBER "128018180695405"

#define LOCK_TIMEOUT "300ms"
#define LOCK_NOT_AVAILABLE "55P03"

enum { STATEMENT_CAP = 1024 * 1024 };

struct header { /* what a file says about itself */
    int32_t least_program;
    bool in_transaction;
};

struct applied { /* what the database has */
    int32_t *number;
    size_t n;
    int32_t least_program; /* of those that this program does not know */
};

/* ---- a file ---- */

static struct slice take_line(const char **at)
{
    size_t len = strcspn(*at, "\n");
    struct slice line = slice_of(*at, len);

    *at += len + ((*at)[len] == '\n');
    return line;
}

static struct header read_header(const struct migration *m)
{
    const struct slice compatible = SLICE("-- compatible-with: ");
    struct header h = {.least_program = m->number, .in_transaction = true};
    const char *at = m->sql;

    while (strncmp(at, "--", 2) == 0) {
        struct slice line = take_line(&at);

        if (slice_eq(line, SLICE("-- no-transaction")))
            h.in_transaction = false;
        else if (slice_has_prefix(line, compatible))
            h.least_program = (int32_t)strtol(line.ptr + compatible.len, NULL, 10);
    }
    return h;
}

/* ---- what the database has ---- */

static bool is_applied(const struct applied *a, int number)
{
    for (size_t i = 0; i < a->n; i++) {
        if (a->number[i] == number)
            return true;
    }
    return false;
}

static enum err keep_rows(const PGresult *r, int newest, struct applied *a)
{
    a->n = (size_t)PQntuples(r);
    a->number = calloc(a->n ? a->n : 1, sizeof *a->number);
    if (!a->number)
        return ERR_NOMEM;
    for (size_t i = 0; i < a->n; i++) {
        int32_t least = (int32_t)strtol(PQgetvalue(r, (int)i, 1), NULL, 10);

        a->number[i] = (int32_t)strtol(PQgetvalue(r, (int)i, 0), NULL, 10);
        if (a->number[i] > newest && least > a->least_program)
            a->least_program = least;
    }
    return OK;
}

/* Before the first migration, and on a schema made before least_program was, nothing is to be read
 * yet: make_table() helps. */
static enum err read_applied(struct db *db, int newest, struct applied *a)
{
    PGresult *r;
    enum err err;

    *a = (struct applied){0};
    err = db_run_rows(db,
                      "SELECT to_regclass('schema_migrations') IS NOT NULL AND EXISTS (SELECT "
                      "FROM pg_attribute WHERE attrelid = to_regclass('schema_migrations') AND "
                      "attname = 'least_program')",
                      &r);
    if (err)
        return err;
    if (PQgetvalue(r, 0, 0)[0] == 't') {
        PQclear(r);
        err = db_run_rows(
            db, "SELECT number, coalesce(least_program, number) FROM schema_migrations", &r);
        if (err)
            return err;
        err = keep_rows(r, newest, a);
    }
    PQclear(r);
    return err;
}

static enum err make_table(struct db *db)
{
    return db_run(db,
                  "CREATE TABLE IF NOT EXISTS schema_migrations (number integer PRIMARY KEY, name "
                  "text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());"
                  " ALTER TABLE schema_migrations ADD COLUMN IF NOT EXISTS least_program integer");
}

enum need { NEED_NOTHING, NEED_INDEXES, NEED_TABLES };

static enum need what_is_missing(const struct applied *a, const struct migration *list, size_t n)
{
    enum need need = NEED_NOTHING;

    for (size_t i = 0; i < n; i++) {
        if (is_applied(a, list[i].number))
            continue;
        if (read_header(&list[i]).in_transaction)
            return NEED_TABLES;
        need = NEED_INDEXES;
    }
    return need;
}

/* ---- applying ---- */

static enum err record(struct db *db, const struct migration *m, const struct header *h)
{
    struct db_params p;
    PGresult *r;
    enum err err;

    db_params_init(&p);
    db_param_int4(&p, m->number);
    db_param_text(&p, m->name, strlen(m->name));
    db_param_int4(&p, h->least_program);
    err = db_exec(db, "migrate_record",
                  "INSERT INTO schema_migrations (number, name, least_program) VALUES ($1, $2, $3)",
                  &p, &r);
    db_params_reset(&p);
    if (!err)
        PQclear(r);
    return err;
}

static enum err apply_whole(struct db *db, const struct migration *m, const struct header *h)
{
    enum err err = db_run(db, "BEGIN; SET LOCAL lock_timeout = '" LOCK_TIMEOUT "'");

    if (!err)
        err = db_run(db, m->sql);
    if (!err)
        err = record(db, m, h);
    if (!err)
        err = db_run(db, "COMMIT");
    return err;
}

/* No lock_timeout: what is concurrent waits for other transactions to end, but nobody waits for
 * it. */
static enum err apply_in_steps(struct db *db, const struct migration *m, const struct header *h)
{
    const char *at = m->sql;
    struct buf statement;
    enum err err = OK;

    buf_init(&statement, STATEMENT_CAP);
    while (!err && *at) {
        struct slice line = take_line(&at);

        buf_add_slice(&statement, line);
        buf_add_char(&statement, '\n');
        if (line.len == 0 || line.ptr[line.len - 1] != ';')
            continue;
        buf_add_char(&statement, '\0');
        err = statement.failed ? ERR_NOMEM : db_run(db, statement.ptr);
        buf_reset(&statement);
    }
    buf_deinit(&statement);
    return err ? err : record(db, m, h);
}

static enum err apply(struct db *db, const struct migration *m)
{
    struct header h = read_header(m);
    enum err err;

    db->sqlstate[0] = '\0';
    log_info("store", "applying a migration", "number=%d name=%s", m->number, m->name);
    err = h.in_transaction ? apply_whole(db, m, &h) : apply_in_steps(db, m, &h);
    if (!err) {
        log_info("store", "migration applied", "number=%d name=%s", m->number, m->name);
        return OK;
    }
    if (strcmp(db->sqlstate, LOCK_NOT_AVAILABLE) == 0) {
        log_info("store", "a migration waits for a table to be free", "number=%d name=%s",
                 m->number, m->name);
        return ERR_BUSY;
    }
    log_error("store", "a migration failed and was undone", "number=%d name=%s", m->number,
              m->name);
    return err;
}

static enum err apply_pending(struct db *db, const struct migration *list, size_t n)
{
    struct applied applied;
    enum err err = make_table(db);

    if (!err)
        err = read_applied(db, INT_MAX, &applied);
    if (err)
        return err;
    for (size_t i = 0; !err && i < n; i++) {
        if (!is_applied(&applied, list[i].number))
            err = apply(db, &list[i]);
    }
    free(applied.number);
    return err;
}

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

static enum err lock_and_apply(struct db *db, const struct migration *list, size_t n,
                               enum need need)
{
    enum err err = try_lock(db);

    if (err == ERR_BUSY && need == NEED_INDEXES) {
        log_info("store", "another event handler is building an index: going on without it", "");
        return OK;
    }
    if (!err)
        err = apply_pending(db, list, n);
    db_drop(db); /* ends the lock, and whatever a failure left open */
    return err;
}

enum err migrate_along(struct db *db, const struct migration *list, size_t n)
{
    int newest = n ? list[n - 1].number : 0;
    struct applied applied = {0};
    enum need need;
    enum err err;

    db->stall_ms = UINT_MAX / 2; /* building an index may take hours */
    err = db_ready(db);
    if (!err)
        err = read_applied(db, newest, &applied);
    if (!err && applied.least_program > newest) {
        log_error("store",
                  "the database schema is newer than this program: install the newer version",
                  "needs=%d program=%d", applied.least_program, newest);
        err = ERR_CONFIG;
    }
    need = err ? NEED_NOTHING : what_is_missing(&applied, list, n);
    free(applied.number);
    if (!err && need != NEED_NOTHING)
        err = lock_and_apply(db, list, n, need);
    return err == ERR_TIMEOUT || err == ERR_NOMEM ? ERR_INVALID : err;
}

enum err migrate(struct db *db)
{
    return migrate_along(db, migrations, n_migrations);
}
