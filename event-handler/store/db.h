#ifndef EVENT_HANDLER_STORE_DB_H
#define EVENT_HANDLER_STORE_DB_H
/*
 * One PostgreSQL connection of one thread: connect with backoff, prepared statements, pipelines, binary parameters. Blocking calls: worker threads
 * only, never a loop thread. SQL always has parameters. A broken connection is reported as ERR_IO once per call and re-opened by the next db_ready().
 */
#include <libpq-fe.h>

#include "base/base.h"
#include "ops/backoff.h"

struct db_target { /* all borrowed for the life of the process */
    const char *host, *user, *password, *database;
    int port;
    const char *role; /* "write", "read", "maintenance": application_name is "tandem-event-handler-<role>" */
};

struct db {
    const struct db_target *target;
    const char *settings; /* SQL run after connecting, e.g. "SET jit=off; SET plan_cache_mode=force_generic_plan", or NULL */
    PGconn *conn;         /* NULL while not connected */
    uint64_t retry_at_ms; /* clock_mono_ms() of the next attempt */
    struct backoff backoff;
    uint64_t generation;  /* grows with every new connection: prepared statements are gone then */
};

void db_init(struct db *db, const struct db_target *target, const char *settings);
void db_deinit(struct db *db);
/* Connected and usable now? Tries to (re)connect when the backoff allows; does not wait for it. Logs a change of state once. */
NODISCARD enum err db_ready(struct db *db);
/* Drops the connection after an error that leaves it unusable. */
void db_drop(struct db *db);

/* Parameters in binary format. The builder owns the copies it makes; db_params_reset() frees them. */
enum { DB_MAX_PARAMS = 40 };
struct db_params {
    int n;
    const char *value[DB_MAX_PARAMS];
    int length[DB_MAX_PARAMS];
    int format[DB_MAX_PARAMS];
    char *owned[DB_MAX_PARAMS];
    bool failed; /* out of memory */
};
void db_params_init(struct db_params *p);
void db_params_reset(struct db_params *p);
void db_param_null(struct db_params *p);
void db_param_int4(struct db_params *p, int32_t v);
void db_param_int8(struct db_params *p, int64_t v);
void db_param_bool(struct db_params *p, bool v);
void db_param_bytes(struct db_params *p, const void *bytes, size_t n); /* bytea; borrowed */
void db_param_text(struct db_params *p, const char *text, size_t n);   /* text; borrowed */
/* One-dimensional arrays. Elements of bytea and text arrays: n slices; a slice with ptr NULL and len 0 is SQL NULL. */
struct slice;
void db_param_int4_array(struct db_params *p, const int32_t *v, size_t n);
/* SQL NULL where is_null is not NULL and is_null[i]. */
void db_param_int8_array(struct db_params *p, const int64_t *v, const bool *is_null, size_t n);
void db_param_bytea_array(struct db_params *p, const struct slice *v, size_t n);
void db_param_text_array(struct db_params *p, const struct slice *v, size_t n);

/* Reading binary result columns. */
int64_t db_get_int8(const PGresult *r, int row, int col);
int32_t db_get_int4(const PGresult *r, int row, int col);
bool db_get_bool(const PGresult *r, int row, int col);
struct slice db_get_slice(const PGresult *r, int row, int col); /* {NULL,0} for SQL NULL */

/* Prepares (once per connection) and runs a statement; the caller PQclear()s *out. ERR_IO when the connection broke (it is dropped), ERR_TIMEOUT on statement
 * timeout, ERR_INVALID on any other SQL error (logged with its SQLSTATE). name is a static string unique to sql. */
NODISCARD enum err db_exec(struct db *db, const char *name, const char *sql, const struct db_params *p, PGresult **out);

#endif
