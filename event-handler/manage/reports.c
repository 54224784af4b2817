#include "manage/reports.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/hex.h"
#include "config.h"

#define OPEN_MOST "10000"  /* a queue that nobody works through stops growing */
#define MISSED_MOST "1000" /* events looked at, the newest */

enum { MISSED_SECONDS = 86400, EVENT_ARENA_CAP = 64 * 1024 * 1024 };

/* ---- reading ---- */

/* As much of s as fits, in whole characters, on one line. */
static void copy_text(char *out, size_t room, struct slice s)
{
    size_t n = s.len < room - 1 ? s.len : room - 1;

    while (n < s.len && n > 0 && ((unsigned char)s.ptr[n] & 0xc0) == 0x80)
        n--;
    for (size_t i = 0; i < n; i++)
        out[i] = (unsigned char)s.ptr[i] < 0x20 ? ' ' : s.ptr[i];
    out[n] = '\0';
}

/* The targets of one letter. */
static void read_targets(const struct event *ev, struct slice letter, struct report *r)
{
    for (uint32_t i = 0; i < ev->n_tags && r->n_targets < REPORT_TARGETS; i++) {
        const struct tag *t = &ev->tag[i];

        if (t->n < 2 || !slice_eq(t->item[0], letter) ||
            !hex_decode(t->item[1], r->target[r->n_targets], 32))
            continue;
        r->n_targets++;
        if (t->n >= 3 && r->type[0] == '\0')
            copy_text(r->type, sizeof r->type, t->item[2]);
    }
}

bool report_read(const struct event *ev, const struct access_view *view, struct report *r)
{
    *r = (struct report){.reporter = ev->pubkey,
                         .event = ev->id,
                         .tier = access_standing(view, &ev->pubkey).tier,
                         .of_events = true};
    if (r->tier > TIER_KNOWN)
        return false;
    read_targets(ev, SLICE("e"), r);
    if (r->n_targets == 0) {
        r->of_events = false;
        read_targets(ev, SLICE("p"), r);
    }
    copy_text(r->reason, sizeof r->reason, ev->content);
    return r->n_targets > 0;
}

/* ---- the queue ---- */

/* False in *added when this reporter has reported the target before, or the queue is full. */
static enum err insert(struct db *db, const struct report *r, const uint8_t target[32], bool *added)
{
    const char *tier = tier_name(r->tier), *kind = r->of_events ? "event" : "pubkey";
    struct db_params p;
    PGresult *rows;
    enum err err;

    db_params_init(&p);
    db_param_text(&p, kind, strlen(kind));
    db_param_bytes(&p, target, 32);
    db_param_bytes(&p, r->reporter.b, sizeof r->reporter.b);
    db_param_text(&p, tier, strlen(tier));
    db_param_text(&p, r->type, strlen(r->type));
    db_param_text(&p, r->reason, strlen(r->reason));
    db_param_bytes(&p, r->event.b, sizeof r->event.b);
    db_param_int8(&p, clock_unix());
    err = db_exec(db, "report_insert",
                  "INSERT INTO reports (target_kind, target, reporter, tier, type, reason, "
                  "event_id, reported_at)"
                  " SELECT $1::text, $2::bytea, $3::bytea, $4::text, $5::text, $6::text, "
                  "$7::bytea, $8::bigint"
                  " WHERE (SELECT count(*) FROM reports WHERE state = 'open') < " OPEN_MOST
                  " ON CONFLICT (target, reporter) DO NOTHING RETURNING id",
                  &p, &rows);
    db_params_reset(&p);
    if (err)
        return err;
    *added = PQntuples(rows) > 0;
    PQclear(rows);
    return OK;
}

/* How many admins and trusted people have an open report of the target. Asked when the own one is
 * committed: of several event handlers that take one at the same moment, the last sees them all. */
static enum err count_open(struct db *db, const uint8_t target[32], int64_t *open)
{
    struct db_params p;
    PGresult *rows;
    enum err err;

    db_params_init(&p);
    db_param_bytes(&p, target, 32);
    err = db_exec(db, "reports_count",
                  "SELECT count(*) FROM reports WHERE target = $1::bytea AND state = 'open'"
                  " AND tier IN ('admin', 'trusted')",
                  &p, &rows);
    db_params_reset(&p);
    if (err)
        return err;
    *open = db_get_int8(rows, 0, 0);
    PQclear(rows);
    return OK;
}

/* An event that a moderator has banned stays as it is. */
static enum err hide(struct db *db, const struct config *cfg, const uint8_t target[32], int64_t by)
{
    json_t *params = json_array(), *banned;
    struct change_author author = {.actor = "relay",
                                   .role = "relay",
                                   .address = "",
                                   .method = "banevent",
                                   .params = params,
                                   .nip43 = cfg->nip43_enabled};
    struct change c;
    char key[65], reason[80];
    enum err err;

    hex_encode(target, 32, key);
    key[64] = '\0';
    snprintf(reason, sizeof reason, "reported by %d trusted people", (int)by);
    change_begin(&c, db, &author);
    banned = change_get(&c, "banned-event", key);
    if (!banned)
        change_put(&c, "banned-event", key,
                   json_pack("{s:s,s:b}", "reason", reason, "automatic", 1));
    json_decref(banned);
    err = change_end(&c, reason, 0);
    json_decref(params);
    return err;
}

/* Only a report that is new, and by somebody who counts, can make the number up. */
static enum err take_one(struct db *db, const struct config *cfg, const struct report *r,
                         const uint8_t target[32])
{
    int64_t open = 0;
    bool added;
    enum err err = insert(db, r, target, &added);

    if (err || !added || !r->of_events || r->tier > TIER_TRUSTED || cfg->mod_auto_hide_reports == 0)
        return err;
    err = count_open(db, target, &open);
    return err || open < cfg->mod_auto_hide_reports ? err : hide(db, cfg, target, open);
}

enum err report_take(struct db *db, const struct config *cfg, const struct report *r)
{
    enum err err = OK;

    for (size_t i = 0; !err && i < r->n_targets; i++)
        err = take_one(db, cfg, r, r->target[i]);
    return err;
}

/* ---- what was missed ---- */

/* One that PostgreSQL refuses, which is in the log, would be refused again. */
static enum err take_stored(struct db *db, const struct access_view *view, struct slice json)
{
    struct arena arena;
    struct event ev;
    struct report report;
    enum err err = OK;

    arena_init(&arena, EVENT_ARENA_CAP);
    if (event_parse_stored(json, &arena, &ev) && report_read(&ev, view, &report))
        err = report_take(db, view->cfg, &report);
    arena_deinit(&arena);
    return err == ERR_INVALID ? OK : err;
}

enum err reports_catch_up(struct db *db, const struct access_view *view)
{
    char since[24];
    const char *value = since;
    PGresult *rows;
    enum err err;

    snprintf(since, sizeof since, "%lld", (long long)clock_unix() - MISSED_SECONDS);
    err =
        sql_text(db, "reports_missed",
                 "SELECT e.event FROM (SELECT id, event, created_at, tie FROM events WHERE kind = "
                 "1984 AND created_at >= $1::text::bigint ORDER BY created_at DESC, tie DESC "
                 "LIMIT " MISSED_MOST ") e WHERE NOT EXISTS (SELECT FROM reports r WHERE "
                 "r.event_id = e.id) ORDER BY e.created_at, e.tie",
                 1, &value, &rows);
    for (int row = 0; !err && row < PQntuples(rows); row++)
        err = take_stored(db, view, db_get_slice(rows, row, 0));
    PQclear(rows);
    return err;
}

/* ---- the end of a report ---- */

void reports_resolve(struct change *c, const char *target, const char *state)
{
    char now[24];
    const char *values[] = {target, state, now, c->author->actor};
    PGresult *r = NULL;

    snprintf(now, sizeof now, "%lld", (long long)clock_unix());
    if (!c->err)
        c->err = sql_text(c->db, "reports_resolve",
                          "UPDATE reports SET state = $2::text, resolved_at = $3::text::bigint,"
                          " resolved_by = $4::text WHERE target = decode($1::text, 'hex') AND "
                          "state = 'open'"
                          " RETURNING id",
                          4, values, &r);
    if (!c->err && PQntuples(r) > 0)
        c->noted = true;
    PQclear(r);
}
