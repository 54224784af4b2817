#include "trust/trust_builder.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "access/access.h"
#include "base/clock.h"
#include "base/hex.h"
#include "config.h"
#include "metrics.h"
#include "nostr/kind.h"
#include "ops/log.h"
#include "trust/crawl_job.h"
#include "trust/graph.h"
#include "trust/trust_store.h"

enum {
    TURN_MS = 1000,
    CANDIDATE_MS = 15000, /* how often a handler that does not lead tries to */
    STEP_EVENTS = 200,    /* lists taken over at a time */
    SHRINK_LEAST = 20,    /* people; a smaller circle may shrink as it likes */
    SHRINK_PERCENT = 30,
    LOCK_KEY = 0x746e6477, /* of the advisory lock */
    MINUTE_MS = 60000,
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
    struct graph *graph;         /* while leading */
    struct trust_table *current; /* what was published last */
    uint64_t lists_version;      /* of the moderation lists it was computed with */
    struct buf mutes;            /* the admins' */
    struct crawl_job *crawl;
    bool forced; /* the rebuild that waits for the crawl */
    const char *reason;
    struct relay_health *health;
    struct arena arena;
};

/* ---- leading ---- */

static void resign(struct trust_builder *b)
{
    if (b->leading)
        log_info("trust", "no longer building the web of trust", "");
    b->leading = false;
    crawl_job_free(b->crawl);
    b->crawl = NULL;
    graph_free(b->graph);
    b->graph = NULL;
    trust_table_free(b->current);
    b->current = NULL;
}

static bool try_lock(struct trust_builder *b)
{
    struct db_params p;
    PGresult *r;
    bool got;

    db_params_init(&p);
    db_param_int8(&p, LOCK_KEY);
    if (db_exec(&b->db, "wot_lock", "SELECT pg_try_advisory_lock($1)", &p, &r) != OK) {
        db_params_reset(&p);
        return false;
    }
    db_params_reset(&p);
    got = db_get_bool(r, 0, 0);
    PQclear(r);
    return got;
}

static bool is_admin(const struct access_view *view, const struct pubkey *pk)
{
    return key_set_has_pubkey(view->admins, pk);
}

static bool add_list(const struct trust_list *list, void *ctx)
{
    struct trust_builder *b = ctx;

    if (list->kind == KIND_FOLLOWS)
        return graph_set_list(b->graph, &list->author, (const uint8_t *)list->keys.ptr,
                              list->keys.len / 32);
    return true;
}

static bool add_mutes(const struct trust_list *list, void *ctx)
{
    struct trust_builder *b = ctx;
    struct access_view *view = access_acquire(b->access);

    if (list->kind == KIND_MUTES && is_admin(view, &list->author))
        buf_add_slice(&b->mutes, list->keys);
    access_release(view);
    return !b->mutes.failed;
}

static bool add_any(const struct trust_list *list, void *ctx)
{
    return add_list(list, ctx) && add_mutes(list, ctx);
}

/* All lists into a graph that is new. */
static enum err load_graph(struct trust_builder *b)
{
    enum err err;

    graph_free(b->graph);
    buf_reset(&b->mutes);
    b->graph = graph_new();
    err = b->graph ? trust_store_each_list(&b->db, add_any, b) : ERR_NOMEM;
    if (!err && !graph_set_mutes(b->graph, (const uint8_t *)b->mutes.ptr, b->mutes.len / 32))
        err = ERR_NOMEM;
    return err;
}

static enum err load_current(struct trust_builder *b)
{
    uint64_t generation;
    enum err err = trust_store_newest(&b->db, &generation);

    trust_table_free(b->current);
    b->current = NULL;
    if (!err && generation > 0)
        err = trust_store_load(&b->db, generation, &b->current);
    if (!err && !b->current && !(b->current = trust_table_new(0)))
        err = ERR_NOMEM;
    return err;
}

/* A restart is no reason to ask other relays again. */
static uint64_t time_to_rebuild_ms(const struct trust_builder *b)
{
    int64_t age_ms = (clock_unix() - b->current->finished_unix) * 1000;
    int64_t period_ms = b->cfg->wot_refresh_minutes * MINUTE_MS;

    if (b->current->generation == 0 || age_ms < 0 || age_ms >= period_ms)
        return 0;
    return (uint64_t)(period_ms - age_ms);
}

static void become_leader(struct trust_builder *b)
{
    if (!try_lock(b))
        return;
    b->session = b->db.generation;
    b->leading = true;
    log_info("trust", "building the web of trust", "");
    if (load_current(b) != OK || load_graph(b) != OK)
        resign(b);
    else
        b->rebuild_ms = clock_mono_ms() + time_to_rebuild_ms(b);
}

/* ---- publishing ---- */

static size_t count_trusted(const struct trust_table *t)
{
    size_t n = 0;

    for (size_t i = 0; i < t->n; i++)
        n += t->entry[i].trusted;
    return n;
}

/* Those trusted in a and not in b. */
static size_t count_missing(const struct trust_table *a, const struct trust_table *b)
{
    size_t n = 0;

    for (size_t i = 0; i < a->n; i++) {
        const struct trust_entry *e =
            a->entry[i].trusted ? trust_table_find(b, &a->entry[i].pubkey) : NULL;

        n += a->entry[i].trusted && !(e && e->trusted);
    }
    return n;
}

static bool is_same(const struct trust_table *a, const struct trust_table *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        const struct trust_entry *x = &a->entry[i], *y = trust_table_find(b, &x->pubkey);

        if (!y || x->level != y->level || x->trusted != y->trusted || x->muted != y->muted ||
            x->followers != y->followers)
            return false;
    }
    return true;
}

static bool has_level_one(const struct trust_table *t)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->entry[i].trusted && t->entry[i].level == 1)
            return true;
    }
    return false;
}

/* Why the result had better not be believed; NULL when all is well. */
static const char *find_fault(const struct trust_table *old, const struct trust_table *fresh)
{
    size_t before = count_trusted(old);

    if (old->generation == 0)
        return NULL;
    if (has_level_one(old) && !has_level_one(fresh))
        return "no admin follows anybody any more";
    if (before >= SHRINK_LEAST &&
        (before - count_missing(old, fresh)) * 100 < before * (100 - SHRINK_PERCENT))
        return "it lost more than 30 % of its people";
    return NULL;
}

static void count_change(const struct trust_generation *gen)
{
    if (gen->refused) {
        metric_add(M_WOT_REFUSED, 0, 1);
        log_error("trust",
                  "the new web of trust is not published: relayctl wot rebuild force would do it",
                  "why=\"%s\" trusted=%zu added=%zu removed=%zu", gen->refused, gen->trusted,
                  gen->added, gen->removed);
        return;
    }
    metric_add(M_WOT_CHANGES, WOT_METRIC_ADDED, (int64_t)gen->added);
    metric_add(M_WOT_CHANGES, WOT_METRIC_REMOVED, (int64_t)gen->removed);
    log_info("trust", "published",
             "generation=%llu reason=\"%s\" trusted=%zu added=%zu removed=%zu ms=%llu",
             (unsigned long long)gen->generation, gen->reason, gen->trusted, gen->added,
             gen->removed, (unsigned long long)gen->milliseconds);
}

static struct trust_table *compute(struct trust_builder *b)
{
    const struct graph_params params = {.depth = (unsigned)b->cfg->wot_depth,
                                        .min_followers = (unsigned)b->cfg->wot_min_followers,
                                        .max_follows = (size_t)b->cfg->wot_max_follows};
    struct access_view *view = access_acquire(b->access);
    struct trust_table *t =
        graph_compute(b->graph, view->admins, &view->lists->banned, &params, b->current);

    b->lists_version = view->lists->version;
    access_release(view);
    return t;
}

/* Computes, guards and publishes. Nothing is written when nothing has changed, unless it was asked
 * for by the schedule or by somebody. */
static enum err publish(struct trust_builder *b, const char *reason, bool always, bool forced)
{
    uint64_t start = clock_mono_us();
    struct trust_table *fresh = compute(b);
    struct trust_generation gen = {.reason = reason, .made_at = clock_unix()};
    enum err err;

    if (!fresh)
        return ERR_NOMEM;
    if (!always && is_same(b->current, fresh)) {
        trust_table_free(fresh);
        return OK;
    }
    gen.trusted = count_trusted(fresh);
    gen.added = count_missing(fresh, b->current);
    gen.removed = count_missing(b->current, fresh);
    gen.refused = forced ? NULL : find_fault(b->current, fresh);
    gen.milliseconds = (clock_mono_us() - start) / 1000;
    err = trust_store_publish(&b->db, fresh, &gen);
    metric_observe(M_WOT_BUILD_SECONDS, 0, clock_mono_us() - start);
    if (!err)
        count_change(&gen);
    if (err || gen.refused) {
        trust_table_free(fresh);
        return err;
    }
    fresh->generation = gen.generation;
    fresh->finished_unix = gen.made_at;
    trust_table_free(b->current);
    b->current = fresh;
    return OK;
}

/* ---- lists that arrive ---- */

struct intake { /* a step of them */
    struct trust_builder *b;
    struct access_view *view;
    struct trust_list list[STEP_EVENTS];
    size_t n;
    bool relevant; /* somebody of the circle is among them */
    bool mutes;
    bool stored;
    enum err err;
};

static bool vouches(const struct trust_builder *b, const struct access_view *view,
                    const struct pubkey *author)
{
    const struct trust_entry *e = trust_table_find(b->current, author);

    return is_admin(view, author) || (e && e->trusted && e->level < b->cfg->wot_depth);
}

static void warn_of(const struct trust_list *list, enum trust_list_change change)
{
    char prefix[HEX_PREFIX_DIGITS + 1];

    metric_add(M_WOT_LISTS, change == TRUST_LIST_HELD ? WOT_METRIC_HELD : WOT_METRIC_CAPPED, 1);
    log_warn("trust",
             change == TRUST_LIST_HELD
                 ? "a list lost nine tenths: the one before counts until it is confirmed"
                 : "a list names more new people than one may in a day",
             "author=%s kind=%d", hex_prefix(list->author.b, prefix), list->kind);
}

static void enter_list(struct intake *in, const struct trust_list *list)
{
    struct trust_builder *b = in->b;

    in->list[in->n++] = *list;
    in->mutes |= list->kind == KIND_MUTES && is_admin(in->view, &list->author);
    in->relevant |= vouches(b, in->view, &list->author);
    if (list->kind == KIND_FOLLOWS &&
        !graph_set_list(b->graph, &list->author, (const uint8_t *)list->keys.ptr,
                        list->keys.len / 32))
        in->err = ERR_NOMEM;
}

static void take_event(struct slice json, void *ctx)
{
    static const struct event_limits limits = {
        .max_event_bytes = 16 * MIB, .max_tags = 100000, .max_content_chars = 16 * MIB};
    struct intake *in = ctx;
    struct trust_builder *b = in->b;
    struct trust_list old, list;
    enum trust_list_change change;
    struct trust_list_rules rules;
    const char *error;
    struct event ev;
    bool has_id, found = false;

    if (in->err || in->n == STEP_EVENTS ||
        !event_parse(json, &limits, &b->arena, &ev, &has_id, &error))
        return;
    rules = (struct trust_list_rules){clock_unix(), is_admin(in->view, &ev.pubkey),
                                      (unsigned)b->cfg->wot_max_new_vouches};
    in->err = trust_store_find_list(&b->db, &ev.pubkey, ev.kind, &b->arena, &old, &found);
    if (in->err)
        return;
    change = trust_list_apply(found ? &old : NULL, &ev, &rules, &b->arena, &list);
    list.stored = in->stored;
    if (change == TRUST_LIST_NOMEM)
        in->err = ERR_NOMEM;
    if (change == TRUST_LIST_HELD || change == TRUST_LIST_CAPPED)
        warn_of(&list, change);
    if (change != TRUST_LIST_OLD && !in->err)
        enter_list(in, &list);
}

/* One row can change only once in a statement: of two versions in one step the later is kept. */
static void drop_doubles(struct intake *in)
{
    size_t kept = 0;

    for (size_t i = 0; i < in->n; i++) {
        bool again = false;

        for (size_t j = i + 1; j < in->n && !again; j++)
            again = in->list[i].kind == in->list[j].kind &&
                    pubkey_eq(&in->list[i].author, &in->list[j].author);
        if (!again)
            in->list[kept++] = in->list[i];
    }
    in->n = kept;
}

static void begin_intake(struct trust_builder *b, struct intake *in, bool stored)
{
    *in = (struct intake){.b = b, .stored = stored, .view = access_acquire(b->access)};
    arena_reset(&b->arena);
}

/* Writes what the step has taken in. seq as in trust_store_put_lists(). */
static enum err end_intake(struct intake *in, uint64_t seq)
{
    drop_doubles(in);
    if (!in->err && (in->n > 0 || seq > 0))
        in->err = trust_store_put_lists(&in->b->db, in->list, in->n, seq);
    access_release(in->view);
    return in->err;
}

/* The next stored lists that have not been seen; *more: there may be others behind them. */
static enum err take_stored(struct trust_builder *b, const struct trust_news *news, bool *relevant,
                            bool *mutes, bool *more)
{
    static struct intake in; /* there is one builder in a process */
    PGresult *rows;
    uint64_t seq = news->head;
    int n;
    enum err err = trust_store_new_events(&b->db, news->seen, STEP_EVENTS, &rows);

    if (err)
        return err;
    n = PQntuples(rows);
    *more = n == STEP_EVENTS;
    begin_intake(b, &in, true);
    for (int i = 0; i < n; i++) {
        struct trust_event e = trust_store_event(rows, i);

        take_event(e.json, &in);
        if (*more)
            seq = e.seq;
    }
    err = end_intake(&in, n > 0 ? seq : 0);
    PQclear(rows);
    *relevant |= in.relevant;
    *mutes |= in.mutes;
    return err;
}

/* All stored lists that are new. */
static enum err catch_up(struct trust_builder *b, struct trust_news *news, bool *relevant)
{
    bool more = true, mutes = false;
    enum err err = OK;

    while (!err && more) {
        err = take_stored(b, news, relevant, &mutes, &more);
        if (!err && more)
            err = trust_store_news(&b->db, news);
    }
    if (!err && mutes)
        err = load_graph(b);
    return err;
}

/* ---- rebuilding ---- */

static bool wants_crawl(const struct trust_builder *b)
{
    return b->cfg->wot_seed_relays[0] != '\0';
}

/* Those whose lists count: the admins, and the circle up to the depth. NULL without memory. */
static struct pubkey *circle_authors(struct trust_builder *b, size_t *n)
{
    struct access_view *view = access_acquire(b->access);
    struct trust_table *t = compute(b);
    struct pubkey *authors = t ? malloc((t->n + view->admins->n + 1) * sizeof *authors) : NULL;

    *n = 0;
    for (size_t i = 0; authors && i < t->n; i++) {
        if (t->entry[i].trusted && t->entry[i].level < b->cfg->wot_depth)
            authors[(*n)++] = t->entry[i].pubkey;
    }
    trust_table_free(t);
    access_release(view);
    return authors;
}

static void start_crawl(struct trust_builder *b, bool impatient)
{
    size_t n;
    struct pubkey *authors = circle_authors(b, &n);

    if (authors && n > 0)
        b->crawl = crawl_job_start(b->cfg, authors, n, impatient, b->health);
    free(authors);
}

struct crawled {
    struct trust_builder *b;
    struct intake *in;
    enum err err;
};

static void take_crawled(struct slice json, void *ctx)
{
    struct crawled *c = ctx;

    if (c->err)
        return;
    take_event(json, c->in);
    c->err = c->in->err;
    if (!c->err && c->in->n < STEP_EVENTS)
        return;
    c->err = end_intake(c->in, 0);
    begin_intake(c->b, c->in, false);
}

/* The crawl is over: what it brought counts, and the circle may have grown a level. */
static enum err end_crawl(struct trust_builder *b)
{
    static struct intake in;
    struct crawled c = {b, &in, OK};
    enum err err;

    begin_intake(b, &in, false);
    crawl_job_each(b->crawl, take_crawled, &c);
    err = end_intake(&in, 0);
    crawl_job_free(b->crawl);
    b->crawl = NULL;
    if (c.err)
        err = c.err;
    if (!err)
        err = load_graph(b);
    return err ? err : publish(b, b->reason, true, b->forced);
}

static enum err rebuild(struct trust_builder *b, struct trust_news *news)
{
    bool relevant = false, removed;
    enum err err = OK;

    b->reason = news->requested ? "request" : "schedule";
    b->forced = news->requested && news->forced;
    if (news->requested)
        err = trust_store_take_requests(&b->db);
    if (!err && b->forced)
        err = trust_store_confirm_held(&b->db);
    if (!err)
        err = catch_up(b, news, &relevant);
    if (!err)
        err = trust_store_forget_deleted(&b->db, &removed);
    if (!err)
        err = load_graph(b);
    if (err)
        return err;
    b->rebuild_ms = clock_mono_ms() + (uint64_t)b->cfg->wot_refresh_minutes * MINUTE_MS;
    if (!wants_crawl(b))
        return publish(b, b->reason, true, b->forced);
    err = publish(b, b->reason, false, b->forced); /* what is known already helps at once */
    if (!err)
        start_crawl(b, news->requested);
    return err;
}

/* ---- the thread ---- */

static bool lists_changed(struct trust_builder *b)
{
    struct access_view *view = access_acquire(b->access);
    bool changed = view->lists->version != b->lists_version;

    access_release(view);
    return changed;
}

static enum err lead(struct trust_builder *b)
{
    struct trust_news news;
    bool relevant = false;
    enum err err = trust_store_news(&b->db, &news);

    if (err)
        return err;
    if (b->crawl && crawl_job_is_done(b->crawl))
        return end_crawl(b);
    if (!b->crawl && (news.requested || clock_mono_ms() >= b->rebuild_ms))
        return rebuild(b, &news);
    if (news.seen < news.head)
        err = catch_up(b, &news, &relevant);
    if (!err && (relevant || lists_changed(b)))
        err = publish(b, "a list of the circle", false, false);
    return err;
}

static void turn(struct trust_builder *b)
{
    uint64_t now = clock_mono_ms();

    if (b->leading && (!b->db.conn || b->db.generation != b->session))
        resign(b); /* the lock went with the connection */
    if (!b->leading && now >= b->candidate_ms) {
        b->candidate_ms = now + CANDIDATE_MS;
        if (db_ready(&b->db) == OK)
            become_leader(b);
    }
    if (b->leading && lead(b) == ERR_NOMEM)
        log_error("trust", "not enough memory for the web of trust", "");
}

static bool wait_turn(struct trust_builder *b)
{
    struct pollfd stop = {.fd = b->stop_fd, .events = POLLIN};

    return poll(&stop, 1, TURN_MS) == 0;
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

struct trust_builder *trust_builder_start(const struct config *cfg, struct access *access)
{
    struct trust_builder *b = calloc(1, sizeof *b);

    if (!b)
        return NULL;
    b->cfg = cfg;
    b->access = access;
    b->target = config_write_target(cfg, "trust");
    db_init(&b->db, &b->target, NULL);
    buf_init(&b->mutes, 64 * MIB);
    arena_init(&b->arena, 512 * MIB);
    b->health = relay_health_new();
    b->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (b->health && b->stop_fd >= 0 && pthread_create(&b->thread, NULL, run, b) == 0)
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
    buf_deinit(&b->mutes);
    arena_deinit(&b->arena);
    db_deinit(&b->db);
    if (b->stop_fd >= 0)
        close(b->stop_fd);
    free(b);
}
