#include "manage/change.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/control.h"
#include "base/clock.h"

enum { NUMBER_ROOM = 24 };

enum err sql_text(struct db *db, const char *name, const char *sql, size_t n,
                  const char *const *values, PGresult **r)
{
    struct db_params p;
    PGresult *rows;
    enum err err;

    db_params_init(&p);
    for (size_t i = 0; i < n; i++) {
        if (values[i])
            db_param_text(&p, values[i], strlen(values[i]));
        else
            db_param_null(&p);
    }
    err = db_exec(db, name, sql, &p, &rows);
    db_params_reset(&p);
    if (r)
        *r = rows;
    else
        PQclear(rows);
    return err;
}

static void run(struct change *c, const char *name, const char *sql, size_t n,
                const char *const *values)
{
    if (!c->err)
        c->err = sql_text(c->db, name, sql, n, values, NULL);
}

void change_begin(struct change *c, struct db *db, const struct change_author *author)
{
    *c = (struct change){.db = db, .author = author, .changes = json_array()};
    c->err = c->changes ? db_run(db, "BEGIN") : ERR_NOMEM;
    run(c, "change_lock", "SELECT version FROM control_head WHERE one FOR UPDATE", 0, NULL);
}

json_t *change_get(struct change *c, const char *area, const char *key)
{
    const char *values[] = {area, key};
    json_t *value = NULL;
    PGresult *r = NULL;

    if (!c->err)
        c->err =
            sql_text(c->db, "change_get",
                     "SELECT value::text FROM moderation WHERE area = $1::text AND key = $2::text",
                     2, values, &r);
    if (!c->err && PQntuples(r) == 1) {
        value = json_loads(PQgetvalue(r, 0, 0), JSON_DECODE_ANY, NULL);
        c->err = value ? OK : ERR_NOMEM;
    }
    PQclear(r);
    return value;
}

/* ---- what follows ---- */

static const char *now_text(char out[NUMBER_ROOM])
{
    snprintf(out, NUMBER_ROOM, "%" PRId64, clock_unix());
    return out;
}

static void post(struct change *c, const char *kind, const char *key)
{
    char now[NUMBER_ROOM];
    const char *values[] = {kind, key, now_text(now)};

    run(c, "change_post",
        "INSERT INTO relay_outbox (kind, key, at) VALUES ($1::text::int, $2::text, "
        "$3::text::bigint)",
        3, values);
}

static void ask_for_move(struct change *c, const char *area, const char *key)
{
    char now[NUMBER_ROOM];
    const char *values[] = {area, key, now_text(now)};

    run(c, "change_move",
        "INSERT INTO moderation_moves (area, key, asked_at, due_at)"
        " VALUES ($1::text, $2::text, $3::text::bigint, 0)"
        " ON CONFLICT (area, key) DO UPDATE SET asked_at = excluded.asked_at, due_at = 0",
        3, values);
}

static void follow_up(struct change *c, const char *area, const char *key, const json_t *before,
                      const json_t *after)
{
    if (strcmp(area, "banned-pubkey") == 0 || strcmp(area, "banned-event") == 0)
        ask_for_move(c, area, key);
    if (!c->author->nip43)
        return;
    if (strcmp(area, "member") == 0) {
        if (!before != !after)
            post(c, after ? "8000" : "8001", key);
        post(c, "13534", "");
    } else if (strcmp(area, "role") == 0) {
        post(c, "33534", key);
    }
}

/* ---- changing ---- */

static void store(struct change *c, const char *area, const char *key, const json_t *value)
{
    char now[NUMBER_ROOM];
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    const char *values[] = {area, key, text, now_text(now)};

    if (value && !text)
        c->err = ERR_NOMEM;
    if (value)
        run(c, "change_put",
            "INSERT INTO moderation (area, key, value, changed_at)"
            " VALUES ($1::text, $2::text, $3::text::jsonb, $4::text::bigint) ON CONFLICT (area, "
            "key)"
            " DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at",
            4, values);
    else
        run(c, "change_drop", "DELETE FROM moderation WHERE area = $1::text AND key = $2::text", 2,
            values);
    free(text);
}

static json_t *or_null(json_t *value)
{
    return value ? json_incref(value) : json_null();
}

void change_put(struct change *c, const char *area, const char *key, json_t *value)
{
    json_t *before = change_get(c, area, key);

    if (!c->err && !(before ? json_equal(before, value) : !value)) {
        json_t *entry = json_pack("{s:s,s:s,s:o,s:o}", "area", area, "key", key, "before",
                                  or_null(before), "after", or_null(value));

        if (!entry || json_array_append_new(c->changes, entry) != 0)
            c->err = ERR_NOMEM;
        store(c, area, key, value);
        follow_up(c, area, key, before, value);
    }
    json_decref(before);
    json_decref(value);
}

/* ---- the end ---- */

static void write_audit(struct change *c, const char *reason, int64_t undoes)
{
    char now[NUMBER_ROOM], id[NUMBER_ROOM];
    char *params = json_dumps(c->author->params, JSON_COMPACT);
    char *changes = json_dumps(c->changes, JSON_COMPACT);
    const char *values[] = {
        now_text(now), c->author->actor, c->author->role, c->author->address, c->author->method,
        params,        reason,           changes,         undoes ? id : NULL};

    snprintf(id, sizeof id, "%" PRId64, undoes);
    if (!params || !changes)
        c->err = ERR_NOMEM;
    run(c, "change_audit",
        "INSERT INTO moderation_audit (at, actor, role, address, method, params, reason, changes, "
        "undoes)"
        " VALUES ($1::text::bigint, $2::text, $3::text, $4::text, $5::text, $6::text::jsonb, "
        "$7::text, $8::text::jsonb, $9::text::bigint)",
        9, values);
    free(params);
    free(changes);
}

enum err change_end(struct change *c, const char *reason, int64_t undoes)
{
    if (!c->err && (json_array_size(c->changes) > 0 || c->noted || undoes)) {
        write_audit(c, reason, undoes);
        run(c, "change_version",
            "WITH v AS (UPDATE control_head SET version = " CONTROL_NEXT_VERSION
            " WHERE one RETURNING version)"
            " SELECT pg_notify('tandem_control', '') FROM v",
            0, NULL);
    }
    if (!c->err)
        c->err = db_run(c->db, "COMMIT");
    if (c->err && c->db->conn && PQtransactionStatus(c->db->conn) != PQTRANS_IDLE &&
        db_run(c->db, "ROLLBACK") != OK)
        db_drop(c->db);
    json_decref(c->changes);
    c->changes = NULL;
    return c->err;
}
