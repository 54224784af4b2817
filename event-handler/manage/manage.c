#include "manage/manage.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/list.h"
#include "config.h"
#include "ingest/batch.h"
#include "manage/membership.h"
#include "manage/method.h"
#include "manage/moves.h"
#include "manage/reports.h"
#include "nostr/kind.h"
#include "ops/log.h"

enum {
    QUEUE_MOST = 64,               /* requests that wait */
    ANSWER_CAP = 16 * 1024 * 1024, /* a long list */
    TASKS_MOST = 1024,             /* reports and requests that wait */
    TURN_TASKS = 16,               /* of each kind, between two requests */
    TICK_MS = 1000,
    CLEAN_MS = 60000,
};

struct manage_request {
    struct list link;
    struct buf body, answer;
    int status;
    manage_done_fn *done;
    void *ctx;
};

struct task { /* what a stored event asks for */
    struct list link;
    bool vanish; /* else a report */
    struct pubkey pubkey;
    struct report report;
};

struct manage {
    struct manage_setup setup;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the next eight */
    pthread_cond_t wake;
    struct list requests;
    size_t n_requests;
    struct list tasks;
    struct list joins; /* items of the ingest: kinds 28934 and 28936 */
    size_t n_tasks;    /* of both */
    bool missed;       /* a stored report may not be in the queue */
    bool stopping;
    /* The thread's own. */
    struct db db;
    struct db_target target, writer_target;
    uint64_t tick_ms, clean_ms; /* when each is due */
    bool announced;
};

static const char session_settings[] =
    "SET jit = off; SET statement_timeout = 10000; SET idle_in_transaction_session_timeout = 10000";

/* ---- requests ---- */

static void answer(struct manage *m, struct manage_request *r)
{
    struct manage_env env = {m->setup.cfg, m->setup.access, m->setup.ingest, &m->db};

    r->status = manage_answer(&env, buf_slice(&r->body), &r->answer);
    if (r->status != 200)
        buf_reset(&r->answer);
    r->done(r, r->ctx);
}

static void refuse(struct manage_request *r)
{
    r->status = 503;
    r->done(r, r->ctx);
}

enum err manage_submit(struct manage *m, struct buf *body, manage_done_fn *done, void *ctx,
                       struct manage_request **out)
{
    struct manage_request *r = calloc(1, sizeof *r);
    bool fits = false;

    if (r) {
        *r = (struct manage_request){.body = *body, .done = done, .ctx = ctx};
        buf_init(&r->answer, ANSWER_CAP);
        buf_init(body, body->cap);
        *out = r;
        pthread_mutex_lock(&m->lock);
        fits = !m->stopping && m->n_requests < QUEUE_MOST;
        if (fits) {
            list_push(&m->requests, &r->link);
            m->n_requests++;
            pthread_cond_signal(&m->wake);
        }
        pthread_mutex_unlock(&m->lock);
    }
    if (fits)
        return OK;
    *out = NULL;
    manage_request_free(r);
    buf_deinit(body);
    return r ? ERR_BUSY : ERR_NOMEM;
}

int manage_request_status(const struct manage_request *r)
{
    return r->status;
}

struct slice manage_request_answer(const struct manage_request *r)
{
    return buf_slice(&r->answer);
}

void manage_request_free(struct manage_request *r)
{
    if (!r)
        return;
    buf_deinit(&r->body);
    buf_deinit(&r->answer);
    free(r);
}

/* ---- what stored events ask for ---- */

static bool enqueue(struct manage *m, struct list *queue, struct list *link)
{
    bool fits;

    pthread_mutex_lock(&m->lock);
    fits = !m->stopping && m->n_tasks < TASKS_MOST;
    if (fits) {
        list_push(queue, link);
        m->n_tasks++;
        pthread_cond_signal(&m->wake);
    }
    pthread_mutex_unlock(&m->lock);
    return fits;
}

/* To be looked for where it is stored. */
static void miss_report(struct manage *m)
{
    pthread_mutex_lock(&m->lock);
    m->missed = true;
    pthread_mutex_unlock(&m->lock);
}

static void on_stored(const struct event *ev, void *ctx)
{
    struct manage *m = ctx;
    struct task *t = calloc(1, sizeof *t);
    struct access_view *view = access_acquire(m->setup.access);
    bool wanted = false;

    if (t) {
        t->pubkey = ev->pubkey;
        t->vanish = ev->kind == KIND_VANISH;
        wanted = t->vanish ? key_set_has_pubkey(&view->lists->members, &ev->pubkey)
                           : report_read(ev, view, &t->report);
    }
    access_release(view);
    if (wanted && enqueue(m, &m->tasks, &t->link))
        return;
    if (wanted || !t)
        miss_report(m);
    free(t);
}

static void on_request(struct ingest_item *item, void *ctx)
{
    struct manage *m = ctx;

    if (!enqueue(m, &m->joins, &item->link))
        ingest_decide(item, VERDICT_ERROR, "too many requests are waiting, please try again");
}

static struct list *take(struct manage *m, struct list *queue)
{
    struct list *link;

    pthread_mutex_lock(&m->lock);
    link = list_pop(queue);
    if (link)
        m->n_tasks--;
    pthread_mutex_unlock(&m->lock);
    return link;
}

static void do_task(struct manage *m, const struct task *t)
{
    struct access_view *view = access_acquire(m->setup.access);
    enum err err = db_ready(&m->db);

    if (!err)
        err = t->vanish ? membership_forget(&m->db, view, &t->pubkey)
                        : report_take(&m->db, view->cfg, &t->report);
    access_release(view);
    if (!err)
        return;
    log_warn("manage", "a report or a departure could not be noted: will be tried again", "");
    miss_report(m);
}

static void do_join(struct manage *m, struct ingest_item *item)
{
    struct access_view *view = access_acquire(m->setup.access);
    const char *message;
    enum verdict v = membership_request(&m->db, view, &item->ev, &message);

    access_release(view);
    ingest_decide(item, v, message);
}

/* Some of each: strangers who ask to join, as fast as they can, must not keep moderators waiting.
 */
static void do_tasks(struct manage *m)
{
    struct list *link;

    for (int i = 0; i < TURN_TASKS && (link = take(m, &m->joins)); i++)
        do_join(m, container_of(link, struct ingest_item, link));
    for (int i = 0; i < TURN_TASKS && (link = take(m, &m->tasks)); i++) {
        struct task *t = container_of(link, struct task, link);

        do_task(m, t);
        free(t);
    }
}

/* ---- what follows from decisions ---- */

/* One step of each. True when there is more to do at once. */
static bool follow_up(struct manage *m)
{
    struct access_view *view = access_acquire(m->setup.access);
    bool more_moves = false, more_events = false;
    enum err err = db_ready(&m->db);

    if (!err && m->setup.cfg->nip43_enabled && !m->announced)
        m->announced = membership_announce(&m->db) == OK;
    if (!err)
        err = moves_step(&m->db, &m->writer_target, &more_moves);
    if (!err)
        err = membership_publish(&m->db, view, m->setup.ingest, &more_events);
    access_release(view);
    if (err && m->db.conn && PQtransactionStatus(m->db.conn) != PQTRANS_IDLE &&
        db_run(&m->db, "ROLLBACK") != OK)
        db_drop(&m->db);
    return !err && (more_moves || more_events);
}

/* Reports that an event handler has stored but not taken note of, by what is known of people now;
 * departures are found by membership_clean(). */
static void catch_up(struct manage *m)
{
    struct access_view *view = access_acquire(m->setup.access);
    bool known =
        view->lists->version > 0 && (!view->cfg->wot_enabled || view->trust->generation > 0);
    bool missed;

    pthread_mutex_lock(&m->lock);
    missed = m->missed && known;
    if (missed)
        m->missed = false;
    pthread_mutex_unlock(&m->lock);
    if (missed && (db_ready(&m->db) != OK || reports_catch_up(&m->db, view) != OK))
        miss_report(m);
    access_release(view);
}

static void clean(struct manage *m)
{
    struct access_view *view = access_acquire(m->setup.access);

    if (db_ready(&m->db) == OK && membership_clean(&m->db, view) != OK)
        log_warn("manage", "invitations and members could not be cleaned up", "");
    access_release(view);
}

static void tick(struct manage *m)
{
    uint64_t now = clock_mono_ms();

    m->tick_ms = follow_up(m) ? now : now + TICK_MS;
    catch_up(m);
    if (now < m->clean_ms)
        return;
    m->clean_ms = now + CLEAN_MS;
    clean(m);
}

/* ---- the thread ---- */

static struct timespec in_ms(uint64_t ms)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += (long)(ms % 1000) * 1000000L;
    t.tv_sec += (time_t)(ms / 1000) + t.tv_nsec / 1000000000L;
    t.tv_nsec %= 1000000000L;
    return t;
}

/* The next request, or NULL when something else is to be done. */
static struct manage_request *next_request(struct manage *m)
{
    uint64_t now = clock_mono_ms();
    struct timespec until = in_ms(m->tick_ms > now ? m->tick_ms - now : 0);
    struct list *link = NULL;

    pthread_mutex_lock(&m->lock);
    while (list_empty(&m->requests) && m->n_tasks == 0 && !m->stopping &&
           pthread_cond_timedwait(&m->wake, &m->lock, &until) == 0)
        continue;
    if (!m->stopping && (link = list_pop(&m->requests)))
        m->n_requests--;
    pthread_mutex_unlock(&m->lock);
    return link ? container_of(link, struct manage_request, link) : NULL;
}

static bool is_stopping(struct manage *m)
{
    bool stopping;

    pthread_mutex_lock(&m->lock);
    stopping = m->stopping;
    pthread_mutex_unlock(&m->lock);
    return stopping;
}

static void *run(void *arg)
{
    struct manage *m = arg;

    while (!is_stopping(m)) {
        struct manage_request *r = next_request(m);

        if (r) {
            answer(m, r);
            m->tick_ms = 0; /* what follows from it should not wait */
        }
        do_tasks(m);
        if (clock_mono_ms() >= m->tick_ms)
            tick(m);
    }
    return NULL;
}

struct manage *manage_start(const struct manage_setup *setup)
{
    struct manage *m = calloc(1, sizeof *m);
    pthread_condattr_t monotonic;

    if (!m)
        return NULL;
    m->setup = *setup;
    m->missed = true; /* by the process before this one */
    m->target = config_write_target(setup->cfg, "manage");
    m->writer_target = config_write_target(setup->cfg, "restore");
    db_init(&m->db, &m->target, session_settings);
    list_init(&m->requests);
    list_init(&m->tasks);
    list_init(&m->joins);
    pthread_mutex_init(&m->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&m->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&m->thread, NULL, run, m) == 0) {
        if (setup->ingest)
            ingest_set_hooks(setup->ingest, &(struct ingest_hooks){on_stored, on_request, m});
        return m;
    }
    manage_free(m);
    return NULL;
}

bool manage_stop(struct manage *m, uint64_t deadline_ms)
{
    struct timespec until;
    struct list *link;

    if (!m)
        return true;
    pthread_mutex_lock(&m->lock);
    m->stopping = true;
    pthread_cond_signal(&m->wake);
    pthread_mutex_unlock(&m->lock);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)(deadline_ms / 1000) + 1;
    if (pthread_timedjoin_np(m->thread, NULL, &until) != 0)
        return false;
    while ((link = list_pop(&m->requests)))
        refuse(container_of(link, struct manage_request, link));
    while ((link = take(m, &m->joins)))
        ingest_decide(container_of(link, struct ingest_item, link), VERDICT_ERROR,
                      "the relay is shutting down, please try again");
    while ((link = take(m, &m->tasks)))
        free(container_of(link, struct task, link));
    return true;
}

void manage_free(struct manage *m)
{
    if (!m)
        return;
    db_deinit(&m->db);
    pthread_cond_destroy(&m->wake);
    pthread_mutex_destroy(&m->lock);
    free(m);
}
