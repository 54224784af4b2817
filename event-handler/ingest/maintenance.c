#include "ingest/maintenance.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "access/access.h"
#include "access/control.h"
#include "base/clock.h"
#include "config.h"
#include "metrics.h"
#include "publish/publisher.h"
#include "retention/walk.h"
#include "store/erase.h"
#include "store/feed_head.h"
#include "store/history.h"
#include "store/index_keys.h"
#include "store/retention.h"
#include "store/search_index.h"
#include "wire/live_wire.h"

enum {
    HEARTBEAT_MS = 1000,
    SWEEP_EVENTS = 500,
    BUSY_EVENTS = 200, /* with more new events per second than this, the full-text index waits for
                          better times */
    SEARCH_PAUSE = 8,  /* a step of indexing is followed by a pause so many times as long */
    SEARCH_PAUSE_MIN_MS = 20,
    PRUNE_PAUSE_MS = 100,
    RETENTION_PAUSE = 4, /* as SEARCH_PAUSE */
    RETENTION_PAUSE_MIN_MS = 20,
    DAY_SECONDS = 86400,
};

#define NEVER UINT64_MAX

struct maintenance {
    const struct config *cfg;
    struct access *access;
    struct publisher *publisher;
    struct maintenance_hooks hooks;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the next four */
    pthread_cond_t wake;
    struct list erase; /* items */
    bool stopping;
    bool beat;
    /* The thread's own. */
    struct db db;
    struct db_target target;
    struct search_index search;
    struct history_pruner pruner;
    struct retention retention;
    uint64_t head;
    bool busy; /* more than BUSY_EVENTS came in the last second */
    /* When each is due. */
    uint64_t heartbeat_ms, sweep_ms, prune_ms, retention_ms, search_ms;
};

static const char session_settings[] =
    "SET jit = off; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET "
    "enable_bitmapscan = off;"
    " SET enable_hashjoin = off; SET enable_mergejoin = off; SET statement_timeout = 10000;"
    " SET idle_in_transaction_session_timeout = 10000;"
    /* All of it can be done again, and what an answer depends on is followed by a commit of the
       writer's. */
    " SET synchronous_commit = off";

static bool is_stopping(struct maintenance *m)
{
    bool stopping;

    pthread_mutex_lock(&m->lock);
    stopping = m->stopping;
    pthread_mutex_unlock(&m->lock);
    return stopping;
}

/* ---- heartbeat ---- */

static void publish_heartbeat(struct maintenance *m)
{
    struct buf record;

    buf_init(&record, KIB);
    control_head_write(&record, m->head, m->head);
    publisher_push(m->publisher, &record, NULL, NULL);
}

static void heartbeat(struct maintenance *m)
{
    uint64_t before = m->head;
    bool usable = db_ready(&m->db) == OK && feed_head_read(&m->db, &m->head) == OK;

    m->heartbeat_ms = clock_mono_ms() + HEARTBEAT_MS;
    m->hooks.on_database(usable, m->hooks.ctx);
    if (!usable)
        return;
    m->hooks.on_head(m->head, m->hooks.ctx);
    publish_heartbeat(m);
    m->busy = m->head - before > BUSY_EVENTS;
    if (m->head != before && m->search_ms == NEVER)
        m->search_ms = clock_mono_ms();
}

/* ---- erasing ---- */

static bool go_on(void *ctx)
{
    struct maintenance *m = ctx;

    if (clock_mono_ms() >= m->heartbeat_ms)
        heartbeat(m);
    return !is_stopping(m) && m->db.conn;
}

static void erase(struct maintenance *m, struct ingest_item *item)
{
    struct vanish v = vanish_of_request(&item->store);
    struct siphash_key secret;
    enum err err = db_ready(&m->db);

    if (!err)
        err = index_tag_secret_load(&m->db, &secret);
    if (!err)
        err = erase_history(&m->db, &v, &secret, go_on, m);
    m->hooks.on_erased(item, err == OK, m->hooks.ctx);
}

static struct ingest_item *next_to_erase(struct maintenance *m)
{
    struct list *link;

    pthread_mutex_lock(&m->lock);
    link = list_pop(&m->erase);
    pthread_mutex_unlock(&m->lock);
    return link ? container_of(link, struct ingest_item, link) : NULL;
}

void maintenance_erase(struct maintenance *m, struct ingest_item *item)
{
    pthread_mutex_lock(&m->lock);
    list_push(&m->erase, &item->link);
    pthread_cond_signal(&m->wake);
    pthread_mutex_unlock(&m->lock);
}

void maintenance_beat(struct maintenance *m)
{
    pthread_mutex_lock(&m->lock);
    m->beat = true;
    pthread_cond_signal(&m->wake);
    pthread_mutex_unlock(&m->lock);
}

static bool take_beat(struct maintenance *m)
{
    bool beat;

    pthread_mutex_lock(&m->lock);
    beat = m->beat;
    m->beat = false;
    pthread_mutex_unlock(&m->lock);
    return beat;
}

/* ---- sweeping and indexing ---- */

static void sweep(struct maintenance *m)
{
    int64_t removed = 0;

    m->sweep_ms = clock_mono_ms() + (uint64_t)m->cfg->sweep_seconds * 1000;
    if (db_ready(&m->db) != OK ||
        retention_sweep(&m->db, clock_unix(), SWEEP_EVENTS, &removed) != OK)
        return;
    metric_add(M_EXPIRED, 0, removed);
    if (removed == SWEEP_EVENTS)
        m->sweep_ms = clock_mono_ms();
}

/* ---- what is kept for how long ---- */

static void prune_history(struct maintenance *m)
{
    int64_t now = clock_unix(), removed = 0;
    bool more = false;
    enum err err = db_ready(&m->db);

    if (!err)
        err = history_prune(&m->pruner, &m->db, now, now - m->cfg->history_days * DAY_SECONDS,
                            m->cfg->history_versions, &removed, &more);
    metric_add(M_HISTORY_PRUNED, 0, removed);
    m->prune_ms =
        clock_mono_ms() + (more && !err ? PRUNE_PAUSE_MS : (uint64_t)m->cfg->sweep_seconds * 1000);
}

static void apply_retention(struct maintenance *m)
{
    struct access_view *view = access_acquire(m->access);
    uint64_t start = clock_mono_ms(), pause;
    struct retention_step step = {.idle = true};
    enum err err = db_ready(&m->db);

    if (!err)
        err = retention_take_step(&m->retention, &m->db, view, clock_unix(), &step);
    access_release(view);
    metric_add(M_RETENTION_SEEN, 0, step.looked_at);
    for (unsigned tier = 0; tier < TIERS; tier++)
        metric_add(M_RETENTION_DELETED, tier, step.deleted[tier]);
    pause = (clock_mono_ms() - start) * RETENTION_PAUSE;
    if (pause < RETENTION_PAUSE_MIN_MS)
        pause = RETENTION_PAUSE_MIN_MS;
    if (err || step.idle || m->busy)
        pause = HEARTBEAT_MS;
    m->retention_ms = clock_mono_ms() + pause;
}

static void index_some(struct maintenance *m)
{
    uint64_t start = clock_mono_ms(), pause;
    size_t indexed = 0;
    enum err err = db_ready(&m->db);

    if (!err)
        err = search_index_step(&m->search, &m->db, &indexed);
    metric_add(M_SEARCH_INDEXED, 0, (int64_t)indexed);
    metric_set(M_SEARCH_LAG, 0, (int64_t)m->search.behind);
    pause = (clock_mono_ms() - start) * SEARCH_PAUSE;
    if (pause < SEARCH_PAUSE_MIN_MS)
        pause = SEARCH_PAUSE_MIN_MS;
    if (err || m->busy)
        pause = HEARTBEAT_MS;
    if (!err && m->search.behind == 0)
        m->search_ms = NEVER; /* until a heartbeat sees new events */
    else
        m->search_ms = clock_mono_ms() + pause;
}

/* ---- the thread ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void wait_until_due(struct maintenance *m)
{
    uint64_t due = earlier(m->heartbeat_ms, m->sweep_ms), now;
    struct timespec until;

    due = earlier(due, earlier(m->prune_ms, m->retention_ms));
    if (m->cfg->search_enabled)
        due = earlier(due, m->search_ms);
    now = clock_mono_ms();
    if (due <= now)
        return;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(due - now) % 1000 * 1000000L;
    until.tv_sec += (time_t)(due - now) / 1000 + until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&m->lock);
    if (list_empty(&m->erase) && !m->stopping && !m->beat)
        pthread_cond_timedwait(&m->wake, &m->lock, &until);
    pthread_mutex_unlock(&m->lock);
}

static void *run(void *arg)
{
    struct maintenance *m = arg;
    struct ingest_item *item;

    while (!is_stopping(m)) {
        uint64_t now = clock_mono_ms();

        if (take_beat(m) || now >= m->heartbeat_ms)
            heartbeat(m);
        if ((item = next_to_erase(m)))
            erase(m, item);
        else if (now >= m->sweep_ms)
            sweep(m);
        else if (now >= m->prune_ms)
            prune_history(m);
        else if (now >= m->retention_ms)
            apply_retention(m);
        else if (m->cfg->search_enabled && now >= m->search_ms)
            index_some(m);
        else
            wait_until_due(m);
    }
    return NULL;
}

static void init_sync(struct maintenance *m)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&m->wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&m->lock, NULL);
}

struct maintenance *maintenance_start(const struct config *cfg, struct access *access,
                                      struct publisher *publisher,
                                      const struct maintenance_hooks *hooks)
{
    struct maintenance *m = calloc(1, sizeof *m);

    if (!m)
        return NULL;
    m->cfg = cfg;
    m->access = access;
    m->publisher = publisher;
    m->hooks = *hooks;
    m->target = config_write_target(cfg, "maintenance");
    db_init(&m->db, &m->target, session_settings);
    search_index_init(&m->search);
    history_pruner_init(&m->pruner);
    m->retention_ms = m->cfg->retention_apply ? 0 : NEVER;
    list_init(&m->erase);
    init_sync(m);
    if (!retention_init(&m->retention, cfg) || pthread_create(&m->thread, NULL, run, m) != 0) {
        maintenance_free(m);
        return NULL;
    }
    return m;
}

bool maintenance_stop(struct maintenance *m, uint64_t deadline_ms)
{
    struct timespec until;

    if (!m)
        return true;
    pthread_mutex_lock(&m->lock);
    m->stopping = true;
    pthread_cond_signal(&m->wake);
    pthread_mutex_unlock(&m->lock);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)(deadline_ms / 1000) + 1;
    return pthread_timedjoin_np(m->thread, NULL, &until) == 0;
}

void maintenance_free(struct maintenance *m)
{
    struct ingest_item *item;

    if (!m)
        return;
    while ((item = next_to_erase(m)))
        m->hooks.on_erased(item, false, m->hooks.ctx);
    db_deinit(&m->db);
    search_index_deinit(&m->search);
    retention_deinit(&m->retention);
    pthread_cond_destroy(&m->wake);
    pthread_mutex_destroy(&m->lock);
    free(m);
}
