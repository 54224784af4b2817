/*
 * A transaction:
 *
 *   ask      BEGIN; lock feed_head; what is stored, who holds the addresses, what is forbidden one
 * round trip plan     write_plan.h no I/O act      deletions, tombstones, INSERT, feed_head, COMMIT
 * one round trip
 *
 * Around it: trying again when the connection breaks, halving when an event cannot be stored.
 */
#include "store/event_writer.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "metrics.h"
#include "nostr/kind.h"
#include "ops/log.h"
#include "store/erase.h"
#include "store/index_keys.h"
#include "store/write_steps.h"

#define DISK_FULL "53100"

enum {
    MEMORY_MOST = 256 * 1024 * 1024,
    RETRY_FOR_MS = 1000,
    RETRY_EVERY_MS = 50,
    CONFLICTS_MOST = 3, /* how often a deadlock is tried again */
};

/*
 * Plans are made once and for any parameters; the cheap ones here are always index probes per array
 * element. P1: an operator's synchronous_commit = off is overruled, stricter values stay. A stopped
 * process must not hold feed_head for long.
 */
static const char session_settings[] =
    "SET jit = off; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET "
    "enable_bitmapscan = off;"
    " SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off;"
    " SET idle_in_transaction_session_timeout = 5000; SET statement_timeout = %" PRId64 ";"
    " SELECT set_config('synchronous_commit', 'on', false) WHERE "
    "current_setting('synchronous_commit') = 'off'";

void event_writer_init(struct event_writer *w, const struct db_target *target,
                       int64_t statement_timeout_ms, event_committed_fn *committed, void *ctx)
{
    *w = (struct event_writer){.target = *target, .committed = committed, .ctx = ctx};
    snprintf(w->settings, sizeof w->settings, session_settings, statement_timeout_ms);
    db_init(&w->db, &w->target, w->settings);
    arena_init(&w->arena, MEMORY_MOST);
}

void event_writer_deinit(struct event_writer *w)
{
    db_deinit(&w->db);
    arena_deinit(&w->arena);
}

/* ---- transactions ---- */

static bool changes_nothing(const struct write_plan *plan)
{
    return plan->n_inserts + plan->n_tombstones + plan->n_floors + plan->n_replaced +
               plan->n_superseded + plan->n_vanish ==
           0;
}

static enum err erase_some(struct event_writer *w, const struct vanish *v, int64_t *removed)
{
    struct db_params p;
    PGresult *r = NULL;
    enum err err;

    erase_params(&p, v, &w->tag_secret, WRITE_ERASE_MOST);
    err = db_exec(&w->db, write_statement_name(ERASE), write_statement_sql(ERASE), &p, &r);
    db_params_reset(&p);
    *removed = err ? 0 : db_get_int8(r, 0, 0);
    PQclear(r);
    return err;
}

/* Keys that vanish are rare: each has statements of its own, before the pipeline. One is enough,
 * unless others have stored a lot since the history was counted: nobody can while feed_head is
 * locked, so that this ends, and nothing is left behind. */
static enum err erase_vanished(struct event_writer *w, const struct write_plan *plan)
{
    enum err err = OK;

    for (size_t i = 0; !err && i < plan->n_vanish; i++) {
        int64_t removed;

        do
            err = erase_some(w, &plan->vanish[i], &removed);
        while (!err && removed >= WRITE_ERASE_MOST);
    }
    return err;
}

static enum err act(struct event_writer *w, struct new_event *const *ne, size_t n,
                    const struct write_plan *plan, uint64_t head)
{
    struct trip t;
    enum err err;

    if (changes_nothing(plan)) /* spares the flush that a commit would wait for */
        return db_run(&w->db, "ROLLBACK");
    err = erase_vanished(w, plan);
    if (err)
        return err;
    trip_begin(&t, &w->db);
    write_send_deletions(&w->arena, &t, plan);
    write_send_inserts(&w->arena, &t, ne, n, plan->n_inserts, head, &w->tag_secret);
    trip_add(&t, COMMIT, NULL);
    err = trip_finish(&t);
    trip_clear(&t);
    return err;
}

static enum err is_stored(struct event_writer *w, const struct event_id *id, bool *stored)
{
    struct slice key = slice_of((const char *)id->b, sizeof id->b);
    struct db_params p;
    PGresult *r = NULL;
    enum err err;

    db_params_init(&p);
    db_param_bytea_array(&p, &key, 1);
    err = db_exec(&w->db, write_statement_name(STORED), write_statement_sql(STORED), &p, &r);
    db_params_reset(&p);
    *stored = !err && PQntuples(r) > 0;
    PQclear(r);
    return err;
}

/* Puts off requests to vanish that would keep the writer busy: NIP-62, erase.h. One that is stored
 * has been obeyed: sent again, by anybody, it must not erase the gift wraps that came since. */
static enum err defer_large_erasures(struct event_writer *w, struct new_event *const *ne, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct vanish v = vanish_of_request(ne[i]);
        struct db_params p;
        PGresult *r = NULL;
        bool stored;
        enum err err;

        ne[i]->deferred = false;
        if (ne[i]->ev->kind != KIND_VANISH)
            continue;
        err = is_stored(w, &ne[i]->ev->id, &stored);
        if (err)
            return err;
        if (stored)
            continue;
        erase_params(&p, &v, &w->tag_secret, WRITE_ERASE_MOST);
        err = db_exec(&w->db, write_statement_name(HISTORY), write_statement_sql(HISTORY), &p, &r);
        db_params_reset(&p);
        if (err)
            return err;
        ne[i]->deferred = db_get_int8(r, 0, 0) >= WRITE_ERASE_MOST;
        PQclear(r);
    }
    return OK;
}

/* The events that are not deferred; NULL without memory. */
static struct new_event **list_active(struct event_writer *w, struct new_event *const *ne, size_t n,
                                      size_t *n_active)
{
    struct new_event **active = arena_alloc(&w->arena, n * sizeof(struct new_event *));

    *n_active = 0;
    for (size_t i = 0; active && i < n; i++) {
        if (!ne[i]->deferred)
            active[(*n_active)++] = ne[i];
    }
    return active;
}

static enum err transact(struct event_writer *w, struct new_event *const *all, size_t n_all)
{
    struct new_event **ne;
    size_t n;
    struct trip t;
    struct write_known known;
    struct write_plan plan;
    uint64_t head;
    bool planned;
    enum err err;

    arena_reset(&w->arena);
    err = defer_large_erasures(w, all, n_all);
    if (err)
        return err;
    ne = list_active(w, all, n_all, &n);
    if (!ne)
        return ERR_NOMEM;
    if (n == 0)
        return OK;
    err = write_ask(&w->db, &w->arena, ne, n, &t);
    if (err)
        return err;
    head = (uint64_t)db_get_int8(trip_result(&t, HEAD), 0, 0);
    planned =
        write_read_known(&w->arena, &t, &known) && write_plan_make(ne, n, &known, &w->arena, &plan);
    trip_clear(&t);
    if (!planned)
        return ERR_NOMEM;
    err = act(w, ne, n, &plan, head);
    if (err)
        return err;
    metric_add(M_HISTORY_KEPT, 0, (int64_t)(plan.n_kept + plan.n_superseded));
    w->head = head + plan.n_inserts;
    w->committed(ne, n, head, w->head, w->ctx);
    return OK;
}

static enum err prepare_session(struct event_writer *w)
{
    enum err err;

    if (w->session == w->db.generation)
        return OK;
    err = index_tag_secret_load(&w->db, &w->tag_secret);
    if (!err)
        err = write_prepare(&w->db);
    if (!err) {
        w->session = w->db.generation;
        return OK;
    }
    db_drop(&w->db); /* no schema yet: as good as no database */
    return ERR_IO;
}

static enum err connect_and_transact(struct event_writer *w, struct new_event *const *ne, size_t n)
{
    enum err err = db_ready(&w->db);

    if (!err)
        err = prepare_session(w);
    if (!err)
        err = transact(w, ne, n);
    if (err && w->db.conn && PQtransactionStatus(w->db.conn) != PQTRANS_IDLE &&
        db_run(&w->db, "ROLLBACK") != OK)
        db_drop(&w->db);
    return err;
}

static bool is_conflict(const struct event_writer *w)
{
    return strncmp(w->db.sqlstate, "40", 2) == 0; /* deadlock, serialisation failure */
}

/* Something in the events: bad data, a broken constraint, a limit of PostgreSQL, a bug of
 * PostgreSQL. Anything else (no disk, no memory, no permission, being in recovery) is the server's
 * trouble. */
static bool is_events_fault(const struct event_writer *w)
{
    static const char *const classes[] = {"22", "23", "54", "XX"};

    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if (strncmp(w->db.sqlstate, classes[i], 2) == 0)
            return true;
    }
    return false;
}

static void note_disk(struct event_writer *w, bool full)
{
    if (full && !w->disk_full)
        log_error("store", "the database's disk is full: events are refused until there is room",
                  "");
    else if (!full && w->disk_full)
        log_info("store", "the database has room again", "");
    w->disk_full = full;
    metric_set(M_DISK_FULL, 0, full);
}

/* OK, ERR_IO (the database is no use at present), or another error that has to do with these
 * events. */
static enum err persist(struct event_writer *w, struct new_event *const *ne, size_t n)
{
    uint64_t give_up_ms = clock_mono_ms() + (w->down ? 0 : RETRY_FOR_MS);
    int conflicts = 0;
    enum err err;

    for (;;) {
        w->db.sqlstate[0] = '\0';
        err = connect_and_transact(w, ne, n);
        if (err == ERR_INVALID && is_conflict(w) && ++conflicts < CONFLICTS_MOST)
            continue;
        if (err == ERR_TIMEOUT || (err == ERR_INVALID && !is_events_fault(w)))
            err = ERR_IO;
        if (err != ERR_IO || clock_mono_ms() >= give_up_ms)
            break;
        poll(NULL, 0, RETRY_EVERY_MS);
    }
    w->down = err == ERR_IO;
    if (!err || w->down)
        note_disk(w, w->down && strcmp(w->db.sqlstate, DISK_FULL) == 0);
    return err;
}

static void fail(struct new_event *const *ne, size_t n, const char *message)
{
    for (size_t i = 0; i < n; i++) {
        ne[i]->verdict = VERDICT_ERROR;
        ne[i]->message = message;
        ne[i]->insert = ne[i]->deferred = false;
        ne[i]->seq = 0;
    }
}

/* Halves on until the event at fault is alone. */
static void write_range(struct event_writer *w, struct new_event *const *ne, size_t n)
{
    enum err err = persist(w, ne, n);

    if (!err)
        return;
    if (err == ERR_IO) {
        fail(ne, n,
             w->disk_full ? "this relay's disk is full, please try again later"
                          : "the database is not available, please try again");
    } else if (n == 1) {
        fail(ne, n, "this event could not be stored");
    } else {
        write_range(w, ne, n / 2);
        write_range(w, ne + n / 2, n - n / 2);
    }
}

void event_writer_store(struct event_writer *w, struct new_event *const *ne, size_t n)
{
    if (n > 0)
        write_range(w, ne, n);
}
