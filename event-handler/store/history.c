#include "store/history.h"

#include <string.h>

#include "base/list_text.h"
#include "base/slice.h"
#include "ops/kind_set.h"

enum {
    STEP_ROWS = 500,
    SETTLED_SECONDS = 30, /* younger versions may still be on their way into the table */
};

bool history_kinds_check(const char *text, struct buf *error)
{
    struct slice list = slice_str(text), entry;

    while (list_text_next(&list, &entry)) {
        struct kind_set set;

        if (!kind_set_parse(entry, &set, error))
            return false;
        for (int kind = 0; kind <= KIND_MAX; kind++) {
            enum kind_class class = kind_class(kind);

            if (!kind_set_has(&set, kind) || class == KIND_REPLACEABLE || class == KIND_ADDRESSABLE)
                continue;
            buf_printf(error,
                       "\"" SLICE_FMT "\": kind %d has no versions; replaceable kinds are 0, 3, "
                       "10000-19999, addressable ones 30000-39999",
                       SLICE_ARG(entry), kind);
            return false;
        }
    }
    return true;
}

void history_pruner_init(struct history_pruner *p)
{
    *p = (struct history_pruner){.replaced_at = -1};
}

static enum err prune_by_age(struct db *db, int64_t replaced_before, int64_t *removed)
{
    struct db_params p;
    PGresult *r;
    enum err err;

    db_params_init(&p);
    db_param_int8(&p, replaced_before);
    db_param_int8(&p, STEP_ROWS);
    err = db_exec(
        db, "history_by_age",
        "WITH doomed AS MATERIALIZED (SELECT id FROM event_history WHERE replaced_at < "
        "$1::bigint ORDER BY replaced_at, id LIMIT $2::bigint FOR UPDATE SKIP LOCKED),"
        " gone AS (DELETE FROM event_history h USING doomed d WHERE h.id = d.id RETURNING 1)"
        " SELECT count(*) FROM gone",
        &p, &r);
    db_params_reset(&p);
    if (err)
        return err;
    *removed = db_get_int8(r, 0, 0);
    PQclear(r);
    return OK;
}

/* Looks at the addresses of the next versions: only what was replaced since may be too much. */
static enum err prune_by_number(struct history_pruner *at, struct db *db, int64_t now,
                                int64_t versions, int64_t *removed, int64_t *looked_at)
{
    struct db_params p;
    PGresult *r;
    enum err err;

    db_params_init(&p);
    db_param_int8(&p, at->replaced_at);
    db_param_bytes(&p, at->id, sizeof at->id);
    db_param_int8(&p, now - SETTLED_SECONDS);
    db_param_int8(&p, STEP_ROWS);
    db_param_int8(&p, versions);
    err = db_exec(
        db, "history_by_number",
        "WITH step AS MATERIALIZED (SELECT address, replaced_at, id FROM event_history WHERE "
        "(replaced_at, id) > ($1::bigint, $2::bytea) AND replaced_at < $3::bigint"
        " ORDER BY replaced_at, id LIMIT $4::bigint),"
        " gone AS (DELETE FROM event_history h USING (SELECT DISTINCT address FROM step) s,"
        " LATERAL (SELECT x.created_at, x.tie FROM event_history x WHERE x.address = s.address"
        " ORDER BY x.created_at DESC, x.tie DESC OFFSET $5::bigint LIMIT 1) first"
        " WHERE h.address = s.address AND (h.created_at, h.tie) <= (first.created_at, first.tie)"
        " RETURNING 1)"
        " SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM step), last.replaced_at, "
        "last.id FROM (SELECT 1) one LEFT JOIN LATERAL (SELECT replaced_at, id FROM step ORDER BY "
        "replaced_at DESC, id DESC LIMIT 1) last ON true",
        &p, &r);
    db_params_reset(&p);
    if (err)
        return err;
    *removed += db_get_int8(r, 0, 0);
    *looked_at = db_get_int8(r, 0, 1);
    if (*looked_at > 0) {
        at->replaced_at = db_get_int8(r, 0, 2);
        memcpy(at->id, db_get_slice(r, 0, 3).ptr, sizeof at->id);
    }
    PQclear(r);
    return OK;
}

enum err history_prune(struct history_pruner *at, struct db *db, int64_t now,
                       int64_t replaced_before, int64_t versions, int64_t *removed, bool *more)
{
    int64_t looked_at = 0;
    enum err err = prune_by_age(db, replaced_before, removed);

    *more = !err && *removed == STEP_ROWS;
    if (!err && !*more)
        err = prune_by_number(at, db, now, versions, removed, &looked_at);
    *more = *more || looked_at == STEP_ROWS;
    return err;
}
