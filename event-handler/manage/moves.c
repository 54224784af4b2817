#include "manage/moves.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/control.h"
#include "base/clock.h"
#include "base/hex.h"
#include "manage/change.h"
#include "ops/log.h"
#include "store/event_writer.h"
#include "store/index_keys.h"

enum {
    STEP_EVENTS = 200,
    /* Whoever had not heard of a ban yet may have stored something since: look again. */
    LINGER_SECONDS = 5,
    RETRY_SECONDS = 2,
    RESTORE_TIMEOUT_MS = 10000,
    RESTORE_MEMORY = 64 * 1024 * 1024,
};

struct move { /* a row of moderation_moves */
    char area[24], key[65];
    uint8_t bytes[32]; /* of key */
    bool of_pubkey;
    bool banned; /* at present */
    int64_t asked_at;
};

/* ---- which ---- */

/* Locks the row; ERR_GONE when there is nothing to do. */
static enum err lock_move(struct db *db, struct move *m)
{
    struct db_params p;
    PGresult *r;
    enum err err;

    db_params_init(&p);
    db_param_int8(&p, clock_unix());
    err = db_exec(db, "move_next",
                  "SELECT area, key, asked_at FROM moderation_moves WHERE due_at <= $1::bigint"
                  " ORDER BY due_at, asked_at LIMIT 1 FOR UPDATE SKIP LOCKED",
                  &p, &r);
    db_params_reset(&p);
    if (err)
        return err;
    if (PQntuples(r) == 0) {
        PQclear(r);
        return ERR_GONE;
    }
    snprintf(m->area, sizeof m->area, "%s", PQgetvalue(r, 0, 0));
    snprintf(m->key, sizeof m->key, "%s", PQgetvalue(r, 0, 1));
    m->asked_at = db_get_int8(r, 0, 2);
    m->of_pubkey = strcmp(m->area, "banned-pubkey") == 0;
    PQclear(r);
    return hex_decode(slice_str(m->key), m->bytes, sizeof m->bytes) ? OK : ERR_INVALID;
}

/* Asked in a statement of its own: that which took the lock may have begun before the last change,
 * and the ban cannot change while the lock is held (change.c touches the row as well). */
static enum err next_move(struct db *db, struct move *m)
{
    const char *values[] = {m->area, m->key};
    PGresult *r;
    enum err err = lock_move(db, m);

    if (!err)
        err = sql_text(db, "move_banned",
                       "SELECT FROM moderation WHERE area = $1::text AND key = $2::text", 2, values,
                       &r);
    if (err)
        return err;
    m->banned = PQntuples(r) == 1;
    PQclear(r);
    return OK;
}

static enum err run(struct db *db, const char *name, const char *sql, const struct move *m,
                    int64_t number)
{
    char text[24];
    const char *values[] = {m->area, m->key, text};
    PGresult *r;
    enum err err;

    snprintf(text, sizeof text, "%lld", (long long)number);
    err = sql_text(db, name, sql, 3, values, &r);
    PQclear(r);
    return err;
}

static enum err put_off(struct db *db, const struct move *m, int64_t seconds)
{
    return run(db, "move_later",
               "UPDATE moderation_moves SET due_at = $3::text::bigint WHERE area = $1::text AND "
               "key = $2::text",
               m, clock_unix() + seconds);
}

/* A change holds control_head when it comes to the row that is locked here: waiting for it would be
 * a deadlock. */
static enum err lock_control_head(struct db *db, bool *locked)
{
    PGresult *r;
    enum err err =
        sql_text(db, "move_control_head",
                 "SELECT FROM control_head WHERE one FOR UPDATE SKIP LOCKED", 0, NULL, &r);

    *locked = !err && PQntuples(r) == 1;
    if (!err)
        PQclear(r);
    return err;
}

/* Nothing is left to move. With the last one gone, COUNT need not look at each row any more. */
static enum err finish(struct db *db, const struct move *m)
{
    bool locked = false;
    enum err err = OK;

    if (!m->banned || clock_unix() >= m->asked_at + LINGER_SECONDS)
        err = lock_control_head(db, &locked);
    if (err)
        return err;
    if (!locked)
        return put_off(db, m, 1);
    return run(db, "move_done",
               "WITH done AS (DELETE FROM moderation_moves WHERE area = $1::text AND key = "
               "$2::text AND $3::text IS NOT NULL RETURNING 1),"
               " told AS (UPDATE control_head SET version = " CONTROL_NEXT_VERSION
               " WHERE one AND (SELECT count(*) FROM moderation_moves) = (SELECT count(*) FROM "
               "done) RETURNING version)"
               " SELECT pg_notify('tandem_control', '') FROM told",
               m, 0);
}

/* ---- taking away ---- */

#define WITHHOLD(which)                                                                            \
    "WITH doomed AS (SELECT e.seq FROM events e WHERE " which                                      \
    " LIMIT $3::bigint FOR UPDATE SKIP LOCKED),"                                                   \
    " gone AS (DELETE FROM events e USING doomed d WHERE e.seq = d.seq RETURNING e.*),"            \
    " tags AS (DELETE FROM event_tags t USING gone g, unnest(g.tag_keys) AS k(key)"                \
    " WHERE t.key = k.key AND t.created_at = g.created_at AND t.tie = g.tie AND t.seq = g.seq),"   \
    " kept AS (INSERT INTO withheld_events (id, pubkey, created_at, kind, tag_keys, event, "       \
    "withheld_at)"                                                                                 \
    " SELECT id, pubkey, created_at, kind, tag_keys, event, $4::bigint FROM gone"                  \
    " ON CONFLICT (id) DO NOTHING) SELECT count(*) FROM gone WHERE $2::bigint IS NOT NULL"

/* A request to vanish stays: it says why others are missing. */
static enum err withhold(struct db *db, const struct move *m, int64_t *moved)
{
    struct db_params p;
    PGresult *r;
    enum err err;

    db_params_init(&p);
    db_param_bytes(&p, m->bytes, sizeof m->bytes);
    db_param_int8(&p, index_prefix(m->bytes));
    db_param_int8(&p, STEP_EVENTS);
    db_param_int8(&p, clock_unix());
    if (m->of_pubkey)
        err = db_exec(db, "withhold_author",
                      WITHHOLD("e.author = $2::bigint AND e.pubkey = $1::bytea AND e.kind <> 62"),
                      &p, &r);
    else
        err = db_exec(db, "withhold_event", WITHHOLD("e.id = $1::bytea"), &p, &r);
    db_params_reset(&p);
    if (err)
        return err;
    *moved = db_get_int8(r, 0, 0);
    PQclear(r);
    return OK;
}

/* NIP-62: what was on its way here when its author vanished. */
static enum err erase_vanished(struct db *db, const struct move *m)
{
    struct db_params p;
    PGresult *r;
    enum err err;

    db_params_init(&p);
    db_param_bytes(&p, m->bytes, sizeof m->bytes);
    err = db_exec(db, "withhold_vanished",
                  "DELETE FROM withheld_events w USING vanished v WHERE (w.pubkey = $1::bytea OR "
                  "w.id = $1) AND v.pubkey = w.pubkey AND w.created_at <= v.up_to",
                  &p, &r);
    db_params_reset(&p);
    PQclear(r);
    return err;
}

/* ---- bringing back ---- */

/* Rows whose other ban, of the author or of the event, still holds stay where they are. */
static enum err select_withheld(struct db *db, const struct move *m, PGresult **r)
{
    struct db_params p;
    enum err err;

    db_params_init(&p);
    db_param_bytes(&p, m->bytes, sizeof m->bytes);
    db_param_int8(&p, STEP_EVENTS);
    err = db_exec(
        db, m->of_pubkey ? "restore_author" : "restore_event",
        m->of_pubkey ? "SELECT w.id, w.event FROM withheld_events w WHERE w.pubkey = $1::bytea AND "
                       "NOT EXISTS (SELECT FROM moderation b WHERE b.area = 'banned-event' AND "
                       "b.key = encode(w.id, 'hex')) LIMIT $2::bigint"
                     : "SELECT w.id, w.event FROM withheld_events w WHERE w.id = $1::bytea AND NOT "
                       "EXISTS (SELECT FROM moderation b WHERE b.area = 'banned-pubkey' AND b.key "
                       "= encode(w.pubkey, 'hex')) LIMIT $2::bigint",
        &p, r);
    db_params_reset(&p);
    return err;
}

struct restored {
    struct event ev;
    struct new_event store;
};

/* Reads the rows; one that cannot be read, which does not happen, is left where it is. */
static size_t read_rows(const PGresult *r, struct arena *arena, struct restored *rows,
                        struct new_event **list)
{
    size_t n = 0;

    for (int row = 0; row < PQntuples(r); row++) {
        struct slice json = db_get_slice(r, row, 1);

        if (!event_parse_stored(json, arena, &rows[n].ev)) {
            log_error("manage", "a withheld event cannot be read", "");
            continue;
        }
        new_event_init(&rows[n].store, &rows[n].ev, json);
        list[n] = &rows[n].store;
        n++;
    }
    return n;
}

static void ignore_commit(struct new_event *const *ne, size_t n, uint64_t prev, uint64_t seq,
                          void *ctx)
{
    (void)ne;
    (void)n;
    (void)prev;
    (void)seq;
    (void)ctx; /* front ends learn of it from the next heartbeat */
}

static enum err forget(struct db *db, struct new_event *const *list, size_t n)
{
    struct slice ids[STEP_EVENTS];
    struct db_params p;
    size_t settled = 0;
    PGresult *r;
    enum err err;

    for (size_t i = 0; i < n; i++) {
        if (list[i]->verdict != VERDICT_ERROR)
            ids[settled++] = slice_of((const char *)list[i]->ev->id.b, 32);
    }
    db_params_init(&p);
    db_param_bytea_array(&p, ids, settled);
    err = db_exec(db, "restore_forget", "DELETE FROM withheld_events WHERE id = ANY($1::bytea[])",
                  &p, &r);
    db_params_reset(&p);
    if (err)
        return err;
    PQclear(r);
    return settled == n ? OK : ERR_BUSY;
}

static enum err store_again(struct db *db, const struct db_target *target, const PGresult *r)
{
    struct restored *rows = calloc(STEP_EVENTS, sizeof *rows);
    struct new_event *list[STEP_EVENTS];
    struct event_writer writer;
    struct arena arena;
    enum err err = ERR_NOMEM;
    size_t n;

    arena_init(&arena, RESTORE_MEMORY);
    if (rows) {
        n = read_rows(r, &arena, rows, list);
        event_writer_init(&writer, target, RESTORE_TIMEOUT_MS, ignore_commit, NULL);
        event_writer_store(&writer, list, n);
        event_writer_deinit(&writer);
        err = n > 0 ? forget(db, list, n) : ERR_BUSY;
    }
    arena_deinit(&arena);
    free(rows);
    return err;
}

static enum err restore(struct db *db, const struct db_target *target, const struct move *m,
                        int64_t *moved)
{
    PGresult *r;
    enum err err = select_withheld(db, m, &r);

    if (err)
        return err;
    *moved = PQntuples(r);
    if (*moved > 0)
        err = store_again(db, target, r);
    PQclear(r);
    return err == ERR_BUSY ? put_off(db, m, RETRY_SECONDS) : err; /* some could not be stored */
}

/* ---- one step ---- */

static enum err step(struct db *db, const struct db_target *target, const struct move *m)
{
    int64_t moved = 0;
    enum err err = m->banned ? withhold(db, m, &moved) : restore(db, target, m, &moved);

    if (!err && moved == 0 && m->banned)
        err = erase_vanished(db, m);
    return err || moved > 0 ? err : finish(db, m);
}

enum err moves_step(struct db *db, const struct db_target *target, bool *more)
{
    struct move m;
    enum err err = db_run(db, "BEGIN");

    *more = false;
    if (!err)
        err = next_move(db, &m);
    if (err == ERR_GONE)
        return db_run(db, "COMMIT");
    if (!err)
        err = step(db, target, &m);
    if (err)
        return err;
    *more = true;
    return db_run(db, "COMMIT");
}
