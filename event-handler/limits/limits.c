#include "limits/limits.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "config.h"
#include "limit/limiter.h"
#include "metrics.h"
#include "ops/backoff.h"
#include "ops/log.h"
#include "ops/redis_dial.h"

enum {
    MAX_SUBJECTS = 131072, /* about 20 MB when all are there */
    MINUTE_MS = 60000,
    HOUR_MS = 3600000,
    TICK_MS = 1000,
    CONNECT_MS = 1000,
    COMMAND_MS = 1000,
    COMMAND_CAP = 256 * 1024,
};

/* Budgets of each pubkey by tier, of all of a tier together, and of recipients. Admins have none,
 * and the muted are judged as guests where they are judged at all. */
enum budget {
    KEY_TRUSTED,
    KEY_KNOWN,
    KEY_GUEST,
    ALL_TRUSTED,
    ALL_KNOWN,
    ALL_GUEST,
    WRAPS_RECIPIENT,
    BUDGETS
};

struct limits {
    struct redis_target target;
    struct limit_class classes[BUDGETS];
    pthread_t thread;
    pthread_mutex_t lock; /* guards the limiter and stopping */
    pthread_cond_t wake;
    struct limiter *limiter;
    bool stopping;
    /* The thread's own. */
    redisContext *redis;
    struct backoff backoff;
    uint64_t retry_at_ms;
    bool reported_down;
    struct lease batch[LEASE_BATCH];
    struct buf command;
};

/* ---- settling with Redis ---- */

static void went_away(struct limits *l, const char *why)
{
    char quoted[200];

    if (l->redis)
        redisFree(l->redis);
    l->redis = NULL;
    l->retry_at_ms = clock_mono_ms() + backoff_next(&l->backoff);
    metric_set(M_LIMITS_LOCAL, 0, 1);
    if (l->reported_down)
        return;
    l->reported_down = true;
    log_warn("limits", "Redis is not available, this process holds the rate limits alone",
             "reason=%s", log_quote(why, strlen(why), quoted, sizeof quoted));
}

static bool is_connected(struct limits *l)
{
    char why[REDIS_WHY_BYTES];

    if (l->redis)
        return true;
    if (clock_mono_ms() < l->retry_at_ms)
        return false;
    l->redis = redis_dial(&l->target, why);
    if (l->redis)
        return true;
    went_away(l, why);
    return false;
}

/* Sends the batch and reads what is left in each bucket. */
static bool exchange(struct limits *l, size_t n, int64_t *values)
{
    redisReply *reply = NULL;
    bool good;

    buf_reset(&l->command);
    lease_write_spent(&l->command, l->batch, n);
    if (l->command.failed || !is_connected(l))
        return false;
    if (redisAppendFormattedCommand(l->redis, l->command.ptr, l->command.len) != REDIS_OK ||
        redisGetReply(l->redis, (void **)&reply) != REDIS_OK) {
        char why[REDIS_WHY_BYTES];

        snprintf(why, sizeof why, "%s", l->redis->errstr);
        went_away(l, why);
        return false;
    }
    good = lease_read_reply(reply, values, n);
    if (good) {
        backoff_reset(&l->backoff);
        l->reported_down = false;
        metric_set(M_LIMITS_LOCAL, 0, 0);
    } else {
        went_away(l, reply->type == REDIS_REPLY_ERROR ? reply->str : "an unknown answer");
    }
    freeReplyObject(reply);
    return good;
}

/* Called with the lock held, which it gives up meanwhile. */
static void settle(struct limits *l)
{
    size_t n = limiter_collect(l->limiter, l->batch, LEASE_BATCH);
    int64_t values[LEASE_BATCH];
    bool good;

    if (n == 0)
        return;
    pthread_mutex_unlock(&l->lock);
    good = exchange(l, n, values);
    metric_add(M_LEASES, good ? LEASE_METRIC_DONE : LEASE_METRIC_FAILED, 1);
    pthread_mutex_lock(&l->lock);
    if (good)
        limiter_settle(l->limiter, l->batch, values, n, clock_mono_ms());
    else
        limiter_give_back(l->limiter, l->batch, n);
}

static void wait_for_work(struct limits *l)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += TICK_MS / 1000;
    /* While Redis is away there is always something to report: that wakes nobody. */
    if (!limiter_wants_lease(l->limiter) || clock_mono_ms() < l->retry_at_ms)
        pthread_cond_timedwait(&l->wake, &l->lock, &until);
}

static void *run(void *arg)
{
    struct limits *l = arg;

    pthread_mutex_lock(&l->lock);
    while (!l->stopping) {
        wait_for_work(l);
        if (clock_mono_ms() >= l->retry_at_ms)
            settle(l);
        limiter_expire(l->limiter, clock_mono_ms());
        metric_set(M_LIMIT_SUBJECTS, 0, (int64_t)limiter_subjects(l->limiter));
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* ---- decisions ---- */

/* Called with the lock held. */
static bool take(struct limits *l, enum budget budget, struct slice subject, uint64_t *wait_ms)
{
    return limiter_take(l->limiter, budget, subject, 1, clock_mono_ms(), wait_ms);
}

static struct slice bytes_of(const struct pubkey *pk)
{
    return slice_of((const char *)pk->b, sizeof pk->b);
}

/* Takes the lock; true when the thread has been told already that there is something to report. */
static bool enter(struct limits *l)
{
    pthread_mutex_lock(&l->lock);
    return limiter_wants_lease(l->limiter);
}

static void leave(struct limits *l, bool told)
{
    bool wake = !told && limiter_wants_lease(l->limiter);

    pthread_mutex_unlock(&l->lock);
    if (wake)
        pthread_cond_signal(&l->wake);
}

static uint32_t seconds(uint64_t ms)
{
    return (uint32_t)(ms / 1000 + 1);
}

static const struct {
    enum budget key, all;
} budgets[TIERS] = {
    [TIER_TRUSTED] = {KEY_TRUSTED, ALL_TRUSTED},
    [TIER_KNOWN] = {KEY_KNOWN, ALL_KNOWN},
    [TIER_GUEST] = {KEY_GUEST, ALL_GUEST},
    [TIER_MUTED] = {KEY_GUEST, ALL_GUEST},
};

/* Called with the lock held, as are the two below. */
static bool take_wrapped(struct limits *l, const struct limits_event *e, uint64_t *wait_ms)
{
    for (size_t i = 0; i < e->n_wrapped; i++) {
        if (take(l, WRAPS_RECIPIENT, bytes_of(&e->wrapped[i]), wait_ms))
            continue;
        while (i-- > 0)
            limiter_refund(l->limiter, WRAPS_RECIPIENT, bytes_of(&e->wrapped[i]), 1);
        return false;
    }
    return true;
}

static enum limits_result take_sender(struct limits *l, const struct limits_event *e,
                                      uint64_t *wait_ms)
{
    if (e->tier == TIER_ADMIN)
        return LIMITS_OK;
    if (!take(l, budgets[e->tier].key, bytes_of(&e->sender), wait_ms))
        return LIMITS_PUBKEY;
    if (take(l, budgets[e->tier].all, SLICE(""), wait_ms))
        return LIMITS_OK;
    limiter_refund(l->limiter, budgets[e->tier].key, bytes_of(&e->sender), 1);
    return LIMITS_TIER;
}

static enum limits_result take_all(struct limits *l, const struct limits_event *e,
                                   uint64_t *wait_ms)
{
    enum limits_result result = take_sender(l, e, wait_ms);

    if (result != LIMITS_OK || take_wrapped(l, e, wait_ms))
        return result;
    if (e->tier != TIER_ADMIN) {
        limiter_refund(l->limiter, budgets[e->tier].key, bytes_of(&e->sender), 1);
        limiter_refund(l->limiter, budgets[e->tier].all, SLICE(""), 1);
    }
    return LIMITS_RECIPIENT;
}

enum limits_result limits_take_event(struct limits *l, const struct limits_event *event,
                                     uint32_t *wait_seconds)
{
    const enum budget used_up[] = {[LIMITS_PUBKEY] = budgets[event->tier].key,
                                   [LIMITS_TIER] = budgets[event->tier].all,
                                   [LIMITS_RECIPIENT] = WRAPS_RECIPIENT};
    enum limits_result result;
    uint64_t wait_ms = 0;
    bool told;

    if (!l)
        return LIMITS_OK;
    told = enter(l);
    result = take_all(l, event, &wait_ms);
    if (result != LIMITS_OK)
        metric_add(M_RATE_LIMITED, used_up[result], 1);
    leave(l, told);
    *wait_seconds = seconds(wait_ms);
    return result;
}

/* ---- life ---- */

static void read_settings(struct limits *l, const struct config *cfg)
{
    l->target = (struct redis_target){.host = cfg->shared.redis_host,
                                      .port = (int)cfg->shared.redis_port,
                                      .password = cfg->shared.redis_password,
                                      .connect_ms = CONNECT_MS,
                                      .command_ms = COMMAND_MS};
    l->classes[KEY_TRUSTED] =
        (struct limit_class){"key_trusted", cfg->limit_key_trusted, MINUTE_MS};
    l->classes[KEY_KNOWN] = (struct limit_class){"key_known", cfg->limit_key_known, MINUTE_MS};
    l->classes[KEY_GUEST] = (struct limit_class){"key_guest", cfg->limit_key_guest, MINUTE_MS};
    l->classes[ALL_TRUSTED] =
        (struct limit_class){"all_trusted", cfg->limit_all_trusted, MINUTE_MS};
    l->classes[ALL_KNOWN] = (struct limit_class){"all_known", cfg->limit_all_known, MINUTE_MS};
    l->classes[ALL_GUEST] = (struct limit_class){"all_guest", cfg->limit_all_guest, MINUTE_MS};
    l->classes[WRAPS_RECIPIENT] =
        (struct limit_class){"wraps_recipient", cfg->limit_wraps_recipient, HOUR_MS};
}

static void init_sync(struct limits *l)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&l->wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&l->lock, NULL);
}

static void free_all(struct limits *l)
{
    pthread_cond_destroy(&l->wake);
    pthread_mutex_destroy(&l->lock);
    limiter_free(l->limiter);
    buf_deinit(&l->command);
    free(l);
}

enum err limits_start(const struct config *cfg, struct limits **out)
{
    struct limits *l;

    *out = NULL;
    if (!cfg->shared.rate_limits)
        return OK;
    l = calloc(1, sizeof *l);
    if (!l)
        return ERR_NOMEM;
    read_settings(l, cfg);
    backoff_init(&l->backoff, 100, 2000);
    buf_init(&l->command, COMMAND_CAP);
    init_sync(l);
    l->limiter = limiter_new(l->classes, BUDGETS, MAX_SUBJECTS);
    if (!l->limiter || pthread_create(&l->thread, NULL, run, l) != 0) {
        free_all(l);
        return ERR_NOMEM;
    }
    *out = l;
    return OK;
}

void limits_stop(struct limits *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->lock);
    l->stopping = true;
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
    pthread_join(l->thread, NULL);
    if (l->redis)
        redisFree(l->redis);
    free_all(l);
}
