#include "retention/walk.h"

#include <string.h>

#include "access/access.h"
#include "config.h"

enum { STEP_EVENTS = 500 };

struct position { /* a row of retention_progress */
    bool fresh;   /* no walk is under way, or one by other rules */
    int64_t created_at, tie, finished_at;
};

struct doomed {
    int64_t seq[STEP_EVENTS];
    enum tier tier[STEP_EVENTS];
    size_t n;
};

bool retention_init(struct retention *r, const struct config *cfg)
{
    struct buf error;
    bool good;

    *r = (struct retention){.text = cfg->retention_rules,
                            .interval = cfg->retention_interval_seconds,
                            .apply = cfg->retention_apply};
    buf_init(&error, KIB);
    good = retention_rules_parse(slice_str(cfg->retention_rules), &r->rules, &error) &&
           key_set_parse(slice_str(cfg->retention_keep_pubkeys), &r->exempt, &error);
    buf_deinit(&error);
    return good;
}

void retention_deinit(struct retention *r)
{
    key_set_deinit(&r->exempt);
}

bool retention_knows_tiers(const struct access_view *view)
{
    return !view->cfg->wot_enabled || view->trust->generation > 0;
}

const struct retention_rule *retention_judge(const struct retention_rules *rules,
                                             const struct key_set *exempt,
                                             const struct access_view *view,
                                             const struct pubkey *author, int kind,
                                             int64_t created_at, int64_t now, enum tier *tier)
{
    *tier = access_standing(view, author).tier;
    if (key_set_has_pubkey(exempt, author))
        return NULL;
    return retention_rules_doom(rules, *tier, kind, created_at, now);
}

/* ---- a step ---- */

/* Locks the walk; ERR_BUSY when another event handler has it. */
static enum err take_position(const struct retention *r, struct db *db, struct position *at)
{
    struct slice rules;
    PGresult *rows;
    enum err err = db_exec(db, "retention_position",
                           "SELECT rules, created_at, tie, finished_at FROM retention_progress "
                           "WHERE one FOR UPDATE SKIP LOCKED",
                           NULL, &rows);

    if (err)
        return err;
    if (PQntuples(rows) == 1) {
        rules = db_get_slice(rows, 0, 0);
        *at = (struct position){.created_at = db_get_int8(rows, 0, 1),
                                .tie = db_get_int8(rows, 0, 2),
                                .finished_at = db_get_int8(rows, 0, 3)};
        at->fresh = !slice_eq(rules, slice_str(r->text));
    } else {
        err = ERR_BUSY;
    }
    PQclear(rows);
    return err;
}

/* Is it time to walk? Sets *at to the start of a new one. */
static bool is_due(const struct retention *r, int64_t now, struct position *at)
{
    if (!at->fresh && at->finished_at == 0)
        return true;
    if (!at->fresh && now < at->finished_at + r->interval)
        return false;
    *at = (struct position){.fresh = true, .created_at = -1};
    return true;
}

static enum err read_batch(struct db *db, const struct position *at, int64_t horizon, PGresult **r)
{
    struct db_params p;
    enum err err;

    db_params_init(&p);
    db_param_int8(&p, at->created_at);
    db_param_int8(&p, at->tie);
    db_param_int8(&p, horizon);
    db_param_int8(&p, STEP_EVENTS);
    err = db_exec(db, "retention_read",
                  "SELECT seq, created_at, tie, kind, pubkey FROM events WHERE (created_at, tie) > "
                  "($1::bigint, $2::bigint) AND created_at <= $3::bigint ORDER BY created_at, tie "
                  "LIMIT $4::bigint",
                  &p, r);
    db_params_reset(&p);
    return err;
}

static void judge_batch(const struct retention *r, const struct access_view *view, int64_t now,
                        const PGresult *rows, struct doomed *d)
{
    d->n = 0;
    for (int row = 0; row < PQntuples(rows); row++) {
        struct pubkey author;

        memcpy(author.b, db_get_slice(rows, row, 4).ptr, sizeof author.b);
        if (!retention_judge(&r->rules, &r->exempt, view, &author, db_get_int4(rows, row, 3),
                             db_get_int8(rows, row, 1), now, &d->tier[d->n]))
            continue;
        d->seq[d->n++] = db_get_int8(rows, row, 0);
    }
}

static void count_gone(const PGresult *gone, const struct doomed *d, struct retention_step *out)
{
    for (int row = 0; row < PQntuples(gone); row++) {
        for (size_t i = 0; i < d->n; i++) {
            if (d->seq[i] == db_get_int8(gone, row, 0))
                out->deleted[d->tier[i]]++;
        }
    }
}

/* SKIP LOCKED: the writer, or a sweep, is at these rows already. */
static enum err delete_doomed(struct db *db, const struct doomed *d, struct retention_step *out)
{
    struct db_params p;
    PGresult *gone;
    enum err err;

    if (d->n == 0)
        return OK;
    db_params_init(&p);
    db_param_int8_array(&p, d->seq, NULL, d->n);
    err = db_exec(
        db, "retention_delete",
        "WITH doomed AS (SELECT seq FROM events WHERE seq = ANY($1::bigint[]) FOR UPDATE SKIP "
        "LOCKED),"
        " gone AS (DELETE FROM events e USING doomed d WHERE e.seq = d.seq"
        " RETURNING e.seq, e.created_at, e.tie, e.tag_keys),"
        " tags AS (DELETE FROM event_tags t USING gone g, unnest(g.tag_keys) AS k(key) WHERE t.key "
        "= k.key AND t.created_at = g.created_at AND t.tie = g.tie AND t.seq = g.seq)"
        " SELECT seq FROM gone",
        &p, &gone);
    db_params_reset(&p);
    if (err)
        return err;
    count_gone(gone, d, out);
    PQclear(gone);
    return OK;
}

static int64_t sum(const int64_t deleted[TIERS])
{
    int64_t total = 0;

    for (size_t i = 0; i < TIERS; i++)
        total += deleted[i];
    return total;
}

/* at->finished_at is 0 while the walk goes on. */
static enum err keep_position(const struct retention *r, struct db *db, const struct position *at,
                              int64_t now, const struct retention_step *step)
{
    struct db_params p;
    PGresult *rows;
    enum err err;

    db_params_init(&p);
    db_param_text(&p, r->text, strlen(r->text));
    db_param_int8(&p, at->created_at);
    db_param_int8(&p, at->tie);
    db_param_int8(&p, at->finished_at);
    db_param_bool(&p, at->fresh);
    db_param_int8(&p, now);
    db_param_int8(&p, step->looked_at);
    db_param_int8(&p, sum(step->deleted));
    err = db_exec(db, "retention_keep",
                  "UPDATE retention_progress SET rules = $1::text, created_at = $2::bigint, tie = "
                  "$3::bigint, finished_at = $4::bigint,"
                  " started_at = CASE WHEN $5::boolean THEN $6::bigint ELSE started_at END,"
                  " looked_at = CASE WHEN $5 THEN 0 ELSE looked_at END + $7::bigint,"
                  " deleted = CASE WHEN $5 THEN 0 ELSE deleted END + $8::bigint,"
                  " deleted_ever = deleted_ever + $8 WHERE one",
                  &p, &rows);
    db_params_reset(&p);
    if (!err)
        PQclear(rows);
    return err;
}

static enum err walk_on(const struct retention *r, struct db *db, const struct access_view *view,
                        int64_t now, struct position *at, struct retention_step *out)
{
    struct doomed doomed;
    PGresult *rows;
    enum err err = read_batch(db, at, retention_rules_horizon(&r->rules, now), &rows);
    int n;

    if (err)
        return err;
    n = PQntuples(rows);
    out->looked_at = n;
    judge_batch(r, view, now, rows, &doomed);
    if (n > 0) {
        at->created_at = db_get_int8(rows, n - 1, 1);
        at->tie = db_get_int8(rows, n - 1, 2);
    }
    if (n < STEP_EVENTS)
        at->finished_at = now;
    PQclear(rows);
    err = delete_doomed(db, &doomed, out);
    return err ? err : keep_position(r, db, at, now, out);
}

static enum err step(const struct retention *r, struct db *db, const struct access_view *view,
                     int64_t now, struct retention_step *out)
{
    struct position at;
    enum err err = take_position(r, db, &at);

    if (err)
        return err;
    if (!is_due(r, now, &at))
        return ERR_BUSY;
    err = walk_on(r, db, view, now, &at, out);
    return err ? err : db_run(db, "COMMIT");
}

enum err retention_take_step(const struct retention *r, struct db *db,
                             const struct access_view *view, int64_t now,
                             struct retention_step *out)
{
    enum err err;

    *out = (struct retention_step){0};
    out->idle = !r->apply || r->rules.n == 0 || !retention_knows_tiers(view);
    if (out->idle)
        return OK;
    err = db_run(db, "BEGIN");
    if (!err)
        err = step(r, db, view, now, out);
    if (err && db->conn && PQtransactionStatus(db->conn) != PQTRANS_IDLE &&
        db_run(db, "ROLLBACK") != OK)
        db_drop(db);
    out->idle = err == ERR_BUSY;
    return out->idle ? OK : err;
}
