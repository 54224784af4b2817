#include "plugin/plugin_pool.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/siphash.h"
#include "config.h"
#include "metrics.h"
#include "ops/backoff.h"
#include "ops/log.h"
#include "plugin/plugin_process.h"

enum {
    QUEUE_MOST = 1000, /* jobs that wait for one process */
    QUESTION_EXTRA = 4096,
    NOISE_MOST = 1000, /* lines that are no answer, between two answers */
    RETRY_FIRST_MS = 100,
    RETRY_MOST_MS = 10000,
    GRACE_MS = 500, /* for a process that is asked to end */
    LOOK_MS = 1000, /* how often its file is looked at */
    GATE_MS = 200,  /* five lines in a second about a kind of trouble are enough */
};

static const char mod[] = "plugin";
static const char endless[] = "it never stops printing";

struct worker {
    struct plugin_pool *pool;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the next three */
    struct list jobs;
    size_t n_jobs;
    bool stopping;
    int wake_fd; /* an eventfd: there are jobs */
    /* The thread's own. */
    struct plugin_process process;
    struct buf question;
    struct backoff backoff;
    uint64_t retry_ms, look_ms; /* when each is due */
    struct log_gate failed, noise;
    unsigned n_noise; /* lines since its last answer */
};

struct plugin_pool {
    const struct config *cfg;
    plugin_done_fn *done;
    void *ctx;
    struct siphash_key key; /* nobody shall choose who waits behind whom */
    int stop_fd;            /* an eventfd: written once, read never */
    struct worker *worker;
    size_t n;
};

/* ---- answers ---- */

static void finish(struct worker *w, struct plugin_job *job, enum plugin_metric result)
{
    metric_add(M_PLUGIN_EVENTS, result, 1);
    metric_add(M_PLUGIN_WAITING, 0, -1);
    metric_observe(M_PLUGIN_SECONDS, 0, (clock_mono_ms() - job->asked_ms) * 1000);
    w->pool->done(job, w->pool->ctx);
}

static void refuse(struct worker *w, struct plugin_job *job, const char *message,
                   enum plugin_metric result)
{
    job->reply.action = PLUGIN_REJECT;
    job->reply.verdict = VERDICT_ERROR;
    snprintf(job->reply.message, sizeof job->reply.message, "%s", message);
    finish(w, job, result);
}

static void answer_failure(struct worker *w, struct plugin_job *job, enum plugin_metric result)
{
    if (w->pool->cfg->policy_plugin_on_failure == PLUGIN_FAILURE_ACCEPTS) {
        job->reply = (struct plugin_reply){.action = PLUGIN_ACCEPT};
        finish(w, job, result);
        return;
    }
    refuse(w, job, "this relay's policy gives no answer at the moment, please try again", result);
}

/* ---- the process ---- */

static void start_process(struct worker *w)
{
    uint64_t now = clock_mono_ms();

    if (w->process.pid != 0 || now < w->retry_ms)
        return;
    w->look_ms = now + LOOK_MS;
    w->n_noise = 0;
    metric_add(M_PLUGIN_STARTS, 0, 1);
    if (plugin_process_start(&w->process) != OK)
        w->retry_ms = now + backoff_next(&w->backoff);
    else
        metric_add(M_PLUGIN_RUNNING, 0, 1);
}

static void end_process(struct worker *w, uint32_t grace_ms)
{
    if (w->process.pid == 0)
        return;
    plugin_process_stop(&w->process, grace_ms);
    metric_add(M_PLUGIN_RUNNING, 0, -1);
}

/* It is no use any more. */
static void give_up(struct worker *w, const char *why)
{
    uint32_t suppressed, pause;

    end_process(w, 0);
    pause = backoff_next(&w->backoff);
    w->retry_ms = clock_mono_ms() + pause;
    if (log_gate_open(&w->failed, GATE_MS, &suppressed))
        log_warn(mod, "failed", "why=\"%s\" pause_ms=%u suppressed=%u", why, (unsigned)pause,
                 (unsigned)suppressed);
}

static void renew_process(struct worker *w)
{
    uint64_t now = clock_mono_ms();

    if (w->process.pid == 0 || now < w->look_ms)
        return;
    w->look_ms = now + LOOK_MS;
    if (!plugin_process_outdated(&w->process))
        return;
    log_info(mod, "its file has changed", "");
    end_process(w, GRACE_MS);
    start_process(w);
}

/* ---- asking ---- */

static const struct {
    const char *why;
    enum plugin_metric metric;
} faults[] = {
    [PLUGIN_IO_TIMEOUT] = {"no answer in time", PLUGIN_METRIC_TIMEOUT},
    [PLUGIN_IO_GONE] = {"it has ended", PLUGIN_METRIC_ENDED},
    [PLUGIN_IO_OVERLONG] = {"a line of more than 64 KiB", PLUGIN_METRIC_MALFORMED},
};

/* False when it is enough. */
static bool bear_noise(struct worker *w, struct slice line, const char *why)
{
    char quoted[160];
    uint32_t suppressed;

    metric_add(M_PLUGIN_NOISE, 0, 1);
    w->n_noise++;
    if (log_gate_open(&w->noise, GATE_MS, &suppressed))
        log_warn(mod, "not understood", "why=\"%s\" line=%s suppressed=%u", why,
                 log_quote(line.ptr, line.len, quoted, sizeof quoted), (unsigned)suppressed);
    return w->n_noise < NOISE_MOST;
}

/* Lines that are no JSON are passed over, as strfry does: people print things. */
static enum plugin_io read_reply(struct worker *w, struct plugin_job *job, uint64_t deadline_ms,
                                 enum plugin_line *what, const char **error)
{
    struct slice line;
    enum plugin_io io;

    for (;;) {
        io = plugin_process_line(&w->process, -1, deadline_ms, &line);
        if (io != PLUGIN_IO_OK)
            return io;
        *what = plugin_reply_read(line, job->id, &job->reply, error);
        if (*what == PLUGIN_REPLY)
            return PLUGIN_IO_OK;
        if (!bear_noise(w, line, *error)) {
            *error = endless;
            *what = PLUGIN_MALFORMED;
        }
        if (*what == PLUGIN_MALFORMED)
            return PLUGIN_IO_OK;
    }
}

static void ask(struct worker *w, struct plugin_job *job)
{
    static const enum plugin_metric results[] = {PLUGIN_METRIC_ACCEPTED, PLUGIN_METRIC_REJECTED,
                                                 PLUGIN_METRIC_SHADOWED};
    uint64_t deadline = clock_mono_ms() + (uint64_t)w->pool->cfg->policy_plugin_timeout_ms;
    enum plugin_line what = PLUGIN_NOISE;
    const char *error = "";
    enum plugin_io io;

    buf_reset(&w->question);
    plugin_question_write(&w->question, &job->question);
    if (w->question.failed) {
        answer_failure(w, job, PLUGIN_METRIC_UNAVAILABLE);
        return;
    }
    io = plugin_process_send(&w->process, buf_slice(&w->question), deadline);
    if (io == PLUGIN_IO_OK)
        io = read_reply(w, job, deadline, &what, &error);
    if (io == PLUGIN_IO_STOP) {
        refuse(w, job, "the relay is shutting down, please try again", PLUGIN_METRIC_UNAVAILABLE);
    } else if (io != PLUGIN_IO_OK) {
        give_up(w, faults[io].why);
        answer_failure(w, job, faults[io].metric);
    } else if (what == PLUGIN_MALFORMED) {
        give_up(w, error);
        answer_failure(w, job, PLUGIN_METRIC_MALFORMED);
    } else {
        backoff_reset(&w->backoff);
        w->n_noise = 0;
        finish(w, job, results[job->reply.action]);
    }
}

static void answer(struct worker *w, struct plugin_job *job)
{
    uint64_t waited = clock_mono_ms() - job->asked_ms;

    renew_process(w);
    if (waited > (uint64_t)w->pool->cfg->policy_plugin_timeout_ms)
        refuse(w, job, "too many events wait for this relay's policy, please try again",
               PLUGIN_METRIC_BUSY);
    else if (w->process.pid == 0)
        answer_failure(w, job, PLUGIN_METRIC_UNAVAILABLE);
    else
        ask(w, job);
}

/* ---- threads ---- */

static struct plugin_job *next_job(struct worker *w, bool *stopping)
{
    struct list *link;
    uint64_t count;

    (void)!read(w->wake_fd, &count, sizeof count);
    pthread_mutex_lock(&w->lock);
    *stopping = w->stopping;
    link = list_pop(&w->jobs);
    w->n_jobs -= link != NULL;
    pthread_mutex_unlock(&w->lock);
    return link ? container_of(link, struct plugin_job, link) : NULL;
}

/* Until there is a job, or it is time to start the process. */
static void rest(struct worker *w)
{
    struct pollfd fds[] = {{.fd = w->wake_fd, .events = POLLIN},
                           {.fd = w->pool->stop_fd, .events = POLLIN}};
    uint64_t now = clock_mono_ms();
    struct slice line;
    enum plugin_io io;

    if (w->process.pid == 0) {
        poll(fds, ARRAY_LEN(fds), w->retry_ms > now ? (int)(w->retry_ms - now) : 0);
        return;
    }
    io = plugin_process_line(&w->process, w->wake_fd, UINT64_MAX, &line);
    if (io == PLUGIN_IO_OK && !bear_noise(w, line, "nothing was asked"))
        give_up(w, endless);
    if (io == PLUGIN_IO_GONE || io == PLUGIN_IO_OVERLONG)
        give_up(w, faults[io].why);
}

static void *run(void *arg)
{
    struct worker *w = arg;
    bool stopping = false;

    while (!stopping) {
        struct plugin_job *job = next_job(w, &stopping);

        if (job && stopping) {
            refuse(w, job, "the relay is shutting down, please try again",
                   PLUGIN_METRIC_UNAVAILABLE);
            stopping = false; /* perhaps there are more */
            continue;
        }
        if (stopping)
            break;
        start_process(w);
        if (job)
            answer(w, job);
        else
            rest(w);
    }
    end_process(w, GRACE_MS);
    return NULL;
}

bool plugin_pool_ask(struct plugin_pool *pool, struct plugin_job *job)
{
    struct worker *w =
        &pool->worker[siphash(&pool->key, job->author->b, sizeof job->author->b) % pool->n];
    uint64_t one = 1;
    bool taken;

    job->asked_ms = clock_mono_ms();
    pthread_mutex_lock(&w->lock);
    taken = !w->stopping && w->n_jobs < QUEUE_MOST;
    if (taken) {
        list_push(&w->jobs, &job->link);
        w->n_jobs++;
        metric_add(M_PLUGIN_WAITING, 0, 1);
    }
    pthread_mutex_unlock(&w->lock);
    if (taken)
        (void)!write(w->wake_fd, &one, sizeof one);
    else
        metric_add(M_PLUGIN_EVENTS, PLUGIN_METRIC_BUSY, 1);
    return taken;
}

/* ---- life ---- */

static bool start_worker(struct plugin_pool *pool, struct worker *w)
{
    *w = (struct worker){.pool = pool, .wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    pthread_mutex_init(&w->lock, NULL);
    list_init(&w->jobs);
    plugin_process_init(&w->process, pool->cfg->policy_plugin, pool->stop_fd);
    buf_init(&w->question, 2 * (size_t)pool->cfg->shared.max_event_bytes + QUESTION_EXTRA);
    backoff_init(&w->backoff, RETRY_FIRST_MS, RETRY_MOST_MS);
    if (w->wake_fd >= 0 && pthread_create(&w->thread, NULL, run, w) == 0)
        return true;
    if (w->wake_fd >= 0)
        close(w->wake_fd);
    pthread_mutex_destroy(&w->lock);
    return false;
}

struct plugin_pool *plugin_pool_start(const struct config *cfg, plugin_done_fn *done, void *ctx)
{
    struct plugin_pool *pool = calloc(1, sizeof *pool);
    size_t n = (size_t)cfg->policy_plugin_workers;

    if (!pool)
        return NULL;
    *pool = (struct plugin_pool){.cfg = cfg,
                                 .done = done,
                                 .ctx = ctx,
                                 .key = siphash_random_key(),
                                 .stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                                 .worker = calloc(n, sizeof *pool->worker)};
    while (pool->stop_fd >= 0 && pool->worker && pool->n < n &&
           start_worker(pool, &pool->worker[pool->n]))
        pool->n++;
    if (pool->n == n)
        return pool;
    log_error(mod, "the threads could not be started", "");
    plugin_pool_stop(pool);
    plugin_pool_free(pool);
    return NULL;
}

void plugin_pool_stop(struct plugin_pool *pool)
{
    uint64_t one = 1;

    if (!pool || !pool->worker)
        return;
    for (size_t i = 0; i < pool->n; i++) {
        pthread_mutex_lock(&pool->worker[i].lock);
        pool->worker[i].stopping = true;
        pthread_mutex_unlock(&pool->worker[i].lock);
    }
    if (pool->stop_fd >= 0)
        (void)!write(pool->stop_fd, &one, sizeof one);
    for (size_t i = 0; i < pool->n; i++)
        pthread_join(pool->worker[i].thread, NULL);
}

void plugin_pool_free(struct plugin_pool *pool)
{
    if (!pool)
        return;
    for (size_t i = 0; i < pool->n; i++) {
        struct worker *w = &pool->worker[i];

        plugin_process_deinit(&w->process);
        buf_deinit(&w->question);
        close(w->wake_fd);
        pthread_mutex_destroy(&w->lock);
    }
    if (pool->stop_fd >= 0)
        close(pool->stop_fd);
    free(pool->worker);
    free(pool);
}
