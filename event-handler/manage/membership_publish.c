/*
 * The relay's own events of NIP-43, from relay_outbox to the store. The member list and the roles
 * are written as they are now, however many changes asked for it.
 */
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "access/relay_key.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/hex.h"
#include "config.h"
#include "ingest/ingest.h"
#include "manage/change.h"
#include "manage/lists.h"
#include "manage/membership.h"
#include "nostr/kind.h"
#include "ops/log.h"
#include "store/index_keys.h"
#include "wire/ingest_wire.h"

/* "outbox" as a number: an advisory lock that all event handlers share. */
#define TURN_NUMBER "122550254464888"

enum {
    STEP_EVENTS = 50,
    MEMORY = 64 * 1024 * 1024,
    BATCH_CAP = 16 * 1024 * 1024,
    TAG_BYTES = 78, /* of a member without roles, in JSON: ["member","<hex>"], */
    ROLE_TAGS = 8,
};

struct draft { /* an event on its way to being signed */
    struct arena arena;
    struct event ev;
    uint32_t room; /* tags */
    bool failed;
};

/* ---- drafts ---- */

static void draft_init(struct draft *d, int kind, int64_t created_at, uint32_t most_tags)
{
    arena_init(&d->arena, MEMORY);
    d->ev = (struct event){.kind = kind, .created_at = created_at};
    d->ev.tag = arena_calloc(&d->arena, most_tags, sizeof *d->ev.tag);
    d->room = most_tags;
    d->failed = !d->ev.tag;
}

/* A tag of n texts, which are copied. */
static void draft_tag(struct draft *d, size_t n, const char *const *texts)
{
    struct slice *item = d->failed ? NULL : arena_calloc(&d->arena, n, sizeof *item);

    d->failed = d->failed || !item || d->ev.n_tags == d->room;
    for (size_t i = 0; !d->failed && i < n; i++) {
        item[i] = arena_copy(&d->arena, slice_str(texts[i]));
        d->failed = texts[i][0] && !item[i].ptr;
    }
    if (!d->failed)
        d->ev.tag[d->ev.n_tags++] = (struct tag){item, (uint32_t)n};
}

static void draft_pair(struct draft *d, const char *name, const char *value)
{
    const char *texts[] = {name, value};

    draft_tag(d, 2, texts);
}

/* NIP-70: nobody but the relay publishes it. */
static void draft_protect(struct draft *d)
{
    const char *dash = "-";

    draft_tag(d, 1, &dash);
}

/* Signs it and appends it to the batch. */
static bool draft_send(struct draft *d, const struct relay_key *relay, struct buf *batch)
{
    struct buf json;

    if (d->failed || !relay_key_sign(relay, &d->ev))
        return false;
    buf_init(&json, BATCH_CAP);
    event_write(&d->ev, &json);
    if (!json.failed)
        ingest_record_write(batch, &(struct ingest_record){.auth = relay_key_pubkey(relay),
                                                           .n_auth = 1,
                                                           .address = SLICE(""),
                                                           .event = buf_slice(&json)});
    buf_deinit(&json);
    return !batch->failed;
}

/* ---- what they say ---- */

/* A moment after the version that is stored, so that this one replaces it, and after any deletion.
 */
static enum err next_moment(struct db *db, const struct relay_key *relay, int kind, int64_t *out)
{
    struct db_params p;
    PGresult *r;
    enum err err;

    db_params_init(&p);
    db_param_int4(&p, kind);
    db_param_bytes(&p, relay_key_pubkey(relay)->b, 32);
    db_param_int8(&p, index_author(relay_key_pubkey(relay)));
    err = db_exec(
        db, "membership_newest",
        "SELECT coalesce(max(created_at), 0) FROM events WHERE author = $3::bigint AND kind IN "
        "($1::int, 5) AND pubkey = $2::bytea",
        &p, &r);
    db_params_reset(&p);
    if (err)
        return err;
    *out = db_get_int8(r, 0, 0) + 1;
    if (*out < clock_unix())
        *out = clock_unix();
    PQclear(r);
    return OK;
}

static void add_member(struct draft *d, const char *pubkey, const json_t *value)
{
    const json_t *roles = json_object_get(value, "roles");
    const char *texts[2 + ROLE_TAGS] = {"member", pubkey};
    size_t n = 2;

    for (size_t i = 0; i < json_array_size(roles) && n < ARRAY_LEN(texts); i++)
        texts[n++] = json_string_value(json_array_get(roles, i));
    draft_tag(d, n, texts);
}

/* Takes members off until the event is no larger than this relay takes; their roles count as well.
 * False when nothing had to go. */
static bool cut(struct draft *d, int64_t most_bytes)
{
    uint32_t all = d->ev.n_tags;
    struct buf json;

    buf_init(&json, BATCH_CAP);
    while (!d->failed && d->ev.n_tags > 1) {
        buf_reset(&json);
        event_write(&d->ev, &json);
        if (!json.failed && (int64_t)json.len <= most_bytes)
            break;
        d->ev.n_tags -= d->ev.n_tags / 8 + 1;
    }
    buf_deinit(&json);
    return d->ev.n_tags < all;
}

/* Lists are advisory: one that is too long for an event of this relay is cut. */
static enum err draft_members(struct db *db, const struct config *cfg, struct draft *d)
{
    int64_t most = cfg->shared.max_event_bytes / TAG_BYTES;
    struct db_params p;
    PGresult *r;
    enum err err;

    most = most < cfg->shared.max_event_tags - 1 ? most : cfg->shared.max_event_tags - 1;
    db_params_init(&p);
    db_param_int8(&p, most + 1);
    err = db_exec(db, "membership_list",
                  "SELECT key, value::text FROM moderation WHERE area = 'member' ORDER BY "
                  "changed_at, key LIMIT $1::bigint",
                  &p, &r);
    db_params_reset(&p);
    if (err)
        return err;
    draft_protect(d);
    for (int row = 0; row < PQntuples(r) && row < most; row++) {
        json_t *value = json_column(r, row, 1);

        add_member(d, PQgetvalue(r, row, 0), value);
        json_decref(value);
    }
    if (cut(d, cfg->shared.max_event_bytes) || PQntuples(r) > most)
        log_warn("manage", "the member list is too long for one event: it was cut", "members=%u",
                 d->ev.n_tags - 1);
    PQclear(r);
    return OK;
}

static void draft_role_tags(struct draft *d, const char *id, const json_t *role)
{
    static const char *const names[] = {"label", "description", "color", "order"};

    draft_protect(d);
    draft_pair(d, "d", id);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *text = json_string_value(json_object_get(role, names[i]));

        if (text)
            draft_pair(d, names[i], text);
    }
}

/* A role that is gone is deleted (NIP-09). */
static enum err draft_role(struct db *db, const struct relay_key *relay, const char *id,
                           struct draft *d)
{
    char hex[65], address[2200];
    PGresult *r;
    enum err err = sql_text(
        db, "membership_role",
        "SELECT value::text FROM moderation WHERE area = 'role' AND key = $1::text", 1, &id, &r);

    if (err)
        return err;
    if (PQntuples(r) == 1) {
        json_t *role = json_column(r, 0, 0);

        draft_role_tags(d, id, role);
        json_decref(role);
    } else {
        hex_encode(relay_key_pubkey(relay)->b, 32, hex);
        hex[64] = '\0';
        snprintf(address, sizeof address, "%d:%s:%s", KIND_ROLE, hex, id);
        d->ev.kind = KIND_DELETION;
        draft_protect(d);
        draft_pair(d, "a", address);
        draft_pair(d, "k", "33534");
    }
    PQclear(r);
    return OK;
}

static enum err draft_event(struct db *db, const struct access_view *view, int kind,
                            const char *key, int64_t at, struct draft *d)
{
    int64_t moment = at;
    enum err err = OK;

    if (kind == KIND_MEMBER_LIST || kind == KIND_ROLE)
        err = next_moment(db, view->relay, kind, &moment);
    draft_init(d, kind, moment, (uint32_t)view->cfg->shared.max_event_tags + 1);
    if (err)
        return err;
    if (kind == KIND_MEMBER_LIST)
        return draft_members(db, view->cfg, d);
    if (kind == KIND_ROLE)
        return draft_role(db, view->relay, key, d);
    draft_protect(d);
    draft_pair(d, "p", key);
    return OK;
}

/* ---- the way out ---- */

struct waiting {
    sem_t done;
};

static void on_done(struct ingest_batch *batch, void *ctx)
{
    struct waiting *w = ctx;

    (void)batch;
    sem_post(&w->done);
}

/* False when something has to be offered again later: the world was at fault, not the event. */
static bool was_settled(const struct ingest_batch *batch)
{
    struct slice lines = ingest_batch_response(batch);
    struct ingest_verdict v;

    while (ingest_verdict_next(&lines, &v)) {
        if (v.accepted)
            continue;
        log_warn("manage", "an event of the relay's own was refused", "ok=" SLICE_FMT,
                 SLICE_ARG(v.ok));
        if (memmem(v.ok.ptr, v.ok.len, ",false,\"error: ", 15))
            return false;
    }
    return ingest_batch_status(batch) == 200;
}

static bool submit(struct ingest *ingest, struct buf *records)
{
    struct ingest_batch *batch = NULL;
    struct waiting w;
    bool settled = false;

    sem_init(&w.done, 0, 0);
    if (ingest_submit(ingest, records, 0, on_done, &w, &batch) == OK) {
        while (sem_wait(&w.done) != 0)
            continue;
        settled = was_settled(batch);
        ingest_batch_free(batch);
    }
    sem_destroy(&w.done);
    return settled;
}

/* Another row behind this one asks for the same list or role. */
static bool comes_again(const PGresult *r, int row)
{
    int kind = db_get_int4(r, row, 1);

    for (int later = row + 1; later < PQntuples(r); later++) {
        if (db_get_int4(r, later, 1) == kind &&
            strcmp(PQgetvalue(r, later, 2), PQgetvalue(r, row, 2)) == 0)
            return kind == KIND_MEMBER_LIST || kind == KIND_ROLE;
    }
    return false;
}

static enum err draft_all(struct db *db, const struct access_view *view, const PGresult *r,
                          struct buf *records)
{
    for (int row = 0; row < PQntuples(r); row++) {
        struct draft d;
        enum err err;

        if (comes_again(r, row))
            continue;
        err = draft_event(db, view, db_get_int4(r, row, 1), PQgetvalue(r, row, 2),
                          db_get_int8(r, row, 3), &d);
        if (!err && !draft_send(&d, view->relay, records))
            err = ERR_NOMEM;
        arena_deinit(&d.arena);
        if (err)
            return err;
    }
    return OK;
}

static enum err take_off(struct db *db, const PGresult *r)
{
    int64_t ids[STEP_EVENTS];
    struct db_params p;
    PGresult *gone;
    enum err err;

    for (int row = 0; row < PQntuples(r); row++)
        ids[row] = db_get_int8(r, row, 0);
    db_params_init(&p);
    db_param_int8_array(&p, ids, NULL, (size_t)PQntuples(r));
    err = db_exec(db, "outbox_done", "DELETE FROM relay_outbox WHERE id = ANY($1::bigint[])", &p,
                  &gone);
    db_params_reset(&p);
    PQclear(gone);
    return err;
}

static enum err publish_rows(struct db *db, const struct access_view *view, struct ingest *ingest,
                             const PGresult *r, bool *more)
{
    struct buf records;
    enum err err;

    buf_init(&records, BATCH_CAP);
    err = draft_all(db, view, r, &records);
    if (!err && submit(ingest, &records)) {
        err = take_off(db, r);
        *more = PQntuples(r) == STEP_EVENTS;
    }
    buf_deinit(&records);
    return err;
}

/* One event handler at a time, until the end of the transaction: of two lists that are written at
 * once the older one might be the one that stays. ERR_BUSY: another one is at it. */
static enum err take_turn(struct db *db)
{
    PGresult *r;
    bool locked;
    enum err err =
        db_exec(db, "outbox_turn", "SELECT pg_try_advisory_xact_lock(" TURN_NUMBER ")", NULL, &r);

    if (err)
        return err;
    locked = db_get_bool(r, 0, 0);
    PQclear(r);
    return locked ? OK : ERR_BUSY;
}

enum err membership_publish(struct db *db, const struct access_view *view, struct ingest *ingest,
                            bool *more)
{
    PGresult *r = NULL;
    enum err err;

    *more = false;
    if (!view->relay || !ingest)
        return OK;
    err = db_run(db, "BEGIN");
    if (!err)
        err = take_turn(db);
    if (err == ERR_BUSY)
        return db_run(db, "COMMIT");
    if (!err)
        err = db_exec(db, "outbox",
                      "SELECT id, kind, key, at FROM relay_outbox ORDER BY id LIMIT 50", NULL, &r);
    if (!err && PQntuples(r) > 0)
        err = publish_rows(db, view, ingest, r, more);
    PQclear(r);
    return err ? err : db_run(db, "COMMIT");
}

enum err membership_announce(struct db *db)
{
    char now[24];
    const char *value = now;

    snprintf(now, sizeof now, "%lld", (long long)clock_unix());
    return sql_text(db, "membership_announce",
                    "INSERT INTO relay_outbox (kind, key, at) SELECT 13534, '', "
                    "$1::text::bigint WHERE NOT EXISTS (SELECT FROM relay_outbox WHERE kind = "
                    "13534)",
                    1, &value, NULL);
}
