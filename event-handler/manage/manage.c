#include "manage/manage.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/list.h"
#include "config.h"
#include "manage/method.h"

enum {
    QUEUE_MOST = 64,               /* requests that wait */
    ANSWER_CAP = 16 * 1024 * 1024, /* a long list */
    IDLE_MS = 1000,
};

struct manage_request {
    struct list link;
    struct buf body, answer;
    int status;
    manage_done_fn *done;
    void *ctx;
};

struct manage {
    struct manage_setup setup;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the next four */
    pthread_cond_t wake;
    struct list requests;
    size_t n_requests;
    bool stopping;
    /* The thread's own. */
    struct db db;
    struct db_target target;
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

/* The next request, or NULL after a while without one, and when stopping. */
static struct manage_request *next_request(struct manage *m, uint64_t patience_ms)
{
    struct timespec until = in_ms(patience_ms);
    struct list *link = NULL;

    pthread_mutex_lock(&m->lock);
    while (list_empty(&m->requests) && !m->stopping &&
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
        struct manage_request *r = next_request(m, IDLE_MS);

        if (r)
            answer(m, r);
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
    m->target = config_write_target(setup->cfg, "manage");
    db_init(&m->db, &m->target, session_settings);
    list_init(&m->requests);
    pthread_mutex_init(&m->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&m->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&m->thread, NULL, run, m) == 0)
        return m;
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
