#include "limit/limits.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/hex.h"
#include "config.h"
#include "limit/census.h"
#include "limit/limiter.h"
#include "live/redis_link.h"
#include "metrics.h"
#include "ops/log.h"

enum {
    MAX_SUBJECTS = 65536, /* about 10 MB when all are there */
    MINUTE_MS = 60000,
    TICK_MS = 1000,
    RENEW_TICKS = COUNT_TTL_MS / TICK_MS / 3,
    HOLD_MS = 1000, /* after an error reply */
    LOG_EVERY_MS = 60000,
    COMMAND_CAP = 256 * 1024,
};

enum batch_kind { BATCH_LEASES, BATCH_COUNTS };

struct limits {
    uv_loop_t *loop;
    const struct config *cfg;
    struct limit_class rates[LIMIT_RATES];
    struct census_class opens[LIMIT_OPENS];
    struct limiter *limiter;
    struct census *census;
    uv_timer_t tick;
    uv_prepare_t pump; /* active while there may be something to send */
    unsigned ticks, open_handles;
    struct log_gate gate;
    char process[LEASE_PROCESS_CHARS + 1]; /* our name in the counts */
    struct redis_link *link;
    bool up;
    uint64_t hold_until_ms;
    /* The one batch that may be under way. */
    bool busy;
    enum batch_kind kind, last;
    size_t n;
    struct lease batch[LEASE_BATCH];
    struct buf command;
};

/* ---- talking to Redis ---- */

static void on_pump(uv_prepare_t *pump);

/* Something may have come up to be sent, at the end of the turn. */
static void poke(struct limits *l)
{
    if (l->up && !l->busy && (limiter_wants_lease(l->limiter) || census_wants_report(l->census)))
        uv_prepare_start(&l->pump, on_pump);
}

static void give_back(struct limits *l)
{
    if (!l->busy)
        return;
    l->busy = false;
    metric_add(M_LEASES, LEASE_METRIC_FAILED, 1);
    if (l->kind == BATCH_LEASES)
        limiter_give_back(l->limiter, l->batch, l->n);
    else
        census_give_back(l->census, l->batch, l->n);
}

static void refused_by_redis(struct limits *l, const redisReply *reply)
{
    bool said = reply->type == REDIS_REPLY_ERROR;
    uint32_t suppressed;
    char quoted[160];

    give_back(l);
    l->hold_until_ms = uv_now(l->loop) + HOLD_MS;
    metric_set(M_LIMITS_LOCAL, 0, 1);
    if (log_gate_open(&l->gate, LOG_EVERY_MS, &suppressed))
        log_warn("limits", "Redis refuses what limits need, each process holds them alone",
                 "why=%s suppressed=%u",
                 log_quote(said ? reply->str : "?", said ? strlen(reply->str) : 1, quoted,
                           sizeof quoted),
                 (unsigned)suppressed);
}

static void on_reply(redisAsyncContext *ac, void *reply, void *data)
{
    struct limits *l = redis_link_owner(ac);
    int64_t values[LEASE_BATCH];

    (void)data;
    if (!l || !l->busy)
        return;
    if (!reply) {
        give_back(l);
        return;
    }
    if (!lease_read_reply(reply, values, l->n)) {
        refused_by_redis(l, reply);
        return;
    }
    l->busy = false;
    metric_add(M_LEASES, LEASE_METRIC_DONE, 1);
    metric_set(M_LIMITS_LOCAL, 0, 0);
    if (l->kind == BATCH_LEASES)
        limiter_settle(l->limiter, l->batch, values, l->n, uv_now(l->loop));
    else
        census_settle(l->census, l->batch, values, l->n, uv_now(l->loop));
    poke(l);
}

/* Fills the batch: leases and counts take turns when there are both. */
static void collect(struct limits *l)
{
    bool leases = limiter_wants_lease(l->limiter), counts = census_wants_report(l->census);

    l->kind = leases && (!counts || l->last == BATCH_COUNTS) ? BATCH_LEASES : BATCH_COUNTS;
    l->last = l->kind;
    buf_reset(&l->command);
    if (l->kind == BATCH_LEASES) {
        l->n = limiter_collect(l->limiter, l->batch, LEASE_BATCH);
        lease_write_spent(&l->command, l->batch, l->n);
    } else {
        l->n = census_collect(l->census, l->batch, LEASE_BATCH);
        lease_write_counts(&l->command, l->process, l->batch, l->n);
    }
    l->busy = l->n > 0;
}

static void on_pump(uv_prepare_t *pump)
{
    struct limits *l = pump->data;
    redisAsyncContext *ac = redis_link_context(l->link);

    uv_prepare_stop(pump); /* a reply, a change or the tick starts it again */
    if (!l->up || l->busy || !ac || uv_now(l->loop) < l->hold_until_ms)
        return;
    collect(l);
    if (l->busy &&
        (l->command.failed || redisAsyncFormattedCommand(ac, on_reply, NULL, l->command.ptr,
                                                         l->command.len) != REDIS_OK))
        give_back(l);
}

static void on_pong(redisAsyncContext *ac, void *reply, void *data)
{
    struct limits *l = redis_link_owner(ac);
    const redisReply *r = reply;

    (void)data;
    if (!l || !r)
        return;
    if (r->type == REDIS_REPLY_ERROR) {
        redis_link_fail(l->link, r->str);
        return;
    }
    l->up = true;
    redis_link_up(l->link);
    metric_set(M_LIMITS_LOCAL, 0, 0);
    poke(l);
}

static void on_connected(struct redis_link *link, void *owner)
{
    (void)owner;
    redisAsyncCommand(redis_link_context(link), on_pong, NULL, "PING");
}

static void on_down(void *owner)
{
    struct limits *l = owner;

    l->up = false;
    give_back(l);
    metric_set(M_LIMITS_LOCAL, 0, 1);
}

static const struct redis_link_ops link_ops = {.connected = on_connected, .down = on_down};

static void on_tick(uv_timer_t *tick)
{
    struct limits *l = tick->data;

    limiter_expire(l->limiter, uv_now(l->loop));
    if (++l->ticks % RENEW_TICKS == 0)
        census_renew(l->census);
    metric_set(M_LIMIT_SUBJECTS, 0, (int64_t)limiter_subjects(l->limiter));
    poke(l);
}

/* ---- decisions ---- */

static bool is_about_key(enum limit_rate rate)
{
    return rate == LIMIT_KEY_QUERIES;
}

static struct slice bytes_of(const uint8_t *bytes, size_t n)
{
    return slice_of((const char *)bytes, n);
}

/* The subject, in *group if it is an address. */
static struct slice subject_for(enum limit_rate rate, const struct limit_who *who, struct ip *group)
{
    if (is_about_key(rate))
        return bytes_of(who->key->b, sizeof who->key->b);
    *group = ip_group(who->address);
    return bytes_of(group->b, sizeof group->b);
}

/* Does this rate not bind them? */
static bool is_free(const struct limits *l, enum limit_rate rate, const struct limit_who *who)
{
    return !l || who->tier == TIER_ADMIN || (is_about_key(rate) && !who->key);
}

static double weigh(const struct limits *l, const struct limit_who *who, double cost)
{
    return who->tier == TIER_TRUSTED ? cost / (double)l->cfg->limit_trust_factor : cost;
}

static uint32_t seconds(uint64_t ms)
{
    return (uint32_t)(ms / 1000 + 1);
}

bool limits_take(struct limits *l, enum limit_rate rate, const struct limit_who *who, double cost,
                 uint32_t *wait_seconds)
{
    uint64_t wait_ms = 0;
    struct ip group;
    bool taken;

    if (is_free(l, rate, who))
        return true;
    taken = limiter_take(l->limiter, rate, subject_for(rate, who, &group), weigh(l, who, cost),
                         uv_now(l->loop), &wait_ms);
    if (taken) {
        poke(l);
    } else {
        metric_add(M_RATE_LIMITED, rate, 1);
        *wait_seconds = seconds(wait_ms);
    }
    return taken;
}

bool limits_take_query(struct limits *l, const struct limit_who *who, double cost,
                       uint32_t *wait_seconds)
{
    struct ip group;

    if (!limits_take(l, LIMIT_IP_QUERIES, who, cost, wait_seconds))
        return false;
    if (limits_take(l, LIMIT_KEY_QUERIES, who, cost, wait_seconds))
        return true;
    limiter_refund(l->limiter, LIMIT_IP_QUERIES, subject_for(LIMIT_IP_QUERIES, who, &group),
                   weigh(l, who, cost));
    return false;
}

void limits_charge_query(struct limits *l, const struct limit_who *who, double cost)
{
    static const enum limit_rate both[] = {LIMIT_IP_QUERIES, LIMIT_KEY_QUERIES};

    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        struct ip group;

        if (is_free(l, both[i], who))
            continue;
        limiter_charge(l->limiter, both[i], subject_for(both[i], who, &group), weigh(l, who, cost),
                       uv_now(l->loop));
        poke(l);
    }
}

bool limits_enter(struct limits *l, enum limit_open open, const struct limit_who *who)
{
    struct ip group;
    struct slice subject;
    bool entered = true;

    if (!l)
        return true;
    group = ip_group(who->address);
    subject = bytes_of(group.b, sizeof group.b);
    if (who->tier == TIER_ADMIN || who->tier == TIER_TRUSTED)
        census_enter_freely(l->census, open, subject);
    else
        entered = census_enter(l->census, open, subject, uv_now(l->loop));
    if (!entered)
        metric_add(M_RATE_LIMITED, LIMIT_RATES + open, 1);
    poke(l);
    return entered;
}

void limits_leave(struct limits *l, enum limit_open open, const struct ip *address)
{
    struct ip group;

    if (!l)
        return;
    group = ip_group(address);
    census_leave(l->census, open, bytes_of(group.b, sizeof group.b));
    poke(l);
}

/* ---- life ---- */

static void read_settings(struct limits *l, const struct config *cfg)
{
    l->rates[LIMIT_IP_CONNECTS] = (struct limit_class){"connects", cfg->limit_connects, MINUTE_MS};
    l->rates[LIMIT_IP_EVENTS] = (struct limit_class){"events", cfg->limit_events, MINUTE_MS};
    l->rates[LIMIT_IP_BYTES] = (struct limit_class){"bytes", cfg->limit_bytes, MINUTE_MS};
    l->rates[LIMIT_IP_QUERIES] = (struct limit_class){"queries", cfg->limit_queries, MINUTE_MS};
    l->rates[LIMIT_KEY_QUERIES] =
        (struct limit_class){"key_queries", cfg->limit_key_queries, MINUTE_MS};
    l->opens[LIMIT_IP_CONNECTIONS] = (struct census_class){"connections", cfg->limit_connections};
    l->opens[LIMIT_IP_SUBSCRIPTIONS] =
        (struct census_class){"subscriptions", cfg->limit_subscriptions};
}

static void free_all(struct limits *l)
{
    limiter_free(l->limiter);
    census_free(l->census);
    buf_deinit(&l->command);
    free(l);
}

static bool make(struct limits *l)
{
    uint8_t name[LEASE_PROCESS_CHARS / 2];

    l->limiter = limiter_new(l->rates, LIMIT_RATES, MAX_SUBJECTS);
    l->census = census_new(l->opens, LIMIT_OPENS);
    buf_init(&l->command, COMMAND_CAP);
    if (!l->limiter || !l->census || getrandom(name, sizeof name, 0) != sizeof name)
        return false;
    hex_encode(name, sizeof name, l->process);
    return true;
}

static void start_handles(struct limits *l)
{
    l->open_handles = 2;
    uv_prepare_init(l->loop, &l->pump);
    uv_timer_init(l->loop, &l->tick);
    l->pump.data = l->tick.data = l;
    uv_timer_start(&l->tick, on_tick, TICK_MS, TICK_MS);
}

enum err limits_start(uv_loop_t *loop, const struct config *cfg, struct limits **out)
{
    const struct redis_link_options options = {
        .host = cfg->shared.redis_host,
        .port = (uint16_t)cfg->shared.redis_port,
        .password = cfg->shared.redis_password,
        .loss = "Redis is not available, each process holds the rate limits alone"};
    struct limits *l;

    *out = NULL;
    if (!cfg->shared.rate_limits)
        return OK;
    l = calloc(1, sizeof *l);
    if (l) {
        l->loop = loop;
        l->cfg = cfg;
        read_settings(l, cfg);
        if (make(l))
            l->link = redis_link_start(loop, &options, &link_ops, l);
    }
    if (!l || !l->link) {
        log_error("limits", "out of memory", "");
        if (l)
            free_all(l);
        return ERR_NOMEM;
    }
    metric_set(M_LIMITS_LOCAL, 0, 1);
    start_handles(l);
    *out = l;
    return OK;
}

static void on_closed(uv_handle_t *handle)
{
    struct limits *l = handle->data;

    if (--l->open_handles == 0)
        free_all(l);
}

void limits_stop(struct limits *l)
{
    if (!l)
        return;
    redis_link_stop(l->link);
    uv_close((uv_handle_t *)&l->pump, on_closed);
    uv_close((uv_handle_t *)&l->tick, on_closed);
}
