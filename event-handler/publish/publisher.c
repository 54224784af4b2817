/*
 * The thread takes all that is queued, sends it as one pipeline of PUBLISH commands and reads the
 * replies. hiredis is used in its blocking form with a time-out, so a Redis that stops answering
 * costs COMMAND_MS once, and then counts as away.
 *
 *   queue full           the record is dropped at once          (the feed repairs it)
 *   Redis away           what is queued is reported as not sent; the next attempt follows the
 * backoff
 */
#include "publish/publisher.h"

#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "metrics.h"
#include "ops/backoff.h"
#include "ops/log.h"
#include "ops/redis_dial.h"
#include "wire/live_wire.h"

enum {
    QUEUE_RECORDS = 16384,
    QUEUE_BYTES = 64 * 1024 * 1024,
    PIPELINE_RECORDS = 256,
    CONNECT_MS = 1000,
    COMMAND_MS = 2000,
    IDLE_MS = 500, /* how often an unconnected publisher looks whether it may try again */
};

struct publication {
    struct list link;
    struct buf record;
    publish_done_fn *done;
    void *ctx;
    uint64_t pushed_us;
};

struct publisher {
    struct publisher_target target;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    struct list queue;
    size_t n, bytes;
    bool stopping;
    uint64_t give_up_ms; /* when stopping */
    atomic_bool connected;
    /* The thread's own. */
    redisContext *redis;
    struct backoff backoff;
    uint64_t retry_at_ms;
    bool reported_down;
};

/* ---- connection ---- */

static void report_down(struct publisher *p, const char *why)
{
    char quoted[200];

    atomic_store(&p->connected, false);
    metric_set(M_REDIS_UP, 0, 0);
    if (p->reported_down)
        return;
    p->reported_down = true;
    log_warn("publish", "redis is not available: live delivery goes by the feed",
             "host=%s port=%d reason=%s", p->target.host, p->target.port,
             log_quote(why, strlen(why), quoted, sizeof quoted));
}

static void disconnect(struct publisher *p, const char *why)
{
    report_down(p, why);
    if (p->redis)
        redisFree(p->redis);
    p->redis = NULL;
    p->retry_at_ms = clock_mono_ms() + backoff_next(&p->backoff);
}

static bool connect_redis(struct publisher *p)
{
    const struct redis_target target = {.host = p->target.host,
                                        .port = p->target.port,
                                        .password = p->target.password,
                                        .connect_ms = CONNECT_MS,
                                        .command_ms = COMMAND_MS};
    char why[REDIS_WHY_BYTES];

    if (p->redis)
        return true;
    if (clock_mono_ms() < p->retry_at_ms)
        return false;
    p->redis = redis_dial(&target, why);
    if (!p->redis) {
        disconnect(p, why);
        return false;
    }
    backoff_reset(&p->backoff);
    if (p->reported_down)
        log_info("publish", "redis is back", "");
    p->reported_down = false;
    atomic_store(&p->connected, true);
    metric_set(M_REDIS_UP, 0, 1);
    return true;
}

/* ---- sending ---- */

static bool append(struct publisher *p, const struct publication *pub)
{
    const char *words[] = {"PUBLISH", LIVE_CHANNEL, pub->record.ptr};
    size_t lengths[] = {7, sizeof LIVE_CHANNEL - 1, pub->record.len};

    return redisAppendCommandArgv(p->redis, 3, words, lengths) == REDIS_OK;
}

/* The reply to one PUBLISH. An error reply (Redis is loading, read-only, out of memory) means that
 * nobody got it. */
static bool took(struct publisher *p)
{
    redisReply *reply = NULL;
    bool good;

    if (redisGetReply(p->redis, (void **)&reply) != REDIS_OK)
        return false;
    good = reply->type == REDIS_REPLY_INTEGER;
    freeReplyObject(reply);
    return good;
}

static void finish(struct publication *pub, bool sent)
{
    metric_add(M_PUBLISHED, sent ? PUBLISH_METRIC_SENT : PUBLISH_METRIC_FAILED, 1);
    if (sent)
        metric_observe(M_PUBLISH_SECONDS, 0, clock_mono_us() - pub->pushed_us);
    if (pub->done)
        pub->done(sent, pub->ctx);
    buf_deinit(&pub->record);
    free(pub);
}

/* All of batch, in order. */
static void send_all(struct publisher *p, struct list *batch)
{
    bool usable = connect_redis(p);
    struct list *link;

    for (link = batch->next; usable && link != batch; link = link->next)
        usable = append(p, container_of(link, struct publication, link));
    while ((link = list_pop(batch))) {
        bool sent = usable && took(p);

        if (usable && p->redis->err)
            usable = false;
        finish(container_of(link, struct publication, link), sent);
    }
    if (p->redis && (p->redis->err || !usable))
        disconnect(p, p->redis->errstr);
}

/* ---- the thread ---- */

static void wait_for_work(struct publisher *p)
{
    struct timespec until;

    if (!list_empty(&p->queue) || p->stopping)
        return;
    if (atomic_load(&p->connected)) {
        pthread_cond_wait(&p->wake, &p->lock);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += IDLE_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_cond_timedwait(&p->wake, &p->lock, &until);
}

static void take_batch(struct publisher *p, struct list *batch)
{
    list_init(batch);
    for (int i = 0; i < PIPELINE_RECORDS && !list_empty(&p->queue); i++) {
        struct list *link = list_pop(&p->queue);

        p->n--;
        p->bytes -= container_of(link, struct publication, link)->record.len;
        list_push(batch, link);
    }
}

static void *run(void *arg)
{
    struct publisher *p = arg;
    struct list batch;

    pthread_mutex_lock(&p->lock);
    while (!p->stopping || (!list_empty(&p->queue) && clock_mono_ms() < p->give_up_ms)) {
        wait_for_work(p);
        take_batch(p, &batch);
        pthread_mutex_unlock(&p->lock);
        if (list_empty(&batch))
            (void)connect_redis(p);
        else
            send_all(p, &batch);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void init_sync(struct publisher *p)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&p->lock, NULL);
}

struct publisher *publisher_start(const struct publisher_target *target)
{
    struct publisher *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    p->target = *target;
    list_init(&p->queue);
    backoff_init(&p->backoff, 100, 1000);
    init_sync(p);
    if (pthread_create(&p->thread, NULL, run, p) != 0) {
        free(p);
        return NULL;
    }
    return p;
}

void publisher_stop(struct publisher *p, uint64_t deadline_ms)
{
    struct list *link;

    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    p->give_up_ms = clock_mono_ms() + deadline_ms;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    while ((link = list_pop(&p->queue)))
        finish(container_of(link, struct publication, link), false);
    if (p->redis)
        redisFree(p->redis);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* ---- any thread ---- */

static bool enqueue(struct publisher *p, struct publication *pub)
{
    bool fits;

    pthread_mutex_lock(&p->lock);
    fits = !p->stopping && p->n < QUEUE_RECORDS && p->bytes + pub->record.len <= QUEUE_BYTES;
    if (fits) {
        list_push(&p->queue, &pub->link);
        p->n++;
        p->bytes += pub->record.len;
        pthread_cond_signal(&p->wake);
    }
    pthread_mutex_unlock(&p->lock);
    return fits;
}

void publisher_push(struct publisher *p, struct buf *record, publish_done_fn *done, void *ctx)
{
    struct publication *pub = record->failed ? NULL : calloc(1, sizeof *pub);

    if (pub)
        *pub = (struct publication){
            .record = *record, .done = done, .ctx = ctx, .pushed_us = clock_mono_us()};
    if (!pub || !enqueue(p, pub)) {
        metric_add(M_PUBLISHED, PUBLISH_METRIC_DROPPED, 1);
        buf_deinit(record);
        free(pub);
        if (done)
            done(false, ctx);
    }
    buf_init(record, record->cap);
}

bool publisher_connected(const struct publisher *p)
{
    return atomic_load(&p->connected);
}
