/*
 * Threads, and what passes between them (batch.h, pipeline.h):
 *
 *   HTTP threads   ingest_submit
 *   checkers       form, policy, signature (check.h); hand ephemeral events to the publisher
 *   writer         one transaction for all that waits (store/event_writer.h); hands committed
 * events to the publisher publisher      Redis (publish/publisher.h); decides ephemeral events
 *   plugins        the operator's own policy (plugin/plugin_pool.h), beside the ordered way: an
 * event that is with them holds nobody up maintenance    heartbeat, vanishing keys, expiry,
 * full-text index (maintenance.h)
 */
#include "ingest/ingest.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "access/access.h"
#include "access/control.h"
#include "base/clock.h"
#include "base/hex.h"
#include "config.h"
#include "ingest/check.h"
#include "ingest/maintenance.h"
#include "ingest/pipeline.h"
#include "ingest/splitter.h"
#include "metrics.h"
#include "nostr/kind.h"
#include "ops/log.h"
#include "plugin/plugin_pool.h"
#include "publish/publisher.h"
#include "store/event_writer.h"
#include "wire/live_wire.h"

enum {
    QUEUE_BYTES = 128 * 1024 * 1024,
    WRITE_BYTES = 8 * 1024 * 1024, /* of text in one transaction; one large event more is fine */
    RECORD_BYTES = 64 * 1024 * 1024,
    VERIFIED_ENTRIES = 16384,
    STOP_GRACE_MS = 1000, /* for the threads, after the queues' deadline */
};

struct ingest {
    const struct config *cfg;
    struct access *access;
    struct limits *limits;
    struct ingest_hooks hooks;
    struct pipeline pipeline;
    struct verified verified;
    struct publisher *publisher;
    struct maintenance *maintenance;
    struct plugin_pool *plugins;  /* NULL: none */
    struct splitter *splitter;    /* with plugins only */
    pthread_mutex_t release_lock; /* chunks are released, and their ephemeral events published, by
                                     one thread at a time: in order */
    pthread_t *checker;
    size_t n_checkers;
    pthread_t writer_thread;
    bool writer_started;
    struct event_writer writer;
    _Atomic uint64_t head;
    atomic_bool database_ok;
};

/* ---- answers ---- */

static void count_verdicts(const struct ingest_batch *b)
{
    for (size_t i = 0; i < b->n_items; i++) {
        metric_add(M_EVENTS, b->item[i].verdict, 1);
        if (b->item[i].verdict == VERDICT_ACCEPTED)
            metric_add(M_EVENT_KINDS, event_metric_kind(b->item[i].ev.kind), 1);
    }
}

static void trace_verdicts(const struct ingest_batch *b)
{
    for (size_t i = 0; i < b->n_items; i++) {
        const struct ingest_item *item = &b->item[i];
        char prefix[HEX_PREFIX_DIGITS + 1], why[160];

        log_debug("event", "judged", "id=%s kind=%d verdict=%s why=%s",
                  item->has_id ? hex_prefix(item->ev.id.b, prefix) : "none", item->ev.kind,
                  verdict_name(item->verdict),
                  log_quote(item->message ? item->message : "",
                            item->message ? strlen(item->message) : 0, why, sizeof why));
    }
}

/* Afterwards b belongs to whoever submitted it. */
static void answer(struct ingest *in, struct ingest_batch *b)
{
    size_t events = b->n_items, bytes = b->body.len;

    if (b->may_split)
        splitter_leave(in->splitter, b); /* from here on it is split, or it is not */
    if (!b->split)
        batch_respond(b, atomic_load(&in->head));
    count_verdicts(b);
    if (log_enabled(LOG_DEBUG, "event"))
        trace_verdicts(b);
    metric_observe(M_INGEST_SECONDS, 0, clock_mono_us() - b->received_us);
    metric_add(M_INGEST_QUEUE, 0, -(int64_t)events);
    if (b->split)
        batch_finish(b);
    else
        b->done(b, b->ctx);
    pipeline_leave(&in->pipeline, events, bytes);
}

static void settle(struct ingest *in, struct ingest_batch *b, size_t n)
{
    if (batch_settle(b, n))
        answer(in, b);
}

static void decide(struct ingest *in, struct ingest_item *item, enum verdict v, const char *message)
{
    item->verdict = v;
    item->message = message;
    batch_decided(item, atomic_load(&in->head));
    settle(in, item->batch, 1);
}

void ingest_set_hooks(struct ingest *in, const struct ingest_hooks *hooks)
{
    in->hooks = *hooks;
}

void ingest_decide(struct ingest_item *item, enum verdict v, const char *message)
{
    decide(item->batch->owner, item, v, message);
}

void ingest_beat(struct ingest *in)
{
    maintenance_beat(in->maintenance);
}

static void raise_head(struct ingest *in, uint64_t seq)
{
    uint64_t known = atomic_load(&in->head);

    while (seq > known && !atomic_compare_exchange_weak(&in->head, &known, seq))
        continue;
    metric_set(M_FEED_HEAD, 0, (int64_t)atomic_load(&in->head));
}

static void note_database(bool usable, void *ctx)
{
    struct ingest *in = ctx;

    atomic_store(&in->database_ok, usable);
    metric_set(M_WRITE_DATABASE_UP, 0, usable);
}

/* ---- ephemeral events ---- */

/* All ephemeral events of a chunk travel in one record. */
static void on_broadcast(bool sent, void *ctx)
{
    struct chunk *c = ctx;
    struct ingest_batch *b = c->batch;
    size_t n = 0;

    for (size_t i = 0; i < c->n; i++) {
        if (c->item[i].route != ROUTE_BROADCAST)
            continue;
        c->item[i].verdict = sent ? VERDICT_ACCEPTED : VERDICT_ERROR;
        c->item[i].message = sent ? "" : "live delivery is not available, please try again";
        batch_decided(&c->item[i], atomic_load(&b->owner->head));
        n++;
    }
    settle(b->owner, b, n);
}

static void broadcast(struct ingest *in, struct chunk *c)
{
    uint64_t head = atomic_load(&in->head);
    struct buf record;
    size_t n = 0;

    buf_init(&record, RECORD_BYTES);
    control_head_write(&record, head, head);
    for (size_t i = 0; i < c->n; i++) {
        if (c->item[i].route == ROUTE_BROADCAST) {
            live_line_write(&record, 0, c->item[i].json);
            n++;
        }
    }
    if (n == 0)
        buf_deinit(&record);
    else
        publisher_push(in->publisher, &record, on_broadcast, c);
}

/* ---- plugins ---- */

static void on_plugin_broadcast(bool sent, void *ctx)
{
    ingest_decide(ctx, sent ? VERDICT_ACCEPTED : VERDICT_ERROR,
                  sent ? "" : "live delivery is not available, please try again");
}

static void broadcast_one(struct ingest *in, struct ingest_item *item)
{
    uint64_t head = atomic_load(&in->head);
    struct buf record;

    buf_init(&record, RECORD_BYTES);
    control_head_write(&record, head, head);
    live_line_write(&record, 0, item->json);
    publisher_push(in->publisher, &record, on_plugin_broadcast, item);
}

/* What moderators have decided while the plugin was thinking; else nobody would look for it. */
static enum verdict judge_again(struct ingest *in, const struct event *ev, const char **message)
{
    struct policy_env env = {.view = access_acquire(in->access)};
    enum verdict v = rule_banned(ev, &env, message);

    access_release((struct access_view *)env.view);
    return v;
}

/* The route of an item that is with a plugin is never changed: its chunk is looked at meanwhile. */
static void on_plugin(struct plugin_job *job, void *ctx)
{
    struct ingest *in = ctx;
    struct ingest_item *item = job->owner;
    const char *message;
    enum verdict v = judge_again(in, &item->ev, &message);

    if (job->reply.action == PLUGIN_REJECT)
        decide(in, item, job->reply.verdict, job->reply.message);
    else if (job->reply.action == PLUGIN_SHADOW_REJECT)
        decide(in, item, VERDICT_ACCEPTED, ""); /* so it shall seem */
    else if (v != VERDICT_ACCEPTED)
        decide(in, item, v, message);
    else if (item->after_plugin == ROUTE_STORE)
        pipeline_requeue(&in->pipeline, item);
    else
        broadcast_one(in, item);
}

/* The chunk keeps its batch from ending meanwhile. */
static void ask_plugins(struct ingest *in, struct chunk *c)
{
    for (size_t i = 0; i < c->n; i++) {
        struct ingest_item *item = &c->item[i];

        if (item->route != ROUTE_PLUGIN)
            continue;
        if (c->batch->may_split)
            splitter_enter(in->splitter, c->batch);
        if (plugin_pool_ask(in->plugins, item->job))
            continue;
        item->route = ROUTE_DECIDED;
        item->verdict = VERDICT_ERROR;
        item->message = "too many events wait for this relay's policy, please try again";
    }
}

/* ---- checkers ---- */

/* Returns how many there are. */
static size_t note_refused(const struct ingest *in, struct chunk *c)
{
    uint64_t head = atomic_load(&in->head);
    size_t n = 0;

    for (size_t i = 0; i < c->n; i++) {
        if (c->item[i].route != ROUTE_DECIDED)
            continue;
        batch_decided(&c->item[i], head);
        n++;
    }
    return n;
}

/* Passes on what is neither stored nor broadcast. */
static void pass_requests(struct ingest *in, struct chunk *c)
{
    for (size_t i = 0; i < c->n; i++) {
        if (c->item[i].route != ROUTE_REQUEST)
            continue;
        if (in->hooks.on_request)
            in->hooks.on_request(&c->item[i], in->hooks.ctx);
        else
            decide(in, &c->item[i], VERDICT_BLOCKED, "this relay has no members to join");
    }
}

static void release(struct ingest *in, struct chunk *checked)
{
    struct list released, *link;

    pthread_mutex_lock(&in->release_lock);
    pipeline_release(&in->pipeline, checked, &released);
    for (link = released.next; link != &released; link = link->next) {
        if (in->plugins) /* first: from the broadcast on others look at routes */
            ask_plugins(in, container_of(link, struct chunk, link));
        broadcast(in, container_of(link, struct chunk, link));
    }
    pthread_mutex_unlock(&in->release_lock);
    while ((link = list_pop(&released))) {
        struct chunk *c = container_of(link, struct chunk, link);

        pass_requests(in, c);
        settle(in, c->batch,
               note_refused(in, c) + 1); /* and the chunk itself, which has left the pipeline */
    }
}

static void *run_checker(void *arg)
{
    struct ingest *in = arg;
    struct checker checker;
    struct chunk *c;

    checker_init(&checker, in->cfg, in->access, in->limits, &in->verified);
    checker.ask_plugin = in->plugins != NULL;
    while ((c = pipeline_next_chunk(&in->pipeline))) {
        check_chunk(&checker, c);
        metric_observe(M_STAGE_SECONDS, STAGE_METRIC_CHECKED,
                       clock_mono_us() - c->batch->received_us);
        release(in, c);
    }
    checker_deinit(&checker);
    return NULL;
}

/* ---- writer ---- */

static void on_committed(struct new_event *const *ne, size_t n, uint64_t prev, uint64_t seq,
                         void *ctx)
{
    struct ingest *in = ctx;
    struct access_view *view;
    struct buf record;

    raise_head(in, seq);
    if (seq == prev)
        return;
    view = access_acquire(in->access); /* they may have been banned since they were checked */
    buf_init(&record, RECORD_BYTES);
    control_head_write(&record, prev, seq);
    for (size_t i = 0; i < n; i++) {
        if (ne[i]->insert && !mod_lists_hide(view->lists, ne[i]->ev->id.b, ne[i]->ev->pubkey.b))
            live_line_write(&record, ne[i]->seq, ne[i]->json);
    }
    access_release(view);
    publisher_push(in->publisher, &record, NULL, NULL);
}

static void tell_hook(struct ingest *in, const struct new_event *ne)
{
    bool wanted = ne->ev->kind == KIND_REPORT || ne->ev->kind == KIND_VANISH;

    if (wanted && in->hooks.on_stored && !ne->deferred && ne->verdict == VERDICT_ACCEPTED)
        in->hooks.on_stored(ne->ev, in->hooks.ctx);
}

static void hand_out(struct ingest *in, struct ingest_item *item)
{
    if (item->store.deferred)
        maintenance_erase(in->maintenance, item);
    else
        decide(in, item, item->store.verdict, item->store.message);
}

static void observe_commit(struct ingest_item *const *items, size_t n)
{
    uint64_t now = clock_mono_us();

    for (size_t i = 0; i < n; i++)
        metric_observe(M_STAGE_SECONDS, STAGE_METRIC_COMMITTED, now - items[i]->batch->received_us);
}

static void write_items(struct ingest *in, struct ingest_item **items, struct new_event **list,
                        size_t n)
{
    uint64_t start = clock_mono_us();

    for (size_t i = 0; i < n; i++) {
        items[i]->store.deferred = false;
        list[i] = &items[i]->store;
    }
    event_writer_store(&in->writer, list, n);
    note_database(!in->writer.down, in);
    metric_observe(M_WRITE_SECONDS, 0, clock_mono_us() - start);
    metric_add(M_WRITE_EVENTS, 0, (int64_t)n);
    observe_commit(items, n);
    for (size_t i = 0; i < n; i++) {
        tell_hook(in, list[i]);
        hand_out(in, items[i]);
    }
}

static void refuse_items(struct ingest *in, struct ingest_item **items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        decide(in, items[i], VERDICT_ERROR, "the relay is shutting down, please try again");
}

static void *run_writer(void *arg)
{
    struct ingest *in = arg;
    size_t max = (size_t)in->cfg->write_batch_events, n;
    struct ingest_item **items = calloc(max, sizeof(struct ingest_item *));
    struct new_event **list = calloc(max, sizeof(struct new_event *));

    assert(items && list); /* small, and at start */
    while ((n = pipeline_take(&in->pipeline, items, max, WRITE_BYTES)) > 0) {
        if (pipeline_aborted(&in->pipeline))
            refuse_items(in, items, n);
        else
            write_items(in, items, list, n);
    }
    free(items);
    free(list);
    return NULL;
}

static void on_erased(struct ingest_item *item, bool done, void *ctx)
{
    struct ingest *in = ctx;

    if (done)
        pipeline_requeue(&in->pipeline, item);
    else
        decide(in, item, VERDICT_ERROR, "the database is not available, please try again");
}

static void on_head(uint64_t seq, void *ctx)
{
    raise_head(ctx, seq);
}

/* ---- start and stop ---- */

static size_t count_checkers(const struct config *cfg)
{
    long n = cfg->verify_threads > 0 ? (long)cfg->verify_threads : sysconf(_SC_NPROCESSORS_ONLN);

    return n > 0 ? (size_t)n : 1;
}

static bool start_plugins(struct ingest *in)
{
    if (!in->cfg->policy_plugin || in->cfg->policy_plugin[0] == '\0')
        return true;
    in->splitter = splitter_start(&in->head);
    in->plugins = in->splitter ? plugin_pool_start(in->cfg, on_plugin, in) : NULL;
    return in->plugins != NULL;
}

static bool start_threads(struct ingest *in)
{
    size_t n = count_checkers(in->cfg);
    struct publisher_target target = {in->cfg->shared.redis_host, (int)in->cfg->shared.redis_port,
                                      in->cfg->shared.redis_password};
    struct maintenance_hooks hooks = {on_head, note_database, on_erased, in};

    in->publisher = publisher_start(&target);
    in->maintenance =
        in->publisher ? maintenance_start(in->cfg, in->access, in->publisher, &hooks) : NULL;
    in->checker = calloc(n, sizeof *in->checker);
    if (!in->maintenance || !in->checker || !start_plugins(in))
        return false;
    in->writer_started = pthread_create(&in->writer_thread, NULL, run_writer, in) == 0;
    while (in->writer_started && in->n_checkers < n &&
           pthread_create(&in->checker[in->n_checkers], NULL, run_checker, in) == 0)
        in->n_checkers++;
    return in->n_checkers > 0;
}

struct ingest *ingest_start(const struct config *cfg, struct access *access, struct limits *limits)
{
    struct ingest *in = calloc(1, sizeof *in);
    struct db_target target = config_write_target(cfg, "write");

    if (!in)
        return NULL;
    in->cfg = cfg;
    in->access = access;
    in->limits = limits;
    pipeline_init(&in->pipeline, (size_t)cfg->ingest_queue_events, QUEUE_BYTES);
    pthread_mutex_init(&in->release_lock, NULL);
    event_writer_init(&in->writer, &target, cfg->write_timeout_ms, on_committed, in);
    if (verified_init(&in->verified, VERIFIED_ENTRIES) && start_threads(in))
        return in;
    log_error("ingest", "the threads could not be started", "");
    ingest_stop(in, 0);
    return NULL;
}

static bool join(pthread_t thread)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_GRACE_MS / 1000;
    return pthread_timedjoin_np(thread, NULL, &until) == 0;
}

/* False when a thread hangs in the database. */
static bool join_threads(struct ingest *in)
{
    bool all =
        maintenance_stop(in->maintenance, STOP_GRACE_MS); /* it may hand items to the writer */

    plugin_pool_stop(in->plugins); /* and so may they */
    pipeline_end(&in->pipeline);
    for (size_t i = 0; i < in->n_checkers; i++)
        all &= join(in->checker[i]);
    if (in->writer_started)
        all &= join(in->writer_thread);
    return all;
}

bool ingest_stop(struct ingest *in, uint64_t deadline_ms)
{
    if (!in)
        return true;
    pipeline_close(&in->pipeline);
    if (!pipeline_drain(&in->pipeline, deadline_ms))
        pipeline_abort(&in->pipeline);
    if (!join_threads(in)) {
        log_warn("ingest", "the database does not answer: giving up on it", "");
        return false; /* the process is about to end; the threads end with it */
    }
    maintenance_free(in->maintenance);
    plugin_pool_free(in->plugins);
    splitter_stop(in->splitter);
    publisher_stop(in->publisher, STOP_GRACE_MS);
    event_writer_deinit(&in->writer);
    verified_deinit(&in->verified);
    pipeline_deinit(&in->pipeline);
    pthread_mutex_destroy(&in->release_lock);
    free(in->checker);
    free(in);
    return true;
}

/* ---- any thread ---- */

enum err ingest_submit(struct ingest *in, struct buf *body, unsigned how, ingest_done_fn *done,
                       void *ctx, struct ingest_batch **out)
{
    struct ingest_batch *b;
    enum err err = batch_new(body, (size_t)in->cfg->ingest_queue_events, done, ctx, in, &b);
    size_t events;

    if (err) {
        buf_deinit(body);
        return err;
    }
    b->import = (how & INGEST_IMPORT) != 0;
    b->may_split = in->splitter && (how & INGEST_MAY_SPLIT) && b->n_items > 0;
    *out = b; /* b may be answered, and gone, before pipeline_submit() returns */
    events = b->n_items;
    metric_add(M_INGEST_QUEUE, 0, (int64_t)events);
    err = pipeline_submit(&in->pipeline, b);
    if (err) {
        metric_add(M_INGEST_QUEUE, 0, -(int64_t)events);
        metric_add(M_INGEST_BUSY, 0, 1);
        *out = NULL;
        ingest_batch_free(b);
    }
    return err;
}

void ingest_health(struct ingest *in, struct ingest_health *out)
{
    out->database_ok = atomic_load(&in->database_ok);
    out->redis_ok = publisher_connected(in->publisher);
    out->head_seq = atomic_load(&in->head);
    pthread_mutex_lock(&in->pipeline.lock);
    out->queued_events = in->pipeline.events;
    pthread_mutex_unlock(&in->pipeline.lock);
}
