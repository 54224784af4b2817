/*
 * libpq is driven without blocking inside it: every wait is a poll() of ours with a deadline, so
 * that a stopped server or a silent network costs stall_ms at most, and a pipeline that is large in
 * both directions cannot lock up (libpq's manual asks to read while writing).
 */
#include "store/db.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ops/log.h"

enum { RETRY_FIRST_MS = 100, RETRY_MOST_MS = 1000, LOG_EVERY_MS = 10000 };

static void quiet_notice(void *arg, const PGresult *res)
{
    (void)arg;
    (void)res; /* "word is too long to be indexed" and the like: not ours to act on */
}

void db_init(struct db *db, const struct db_target *target, const char *settings)
{
    *db = (struct db){.target = target, .settings = settings, .stall_ms = DB_STALL_MS};
    backoff_init(&db->backoff, RETRY_FIRST_MS, RETRY_MOST_MS);
}

void db_drop(struct db *db)
{
    PQfinish(db->conn); /* NULL is fine */
    db->conn = NULL;
    db->n_prepared = 0;
}

void db_deinit(struct db *db)
{
    db_drop(db);
}

/* ---- connecting ---- */

static void report_down(struct db *db, const char *why)
{
    char quoted[300];
    size_t len = strlen(why);
    uint32_t suppressed;

    if (!log_gate_open(&db->gate, LOG_EVERY_MS, &suppressed))
        return;
    db->reported_down = true;
    while (len > 0 && why[len - 1] == '\n')
        len--;
    log_error("db", "the database is not available",
              "role=%s host=%s port=%d reason=%s suppressed=%u", db->target->role, db->target->host,
              db->target->port, log_quote(why, len, quoted, sizeof quoted), (unsigned)suppressed);
}

static PGconn *open_connection(const struct db_target *t)
{
    char port[16], name[64];
    const char *keys[] = {"host",
                          "port",
                          "user",
                          "password",
                          "dbname",
                          "application_name",
                          "connect_timeout",
                          "client_encoding",
                          "keepalives_idle",
                          "keepalives_interval",
                          "keepalives_count",
                          "tcp_user_timeout",
                          NULL};
    const char *values[] = {t->host, port, t->user, t->password, t->database, name, "3",
                            "UTF8",  "15", "5",     "3",         "20000",     NULL};

    snprintf(port, sizeof port, "%d", t->port);
    snprintf(name, sizeof name, "tandem-event-handler-%s", t->role);
    return PQconnectdbParams(keys, values, 0);
}

static enum err connection_failed(struct db *db)
{
    report_down(db, db->conn ? PQerrorMessage(db->conn) : "out of memory");
    db_drop(db);
    db->retry_at_ms = clock_mono_ms() + backoff_next(&db->backoff);
    return ERR_IO;
}

enum err db_ready(struct db *db)
{
    if (db->conn && PQstatus(db->conn) == CONNECTION_OK)
        return OK;
    if (db->conn)
        db_drop(db);
    if (clock_mono_ms() < db->retry_at_ms)
        return ERR_IO;

    db->conn = open_connection(db->target);
    if (!db->conn || PQstatus(db->conn) != CONNECTION_OK || PQsetnonblocking(db->conn, 1) != 0)
        return connection_failed(db);
    PQsetNoticeReceiver(db->conn, quiet_notice, NULL);
    if (db->settings && db_run(db, db->settings) != OK)
        return connection_failed(db);

    db->generation++;
    backoff_reset(&db->backoff);
    if (db->reported_down)
        log_info("db", "the database is back", "role=%s", db->target->role);
    db->reported_down = false;
    db->gate = (struct log_gate){0};
    return OK;
}

/* ---- waiting ---- */

static enum err broken(struct db *db)
{
    db->sqlstate[0] = '\0';
    report_down(db, db->conn ? PQerrorMessage(db->conn) : "not connected");
    db_drop(db);
    return ERR_IO;
}

/* Pushes out what is queued and returns when a result can be had without blocking. */
static enum err wait_for_result(struct db *db)
{
    uint64_t deadline = clock_mono_ms() + db->stall_ms;

    for (;;) {
        int unsent = PQflush(db->conn);
        struct pollfd fd = {.fd = PQsocket(db->conn), .events = POLLIN};
        int n;

        if (unsent < 0)
            return broken(db);
        if (unsent == 0 && !PQisBusy(db->conn))
            return OK;
        if (unsent > 0)
            fd.events |= POLLOUT;
        n = poll(&fd, 1, 1000);
        if (n < 0 && errno != EINTR)
            return broken(db);
        if (n > 0 && (fd.revents & (POLLIN | POLLERR | POLLHUP))) {
            if (!PQconsumeInput(db->conn))
                return broken(db);
        }
        if (n > 0)
            deadline = clock_mono_ms() + db->stall_ms;
        else if (clock_mono_ms() >= deadline)
            return broken(db);
    }
}

static bool is_success(const PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);

    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* Errors of the server as a whole: it is going down (57P), lost (08), or became a replica (25006:
 * the next connection may find the new primary). */
static bool means_reconnect(const char *sqlstate)
{
    return strncmp(sqlstate, "57P", 3) == 0 || strncmp(sqlstate, "08", 2) == 0 ||
           strcmp(sqlstate, "25006") == 0;
}

/* What a failed result means; logs it. On ERR_IO the caller drops the connection. */
static enum err classify(struct db *db, const PGresult *r)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    char quoted[300];

    snprintf(db->sqlstate, sizeof db->sqlstate, "%s", state ? state : "");
    if (PQstatus(db->conn) != CONNECTION_OK || means_reconnect(db->sqlstate))
        return ERR_IO;
    if (strcmp(db->sqlstate, "57014") == 0)
        return ERR_TIMEOUT;
    text = text ? text : PQresultErrorMessage(r);
    log_warn("db", "a statement failed", "role=%s sqlstate=%s reason=%s", db->target->role,
             db->sqlstate[0] ? db->sqlstate : "none",
             log_quote(text, strlen(text), quoted, sizeof quoted));
    return ERR_INVALID;
}

/* Reads all results of what was sent; keeps the first failure, else the last result. */
static enum err collect(struct db *db, PGresult **out)
{
    PGresult *kept = NULL, *r;
    enum err err;

    *out = NULL;
    for (;;) {
        err = wait_for_result(db);
        if (err) {
            PQclear(kept);
            return err;
        }
        r = PQgetResult(db->conn);
        if (!r)
            break;
        if (kept && !is_success(kept)) {
            PQclear(r);
            continue;
        }
        PQclear(kept);
        kept = r;
    }
    if (kept && is_success(kept)) {
        *out = kept;
        return OK;
    }
    err = kept ? classify(db, kept) : ERR_IO;
    PQclear(kept);
    return err == ERR_IO ? broken(db) : err;
}

/* ---- statements ---- */

enum err db_run_rows(struct db *db, const char *sql, PGresult **out)
{
    *out = NULL;
    if (!db->conn || !PQsendQuery(db->conn, sql))
        return broken(db);
    return collect(db, out);
}

enum err db_run(struct db *db, const char *sql)
{
    PGresult *r;
    enum err err = db_run_rows(db, sql, &r);

    PQclear(r);
    return err;
}

static bool is_prepared(const struct db *db, const char *name)
{
    for (size_t i = 0; i < db->n_prepared; i++) {
        if (db->prepared[i] == name || strcmp(db->prepared[i], name) == 0)
            return true;
    }
    return false;
}

enum err db_prepare(struct db *db, const char *name, const char *sql)
{
    PGresult *r;
    enum err err;

    if (!db->conn)
        return broken(db);
    if (is_prepared(db, name))
        return OK;
    assert(db->n_prepared < DB_MAX_PREPARED);
    if (!PQsendPrepare(db->conn, name, sql, 0, NULL))
        return broken(db);
    err = collect(db, &r);
    PQclear(r);
    if (!err)
        db->prepared[db->n_prepared++] = name;
    return err;
}

static bool send_prepared(struct db *db, const char *name, const struct db_params *p)
{
    if (!p)
        return PQsendQueryPrepared(db->conn, name, 0, NULL, NULL, NULL, 1);
    return PQsendQueryPrepared(db->conn, name, p->n, p->value, p->length, p->format, 1);
}

enum err db_exec(struct db *db, const char *name, const char *sql, const struct db_params *p,
                 PGresult **out)
{
    enum err err;

    *out = NULL;
    if (p && p->failed)
        return ERR_NOMEM;
    err = db_prepare(db, name, sql);
    if (err)
        return err;
    if (!send_prepared(db, name, p))
        return broken(db);
    return collect(db, out);
}

/* ---- pipelines ---- */

enum err db_pipe_begin(struct db *db)
{
    if (!db->conn || !PQenterPipelineMode(db->conn))
        return broken(db);
    return OK;
}

enum err db_pipe_send(struct db *db, const char *name, const struct db_params *p)
{
    if (!db->conn)
        return ERR_IO;
    if (p && p->failed) {
        db_drop(db); /* half a pipeline is of no use, and there is no way to unsend it */
        return ERR_NOMEM;
    }
    if (!send_prepared(db, name, p))
        return broken(db);
    return OK;
}

/* The next result; NULL separators between statements are skipped. */
static enum err next_result(struct db *db, PGresult **out)
{
    *out = NULL;
    for (int separators = 0; separators < 3; separators++) {
        enum err err = wait_for_result(db);

        if (err)
            return err;
        *out = PQgetResult(db->conn);
        if (*out)
            return OK;
    }
    return broken(db);
}

enum err db_pipe_finish(struct db *db, PGresult **results, size_t n)
{
    enum err err = OK, failure = OK;
    PGresult *sync = NULL;
    size_t got = 0;

    if (!db->conn)
        return ERR_IO;
    if (!PQpipelineSync(db->conn))
        err = broken(db);
    while (!err && got < n) {
        err = next_result(db, &results[got]);
        if (err)
            break;
        if (!is_success(results[got]) && !failure) /* the skipped rest is PGRES_PIPELINE_ABORTED */
            failure = classify(db, results[got]);
        got++;
    }
    if (!err)
        err = next_result(db, &sync);
    if (!err && (PQresultStatus(sync) != PGRES_PIPELINE_SYNC || !PQexitPipelineMode(db->conn)))
        err = broken(db);
    PQclear(sync);
    if (!err)
        err = failure;
    if (err == ERR_IO && db->conn)
        err = broken(db);
    if (err) {
        for (size_t i = 0; i < got; i++)
            PQclear(results[i]);
    }
    return err;
}
