#ifndef EVENT_HANDLER_STORE_DB_H
#define EVENT_HANDLER_STORE_DB_H
/*
 * One PostgreSQL connection of one thread: connect with backoff, prepared statements, pipelines,
 * binary parameters. Calls block, but never for longer than stall_ms without a sign of life: worker
 * threads only, never a loop thread. SQL always has parameters. A broken connection is reported as
 * ERR_IO once per call and re-opened by the next db_ready().
 */
#include <libpq-fe.h>

#include "base/base.h"
#include "ops/backoff.h"
#include "ops/log.h"

enum {
    DB_STALL_MS =
        30000, /* by default, a server that says nothing for this long is taken for dead */
    DB_MAX_PREPARED = 128, /* statements of one connection */
};

struct db_target { /* all borrowed for the life of the process */
    const char *host, *user, *password, *database;
    int port;
    const char *role; /* "write", "read", "maintenance": application_name is
                         "tandem-event-handler-<role>" */
};

struct db {
    const struct db_target *target;
    const char *settings; /* SQL run after connecting, e.g. "SET jit=off; SET
                             plan_cache_mode=force_generic_plan", or NULL */
    PGconn *conn;         /* NULL while not connected */
    uint64_t retry_at_ms; /* clock_mono_ms() of the next attempt */
    struct backoff backoff;
    uint64_t generation;  /* grows with every new connection: prepared statements are gone then */
    uint32_t stall_ms;    /* DB_STALL_MS; larger where a statement may take its time */
    struct log_gate gate; /* an outage is told when it begins, and again while it lasts */
    bool reported_down;   /* it was: the recovery will be too */
    char sqlstate[6];     /* of the last SQL error; "" when the error was not the server's */
    const char *prepared[DB_MAX_PREPARED]; /* names known to this connection */
    size_t n_prepared;
};

void db_init(struct db *db, const struct db_target *target, const char *settings);
void db_deinit(struct db *db);
/* Connected and usable now? Tries to (re)connect when the backoff allows; does not wait for it.
 * Logs a change of state once. */
NODISCARD enum err db_ready(struct db *db);
/* Drops the connection after an error that leaves it unusable. */
void db_drop(struct db *db);

/* Parameters in binary format. The builder owns the copies it makes; db_params_reset() frees them.
 */
enum { DB_MAX_PARAMS = 40 };
struct db_params {
    int n;
    const char *value[DB_MAX_PARAMS];
    int length[DB_MAX_PARAMS];
    int format[DB_MAX_PARAMS];
    char *owned[DB_MAX_PARAMS];
    bool failed; /* out of memory, or more than DB_MAX_PARAMS */
};
void db_params_init(struct db_params *p);
void db_params_reset(struct db_params *p);
void db_param_null(struct db_params *p);
void db_param_int4(struct db_params *p, int32_t v);
void db_param_int8(struct db_params *p, int64_t v);
void db_param_bool(struct db_params *p, bool v);
void db_param_bytes(struct db_params *p, const void *bytes, size_t n); /* bytea; borrowed */
void db_param_text(struct db_params *p, const char *text, size_t n);   /* text; borrowed */
void db_param_text_copy(struct db_params *p, const char *text, size_t n);
/* One-dimensional arrays. Elements of bytea and text arrays: n slices; a slice with ptr NULL and
 * len 0 is SQL NULL. */
struct slice;
void db_param_int4_array(struct db_params *p, const int32_t *v, size_t n);
/* SQL NULL where is_null is not NULL and is_null[i]. */
void db_param_int8_array(struct db_params *p, const int64_t *v, const bool *is_null, size_t n);
void db_param_bool_array(struct db_params *p, const bool *v, size_t n);
void db_param_bytea_array(struct db_params *p, const struct slice *v, size_t n);
void db_param_text_array(struct db_params *p, const struct slice *v, size_t n);

/* Reading binary result columns. */
int64_t db_get_int8(const PGresult *r, int row, int col);
int32_t db_get_int4(const PGresult *r, int row, int col);
bool db_get_bool(const PGresult *r, int row, int col);
struct slice db_get_slice(const PGresult *r, int row, int col); /* {NULL,0} for SQL NULL */

/* Prepares (once per connection) and runs a statement; the caller PQclear()s *out. ERR_IO when the
 * connection broke (it is dropped), ERR_TIMEOUT on statement timeout, ERR_INVALID on any other SQL
 * error (logged with its SQLSTATE, which stays in db->sqlstate), ERR_NOMEM when p failed. name is a
 * static string unique to sql. On an error *out is NULL. p may be NULL. */
NODISCARD enum err db_exec(struct db *db, const char *name, const char *sql,
                           const struct db_params *p, PGresult **out);
/* The same for statements without parameters whose rows do not matter; sql may hold several. Not
 * prepared. */
NODISCARD enum err db_run(struct db *db, const char *sql);
/* Like db_run, but returns the rows, in text format: for the few statements that run once. */
NODISCARD enum err db_run_rows(struct db *db, const char *sql, PGresult **out);

/*
 * A pipeline: statements that travel together and are answered together, one round trip for all.
 *   db_prepare() each of them, db_pipe_begin(), db_pipe_send() each, db_pipe_finish() for the n
 * results. The statements see each other's effects in order; after the first that fails the server
 * skips the rest. A transaction is begun and ended by statements like any other and may span
 * several pipelines.
 */
NODISCARD enum err db_prepare(struct db *db, const char *name, const char *sql);
NODISCARD enum err db_pipe_begin(struct db *db);
NODISCARD enum err db_pipe_send(struct db *db, const char *name, const struct db_params *p);
/* Sends everything and waits for all n results. OK: results[n] are the caller's to PQclear().
 * Otherwise none is: errors as db_exec(). */
NODISCARD enum err db_pipe_finish(struct db *db, PGresult **results, size_t n);

#endif
