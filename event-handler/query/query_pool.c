/*
 * Read workers and the life of a query:
 *
 *   query_start -> WAITING -> RUNNING -> READY --query_next--> WAITING ...
 *                                          \---query_free---> gone
 *
 * WAITING queries are taken in turns (turns.h); a worker takes one, fills one page and says
 * `ready`, and forgets it. So pages of long answers alternate with short ones, a client with many
 * queries does not hold up one with a single one, and one that reads slowly costs its page and
 * nothing more.
 *
 * Memory: at most READ_QUEUE queries exist, and pages are cut short once those that wait for their
 * readers add up.
 */
#include "query/query.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "access/access.h"
#include "base/clock.h"
#include "config.h"
#include "metrics.h"
#include "nostr/history.h"
#include "query/query_page.h"
#include "query/turns.h"
#include "store/index_keys.h"

enum {
    PAGE_BYTES = 512 * 1024,
    PAGE_BYTES_CROWDED = 32 * 1024,
    CROWDED_BYTES = 64 * 1024 * 1024, /* of pages that wait for their readers */
    PAGE_CAP = 16 * 1024 * 1024,
    MAX_SEARCH_BYTES = 1024,
    IDLE_CHECK_SECONDS = 1,
    SETTINGS_TEXT = 512,
    CLIENTS_IN_QUEUE = 8, /* so many clients can fill READ_QUEUE, and no fewer */
};

struct worker {
    struct query_pool *pool;
    pthread_t thread;
    struct db db, primary; /* the primary is connected when first needed */
    bool secret_known, primary_secret_known;
    uint64_t generation,
        primary_generation; /* of the connections that the secrets were read from */
    struct siphash_key secret, primary_secret;
};

struct query_pool {
    const struct config *cfg;
    struct access *access;
    struct query_sql *sql;
    struct db_target read_target, write_target;
    bool has_replica;
    char settings[SETTINGS_TEXT];

    pthread_mutex_t lock;
    pthread_cond_t work;
    struct turns turns;
    size_t n_running;
    size_t n_queries;  /* alive; the pool's memory goes with the last */
    size_t page_bytes; /* of pages that wait for their readers */
    bool stopping, stopped;
    atomic_bool database_ok;

    struct worker *workers;
    size_t n_workers;
};

enum query_state { QUERY_WAITING, QUERY_RUNNING, QUERY_READY };

struct query {
    struct turn turn;
    struct query_pool *pool;
    enum query_state state;
    struct query_run run;
    bool on_primary;
    size_t pages;
    struct buf page;
    size_t counted; /* of pool->page_bytes */
    bool end;
    int status;
    query_ready_fn *ready;
    void *ctx;
};

/* ---- one page ---- */

static const char *failure_text(enum err err)
{
    switch (err) {
    case ERR_TIMEOUT:
        return "the query took too long\n";
    case ERR_NOMEM:
        return "the query is too large\n";
    case ERR_BUSY:
        return "the event handler is stopping\n";
    default:
        return "the database is not available\n";
    }
}

static void fail_page(struct query *q, enum err err)
{
    metric_add(M_QUERIES, err == ERR_TIMEOUT ? QUERY_METRIC_TIMEOUT : QUERY_METRIC_FAILED, 1);
    buf_reset(&q->page);
    q->end = true;
    q->status = 503;
    if (q->pages == 0)
        buf_add_str(&q->page, failure_text(err));
}

/* Connects, and reads the tag secret of this database. */
static enum err ready_db(struct db *db, uint64_t *generation, bool *known,
                         struct siphash_key *secret)
{
    enum err err = db_ready(db);

    if (err)
        return err;
    if (*known && *generation == db->generation)
        return OK;
    *known = false;
    err = index_tag_secret_load(db, secret);
    if (err)
        return err;
    *known = true;
    *generation = db->generation;
    return OK;
}

static enum err run_page(struct worker *w, struct query *q, size_t bytes)
{
    const struct config *cfg = w->pool->cfg;
    struct access_view *view = access_acquire(w->pool->access);
    struct db *db = q->on_primary ? &w->primary : &w->db;
    struct siphash_key *secret = q->on_primary ? &w->primary_secret : &w->secret;
    struct page_context ctx = {.db = db,
                               .view = view,
                               .sql = w->pool->sql,
                               .secret = secret,
                               .count_cap = cfg->count_cap,
                               .rows = (size_t)cfg->query_page,
                               .bytes = bytes,
                               .started_us = clock_mono_us(),
                               .deadline_ms = clock_mono_ms() + (uint64_t)cfg->read_timeout_ms};
    enum err err = q->on_primary
                       ? ready_db(db, &w->primary_generation, &w->primary_secret_known, secret)
                       : ready_db(db, &w->generation, &w->secret_known, secret);

    buf_reset(&q->page);
    if (!err)
        err = query_run_page(&q->run, &ctx, &q->page, &q->end);
    access_release(view);
    if (err && q->pages == 0)
        query_run_rewind(&q->run);
    return err;
}

/* The replica is behind what the front end has seen: the primary cannot be. */
static enum err run_on_primary(struct worker *w, struct query *q, size_t bytes)
{
    q->run.request.min_seq = 0;
    if (w->pool->has_replica) {
        q->on_primary = true;
        metric_add(M_QUERY_PRIMARY, 0, 1);
    }
    return run_page(w, q, bytes);
}

static void fill_page(struct worker *w, struct query *q, size_t bytes)
{
    uint64_t start = clock_mono_us();
    enum err err = run_page(w, q, bytes);

    if (err == ERR_IO && q->pages == 0) /* the connection may have died while it was idle */
        err = run_page(w, q, bytes);
    if (err == ERR_GONE && q->pages == 0)
        err = run_on_primary(w, q, bytes);
    atomic_store_explicit(&w->pool->database_ok, err != ERR_IO, memory_order_relaxed);
    metric_set(M_READ_DATABASE_UP, 0, err != ERR_IO);
    q->run.spent_us += clock_mono_us() - start;
    metric_observe(M_QUERY_SECONDS, 0, clock_mono_us() - start);
    if (err) {
        fail_page(q, err);
        return;
    }
    q->status = 200;
    if (q->end)
        metric_add(M_QUERIES, QUERY_METRIC_OK, 1);
}

/* ---- workers ---- */

/* With nothing to do, the first worker keeps an eye on the database, for /readyz. */
static void check_database(struct worker *w)
{
    bool ok = ready_db(&w->db, &w->generation, &w->secret_known, &w->secret) == OK;

    if (ok)
        ok = db_run(&w->db, "SELECT 1") == OK;
    atomic_store_explicit(&w->pool->database_ok, ok, memory_order_relaxed);
    metric_set(M_READ_DATABASE_UP, 0, ok);
}

/* The next query; NULL when stopping, or when nothing came for a while. Called with the lock held.
 */
static struct query *take_query(struct worker *w)
{
    struct query_pool *pool = w->pool;
    struct turn *turn = NULL;
    struct timespec until;
    struct query *q;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += IDLE_CHECK_SECONDS;
    while (!pool->stopping && (turn = turns_take(&pool->turns)) == NULL) {
        if (w != pool->workers)
            pthread_cond_wait(&pool->work, &pool->lock);
        else if (pthread_cond_timedwait(&pool->work, &pool->lock, &until) != 0)
            return NULL;
    }
    if (!turn)
        return NULL;
    q = container_of(turn, struct query, turn);
    q->state = QUERY_RUNNING;
    pool->n_running++;
    metric_set(M_QUERY_WAITING, 0, (int64_t)pool->turns.n_waiting);
    metric_set(M_QUERY_RUNNING, 0, (int64_t)pool->n_running);
    return q;
}

/* Called with the lock held; returns with it held. */
static void serve(struct worker *w, struct query *q)
{
    struct query_pool *pool = w->pool;
    size_t bytes = pool->page_bytes < CROWDED_BYTES ? PAGE_BYTES : PAGE_BYTES_CROWDED;

    pthread_mutex_unlock(&pool->lock);
    fill_page(w, q, bytes);
    pthread_mutex_lock(&pool->lock);
    q->state = QUERY_READY;
    q->pages++;
    q->counted = q->page.room;
    pool->page_bytes += q->counted;
    pool->n_running--;
    turns_done(&pool->turns, &q->turn);
    if (pool->turns.n_waiting > 0) /* its client may have another one that had to wait for this */
        pthread_cond_signal(&pool->work);
    metric_set(M_QUERY_RUNNING, 0, (int64_t)pool->n_running);
    pthread_mutex_unlock(&pool->lock);
    q->ready(q, q->ctx); /* q may be gone afterwards */
    pthread_mutex_lock(&pool->lock);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct query_pool *pool = w->pool;

    pthread_mutex_lock(&pool->lock);
    while (!pool->stopping) {
        struct query *q = take_query(w);

        if (q) {
            serve(w, q);
        } else if (!pool->stopping) {
            pthread_mutex_unlock(&pool->lock);
            check_database(w);
            pthread_mutex_lock(&pool->lock);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    db_deinit(&w->db);
    db_deinit(&w->primary);
    return NULL;
}

/* ---- the pool ---- */

/*
 * Index scans only, in the order that the statements ask for: the generic plans are made once and
 * are right for every parameter. gin_fuzzy_search_limit bounds a search for a word that is in every
 * other event.
 */
static void write_settings(struct query_pool *pool)
{
    snprintf(
        pool->settings, sizeof pool->settings,
        "SET statement_timeout = %lld; SET jit = off; SET plan_cache_mode = force_generic_plan;"
        " SET enable_seqscan = off; SET enable_sort = off; SET enable_hashjoin = off; SET "
        "enable_mergejoin = off;"
        " SET max_parallel_workers_per_gather = 0; SET gin_fuzzy_search_limit = 20000;"
        " SET default_transaction_read_only = on",
        (long long)pool->cfg->read_timeout_ms);
}

static bool same_server(const struct db_target *a, const struct db_target *b)
{
    return strcmp(a->host, b->host) == 0 && a->port == b->port &&
           strcmp(a->database, b->database) == 0;
}

static void free_pool(struct query_pool *pool)
{
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    turns_deinit(&pool->turns);
    query_sql_free(pool->sql);
    free(pool->workers);
    free(pool);
}

static bool start_worker(struct query_pool *pool, struct worker *w)
{
    w->pool = pool;
    db_init(&w->db, &pool->read_target, pool->settings);
    db_init(&w->primary, &pool->write_target, pool->settings);
    return pthread_create(&w->thread, NULL, worker_main, w) == 0;
}

struct query_pool *query_pool_start(const struct config *cfg, struct access *access)
{
    struct query_pool *pool = calloc(1, sizeof *pool);
    pthread_condattr_t monotonic;

    if (!pool)
        return NULL;
    pool->cfg = cfg;
    pool->access = access;
    pool->sql = query_sql_new();
    pool->read_target = config_read_target(cfg, "read");
    pool->write_target = config_write_target(cfg, "read-primary");
    pool->has_replica = !same_server(&pool->read_target, &pool->write_target);
    write_settings(pool);
    turns_init(&pool->turns, ((size_t)cfg->read_workers + 1) / 2,
               1 + (size_t)cfg->read_queue / CLIENTS_IN_QUEUE);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pool->workers = calloc((size_t)cfg->read_workers, sizeof *pool->workers);
    for (int64_t i = 0; pool->workers && i < cfg->read_workers; i++) {
        if (!start_worker(pool, &pool->workers[i]))
            break;
        pool->n_workers++;
    }
    if (pool->n_workers < (size_t)cfg->read_workers) {
        query_pool_stop(pool);
        return NULL;
    }
    return pool;
}

/* Answers a query that no worker will take. */
static void refuse(struct query *q)
{
    fail_page(q, ERR_BUSY);
    q->ready(q, q->ctx);
}

void query_pool_stop(struct query_pool *pool)
{
    struct turn *turn;
    bool unused;

    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->n_workers; i++)
        pthread_join(pool->workers[i].thread, NULL);

    pthread_mutex_lock(&pool->lock);
    while ((turn = turns_evict(&pool->turns))) {
        struct query *q = container_of(turn, struct query, turn);

        q->state = QUERY_READY;
        pthread_mutex_unlock(&pool->lock);
        refuse(q);
        pthread_mutex_lock(&pool->lock);
    }
    unused = pool->n_queries == 0;
    pool->stopped = true;
    pthread_mutex_unlock(&pool->lock);
    if (unused)
        free_pool(pool);
}

void query_pool_health(struct query_pool *pool, struct query_health *out)
{
    pthread_mutex_lock(&pool->lock);
    out->waiting = pool->turns.n_waiting;
    out->running = pool->n_running;
    pthread_mutex_unlock(&pool->lock);
    out->database_ok = atomic_load_explicit(&pool->database_ok, memory_order_relaxed);
}

/* ---- queries ---- */

/* The front end has said so in better words; nobody else is to be trusted either. */
static bool may_see_history(const struct query_run *run, const char **error)
{
    const struct query_request *q = &run->request;

    *error = "history cannot be counted or caught up with";
    return run->verb == QUERY_EVENTS && !q->has_after &&
           history_judge(q->filters, q->n_filters, q->readers, q->n_readers, error) ==
               VERDICT_ACCEPTED;
}

static enum err parse_request(struct query *q, struct slice body, const char **error)
{
    const struct config *cfg = q->pool->cfg;
    struct query_request_limits limits = {
        .filter = {(size_t)cfg->shared.max_filter_values, MAX_SEARCH_BYTES},
        .max_filters = (size_t)cfg->shared.max_filters,
    };
    struct query_run *run = &q->run;
    struct slice text = arena_copy(&run->arena, body);

    *error = "the query is too large";
    if (!text.ptr || !query_request_parse(text, &limits, &run->arena, &run->request, error))
        return ERR_INVALID;
    run->history.asked = history_asked(run->request.filters, run->request.n_filters);
    if (run->history.asked && !may_see_history(run, error))
        return ERR_INVALID;
    for (size_t i = 0; !cfg->search_enabled && i < run->request.n_filters && !run->history.asked;
         i++) {
        if (run->request.filters[i].has & FILTER_SEARCH) {
            *error = "unsupported: search is not offered";
            return ERR_INVALID;
        }
    }
    run->max_limit = cfg->shared.max_limit;
    run->default_limit = cfg->shared.default_limit;
    run->after = run->request.after;
    if (!q->pool->has_replica)
        run->request.min_seq = 0; /* there is no newer snapshot to be had */
    return OK;
}

/* The feed is read where the newest is. */
static void make_feed_request(struct query *q, uint64_t after, uint32_t limit)
{
    q->run.after = after;
    q->run.feed_limit = limit;
    q->run.request.min_seq = q->pool->has_replica ? after : 0;
}

/* Makes q wait for its turn; false when the pool is stopping. Called with the lock held. */
static bool enqueue(struct query *q)
{
    struct query_pool *pool = q->pool;

    if (pool->stopping)
        return false;
    q->state = QUERY_WAITING;
    turns_wait(&pool->turns, &q->turn);
    metric_set(M_QUERY_WAITING, 0, (int64_t)pool->turns.n_waiting);
    pthread_cond_signal(&pool->work);
    return true;
}

/* The first time: among its client's queries as well. */
static enum err enter(struct query *q)
{
    struct query_pool *pool = q->pool;
    bool entered;

    pthread_mutex_lock(&pool->lock);
    entered = turns_join(&pool->turns, &q->turn, q->run.request.client) == OK && enqueue(q);
    pthread_mutex_unlock(&pool->lock);
    if (!entered)
        metric_add(M_QUERIES, QUERY_METRIC_BUSY, 1);
    return entered ? OK : ERR_BUSY;
}

static bool admit(struct query_pool *pool)
{
    bool room;

    pthread_mutex_lock(&pool->lock);
    room = !pool->stopping && pool->n_queries < (size_t)pool->cfg->read_queue;
    if (room)
        pool->n_queries++;
    pthread_mutex_unlock(&pool->lock);
    if (!room)
        metric_add(M_QUERIES, QUERY_METRIC_BUSY, 1);
    return room;
}

static void dismiss(struct query_pool *pool)
{
    bool last;

    pthread_mutex_lock(&pool->lock);
    last = --pool->n_queries == 0 && pool->stopped;
    pthread_mutex_unlock(&pool->lock);
    if (last)
        free_pool(pool);
}

enum err query_start(struct query_pool *pool, enum query_verb verb, struct slice body,
                     uint64_t after, uint32_t limit, query_ready_fn *ready, void *ctx,
                     struct query **out, const char **error)
{
    struct query *q;
    enum err err = OK;

    if (!admit(pool))
        return ERR_BUSY;
    q = calloc(1, sizeof *q);
    if (!q) {
        dismiss(pool);
        return ERR_BUSY;
    }
    q->pool = pool;
    q->ready = ready;
    q->ctx = ctx;
    query_run_init(&q->run, verb);
    buf_init(&q->page, PAGE_CAP);
    if (verb == QUERY_FEED)
        make_feed_request(q, after, limit);
    else
        err = parse_request(q, body, error);
    if (err) {
        metric_add(M_QUERIES, QUERY_METRIC_INVALID, 1);
    } else {
        *out = q; /* before a worker can call ready */
        err = enter(q);
    }
    if (err) {
        *out = NULL;
        q->state = QUERY_READY;
        query_free(q);
    }
    return err;
}

struct slice query_page(struct query *q, bool *end, int *status)
{
    *end = q->end;
    *status = q->status;
    return buf_slice(&q->page);
}

/* Its reader is done with the page. Called with the lock held. */
static void uncount_page(struct query *q)
{
    q->pool->page_bytes -= q->counted;
    q->counted = 0;
}

void query_next(struct query *q)
{
    struct query_pool *pool = q->pool;
    bool waits;

    assert(q->state == QUERY_READY && !q->end);
    pthread_mutex_lock(&pool->lock);
    uncount_page(q);
    waits = enqueue(q);
    pthread_mutex_unlock(&pool->lock);
    if (!waits)
        refuse(q);
}

void query_free(struct query *q)
{
    struct query_pool *pool = q->pool;

    assert(q->state == QUERY_READY);
    pthread_mutex_lock(&pool->lock);
    uncount_page(q);
    if (q->turn.client)
        turns_leave(&pool->turns, &q->turn);
    pthread_mutex_unlock(&pool->lock);
    query_run_deinit(&q->run);
    buf_deinit(&q->page);
    free(q);
    dismiss(pool);
}
