#include "trust/trust_builder.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "access/access.h"
#include "base/clock.h"
#include "config.h"
#include "metrics.h"
#include "ops/log.h"
#include "trust/crawl_job.h"
#include "trust/guard.h"
#include "trust/intake.h"
#include "trust/trust_store.h"

enum {
    TURN_MS = 500,
    CANDIDATE_MS = 2000,   /* how often a handler that does not lead tries to */
    LOCK_KEY = 0x746e6477, /* of the advisory lock */
    MINUTE_MS = 60000,
    RETRY_MINUTES = 5, /* after a crawl that no relay answered */
    RETRY_MS = 5000,   /* after an error of the database that it survives */
    PACE = 10,         /* of so many parts of the time at most one goes into publishing */
};

struct trust_builder {
    const struct config *cfg;
    struct access *access;
    pthread_t thread;
    int stop_fd;
    /* The thread's own. */
    struct db db;
    struct db_target target;
    bool leading;
    uint64_t session; /* of the connection that holds the lock */
    uint64_t candidate_ms, rebuild_ms;
    uint64_t retry_ms, publish_ms; /* nothing, and nothing new to publish, before that */
    struct trust_circle circle;    /* while leading */
    struct intake *intake;
    bool changed;      /* a list that counts, since the last result */
    const char *fault; /* why the last result was refused; NULL: it was not */
    struct relay_health *health;
    /* A rebuild with other relays' lists, from its beginning until it is published. */
    struct crawl_job *crawl; /* the round under way; NULL: none */
    struct key_set asked_of; /* whose lists other relays were asked for, in all rounds */
    const char *reason;
    bool requested, forced;
    bool hurries; /* there is more to do at once */
};

/* ---- leading ---- */

static void end_crawl(struct trust_builder *b)
{
    crawl_job_free(b->crawl);
    b->crawl = NULL;
    key_set_deinit(&b->asked_of);
}

static void resign(struct trust_builder *b)
{
    if (b->leading)
        log_info("trust", "no longer building the web of trust", "");
    b->leading = b->hurries = b->changed = false;
    b->fault = NULL;
    end_crawl(b);
    trust_circle_close(&b->circle);
}

static bool try_lock(struct trust_builder *b)
{
    struct db_params p;
    PGresult *r;
    enum err err;
    bool got;

    db_params_init(&p);
    db_param_int8(&p, LOCK_KEY);
    err = db_exec(&b->db, "wot_lock", "SELECT pg_try_advisory_lock($1)", &p, &r);
    db_params_reset(&p);
    if (err)
        return false;
    got = db_get_bool(r, 0, 0);
    PQclear(r);
    return got;
}

/* A restart is no reason to ask other relays again. */
static enum err find_time_to_rebuild(struct trust_builder *b)
{
    int64_t period_ms = b->cfg->wot_refresh_minutes * MINUTE_MS, age_ms, last;
    enum err err = trust_store_last_rebuild(&b->db, &last);

    if (err)
        return err;
    age_ms = (clock_unix() - last) * 1000;
    b->rebuild_ms = clock_mono_ms();
    if (b->circle.current->generation > 0 && age_ms >= 0 && age_ms < period_ms)
        b->rebuild_ms += (uint64_t)(period_ms - age_ms);
    return OK;
}

static void become_leader(struct trust_builder *b)
{
    if (!try_lock(b))
        return;
    b->session = b->db.generation;
    if (trust_circle_open(&b->circle, b->cfg, b->access, &b->db) != OK ||
        find_time_to_rebuild(b) != OK) {
        trust_circle_close(&b->circle);
        db_drop(&b->db); /* and the lock with it: another may have more luck */
        return;
    }
    b->leading = true;
    b->retry_ms = b->publish_ms = 0;
    log_info("trust", "building the web of trust", "");
}

/* ---- publishing ---- */

static void tell(const struct trust_table *t, const struct trust_generation *gen)
{
    if (gen->refused) {
        metric_add(M_WOT_REFUSED, 0, 1);
        log_error("trust",
                  "the new web of trust is not published: relayctl wot rebuild force would do it",
                  "why=\"%s\" trusted=%zu added=%zu removed=%zu", gen->refused, t->n_trusted,
                  gen->added, gen->removed);
        return;
    }
    metric_add(M_WOT_CHANGES, WOT_METRIC_ADDED, (int64_t)gen->added);
    metric_add(M_WOT_CHANGES, WOT_METRIC_REMOVED, (int64_t)gen->removed);
    log_info("trust", "published",
             "generation=%llu reason=\"%s\" trusted=%zu added=%zu removed=%zu ms=%llu",
             (unsigned long long)gen->generation, gen->reason, t->n_trusted, gen->added,
             gen->removed, (unsigned long long)gen->milliseconds);
}

/* Writes fresh as a generation, and takes it over if it is published. */
static enum err put_forward(struct trust_builder *b, struct trust_table *fresh,
                            struct trust_generation *gen)
{
    enum err err = trust_store_publish(&b->db, fresh, gen);

    if (!err)
        tell(fresh, gen);
    if (err || gen->refused) {
        trust_table_free(fresh);
        return err;
    }
    fresh->generation = gen->generation;
    fresh->finished_unix = gen->made_at;
    trust_circle_adopt(&b->circle, fresh);
    return OK;
}

/* Is there anything to say? A refusal is said once, then only by a rebuild. */
static bool is_news(struct trust_builder *b, const struct trust_table *fresh, const char *fault)
{
    bool again = fault && fault == b->fault;

    b->fault = fault;
    return !again && !guard_same(b->circle.current, fresh);
}

/* Computes, guards and publishes; always: though nothing may have changed. */
static enum err make_generation(struct trust_builder *b, const char *reason, bool always,
                                bool forced)
{
    struct trust_generation gen = {.reason = reason, .made_at = clock_unix()};
    const struct trust_table *current = b->circle.current;
    uint64_t start = clock_mono_us();
    struct trust_table *fresh;
    enum err err = trust_circle_compute(&b->circle, &b->db, &fresh);

    if (err)
        return err;
    gen.refused = forced ? NULL : guard_fault(current, fresh);
    if (!is_news(b, fresh, gen.refused) && !always) {
        trust_table_free(fresh);
        return OK;
    }
    gen.added = guard_missing(fresh, current);
    gen.removed = guard_missing(current, fresh);
    gen.milliseconds = (clock_mono_us() - start) / 1000;
    err = put_forward(b, fresh, &gen);
    metric_observe(M_WOT_BUILD_SECONDS, 0, clock_mono_us() - start);
    return err;
}

/* A generation is written whole, so one person who follows and unfollows must not bring one each
 * time. */
static enum err publish(struct trust_builder *b, const char *reason, bool always, bool forced)
{
    uint64_t start = clock_mono_ms(), end;
    enum err err = make_generation(b, reason, always, forced);

    end = clock_mono_ms();
    b->publish_ms = end + PACE * (end - start);
    b->changed = b->changed && err;
    return err;
}

/* ---- other relays ---- */

/* Those whose lists count and have not been asked for in this rebuild, noted as asked for. */
static enum err choose_authors(struct trust_builder *b, struct pubkey **authors, size_t *n)
{
    struct trust_table *t;
    enum err err = trust_circle_compute(&b->circle, &b->db, &t);

    *n = 0;
    *authors = NULL;
    if (err)
        return err;
    *authors = malloc((t->n_trusted + 1) * sizeof **authors);
    if (!*authors)
        err = ERR_NOMEM;
    for (size_t i = 0; !err && i < t->n; i++) {
        const struct trust_entry *e = &t->entry[i];

        if (trust_circle_vouches(&b->circle, e) && !key_set_has_pubkey(&b->asked_of, &e->pubkey))
            (*authors)[(*n)++] = e->pubkey;
    }
    for (size_t i = 0; !err && i < *n; i++) {
        if (!key_set_add(&b->asked_of, (*authors)[i].b))
            err = ERR_NOMEM;
    }
    key_set_seal(&b->asked_of);
    trust_table_free(t);
    return err;
}

/* *begun is false when everybody has been asked for. */
static enum err begin_round(struct trust_builder *b, bool *begun)
{
    struct pubkey *authors;
    size_t n;
    enum err err = choose_authors(b, &authors, &n);

    if (!err && n > 0) {
        b->crawl = crawl_job_start(b->cfg, authors, n, b->requested, b->health);
        if (!b->crawl)
            err = ERR_NOMEM;
    }
    *begun = b->crawl != NULL;
    free(authors);
    return err;
}

/* One round brings the lists of those who count; then those whom these let in count too. */
static enum err end_round(struct trust_builder *b)
{
    bool answered = crawl_job_was_answered(b->crawl), begun = false;
    enum err err;

    crawl_job_free(b->crawl);
    b->crawl = NULL;
    b->changed = true;
    err = publish(b, b->reason, true, b->forced);
    if (!err && answered)
        err = begin_round(b, &begun);
    if (!begun)
        end_crawl(b);
    if (!answered && b->cfg->wot_refresh_minutes > RETRY_MINUTES)
        b->rebuild_ms = clock_mono_ms() + RETRY_MINUTES * MINUTE_MS;
    return err;
}

static enum err go_on_crawling(struct trust_builder *b)
{
    bool is_over = crawl_job_is_done(b->crawl), more;
    enum err err = intake_crawled(b->intake, &b->db, b->crawl, &more);

    b->hurries = more;
    return !err && is_over && !more ? end_round(b) : err;
}

/* ---- turns ---- */

/* Everything anew, with other relays' lists if there are any to ask. A request while they are asked
 * already does not begin that again. */
static enum err rebuild(struct trust_builder *b, struct trust_news *news)
{
    bool crawls = b->cfg->wot_seed_relays[0] != '\0', relevant = false, begun;
    enum err err;

    b->requested = news->request > 0;
    b->forced = (b->requested && news->forced) || (b->crawl && b->forced);
    b->reason = b->requested ? TRUST_REASON_REQUEST : TRUST_REASON_SCHEDULE;
    err = intake_stored(b->intake, &b->db, news, &relevant);
    if (!err)
        err = intake_ripen(b->intake, &b->db, b->forced);
    if (!err)
        err = trust_store_empty_deleted(&b->db);
    if (!err && !trust_circle_forget_lists(&b->circle))
        err = ERR_NOMEM;
    if (!err) /* what is known already helps at once */
        err = publish(b, b->reason, !crawls, b->forced);
    if (!err && b->requested)
        err = trust_store_end_requests(&b->db, news->request);
    if (!err)
        b->rebuild_ms = clock_mono_ms() + (uint64_t)b->cfg->wot_refresh_minutes * MINUTE_MS;
    return !err && crawls && !b->crawl ? begin_round(b, &begun) : err;
}

static bool is_rebuild_due(const struct trust_builder *b, const struct trust_news *news)
{
    return news->request > 0 || (!b->crawl && clock_mono_ms() >= b->rebuild_ms);
}

static enum err lead(struct trust_builder *b)
{
    bool waits = clock_mono_ms() < b->publish_ms;
    struct trust_news news;
    enum err err = trust_store_news(&b->db, &news);

    b->hurries = false;
    if (err)
        return err;
    if (!waits && is_rebuild_due(b, &news))
        return rebuild(b, &news);
    if (news.seen < news.head)
        err = intake_stored(b->intake, &b->db, &news, &b->changed);
    if (!err && !waits && b->changed)
        err = publish(b, "a list of the circle", false, false);
    else if (!err && !waits && trust_circle_is_stale(&b->circle))
        err = publish(b, "moderation", false, false);
    return !err && b->crawl ? go_on_crawling(b) : err;
}

static void turn(struct trust_builder *b)
{
    uint64_t now = clock_mono_ms();
    enum err err;

    if (b->leading && (!b->db.conn || b->db.generation != b->session))
        resign(b); /* the lock went with the connection */
    if (!b->leading && now >= b->candidate_ms) {
        b->candidate_ms = now + CANDIDATE_MS;
        if (db_ready(&b->db) == OK)
            become_leader(b);
    }
    if (b->leading && now >= b->retry_ms && (err = lead(b)) != OK) {
        b->retry_ms = clock_mono_ms() + RETRY_MS;
        b->hurries = false;
        if (err == ERR_NOMEM)
            log_error("trust", "not enough memory for the web of trust", "");
    }
}

static bool wait_turn(struct trust_builder *b)
{
    struct pollfd stop = {.fd = b->stop_fd, .events = POLLIN};

    return poll(&stop, 1, b->hurries ? 0 : TURN_MS) == 0;
}

static void *run(void *arg)
{
    struct trust_builder *b = arg;

    do
        turn(b);
    while (wait_turn(b));
    resign(b);
    return NULL;
}

/* ---- life ---- */

struct trust_builder *trust_builder_start(const struct config *cfg, struct access *access)
{
    struct trust_builder *b = calloc(1, sizeof *b);

    if (!b)
        return NULL;
    b->cfg = cfg;
    b->access = access;
    b->target = config_write_target(cfg, "trust");
    db_init(&b->db, &b->target, NULL);
    b->intake = intake_new(cfg, access, &b->circle);
    b->health = relay_health_new();
    b->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (b->intake && b->health && b->stop_fd >= 0 && pthread_create(&b->thread, NULL, run, b) == 0)
        return b;
    trust_builder_free(b);
    return NULL;
}

bool trust_builder_stop(struct trust_builder *b, uint64_t deadline_ms)
{
    struct timespec until;

    if (!b)
        return true;
    eventfd_write(b->stop_fd, 1);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)(deadline_ms / 1000) + 1;
    return pthread_timedjoin_np(b->thread, NULL, &until) == 0;
}

void trust_builder_free(struct trust_builder *b)
{
    if (!b)
        return;
    relay_health_free(b->health);
    intake_free(b->intake);
    db_deinit(&b->db);
    if (b->stop_fd >= 0)
        close(b->stop_fd);
    free(b);
}
