/*
 * Several filters are merged newest first. Each has its own limit, and an event that several of
 * them match counts for each and is given once. A filter that has used up its limit stays as a
 * probe: its next match either is given through another filter, or proves that there is more than
 * the answer holds.
 *
 * Searches are ranked, so they cannot be merged by time: each is given whole before the others, in
 * order.
 */
#include "query/query_page.h"

#include <stdlib.h>

#include "access/access.h"
#include "access/invite.h"
#include "access/relay_key.h"
#include "base/clock.h"
#include "base/hex.h"
#include "config.h"
#include "metrics.h"
#include "nostr/kind.h"
#include "store/index_keys.h"

enum {
    INLINE_ALONE = 8 * 1024,  /* events up to this size come with their row */
    INLINE_MERGED = 2 * 1024, /* with several filters many rows are at hand at a time */
    FETCH_LEAST = 32,
};

/* ---- seqs that were given ---- */

static size_t slot_of(const struct seen_set *set, int64_t seq)
{
    size_t at = (size_t)((uint64_t)seq * UINT64_C(0x9e3779b97f4a7c15)) & (set->room - 1);

    while (set->slot[at] != 0 && set->slot[at] != seq)
        at = (at + 1) & (set->room - 1);
    return at;
}

static bool seen_has(const struct seen_set *set, int64_t seq)
{
    return set->n > 0 && set->slot[slot_of(set, seq)] == seq;
}

static bool seen_grow(struct seen_set *set)
{
    struct seen_set larger = {.room = set->room ? set->room * 2 : 256, .n = set->n};

    larger.slot = calloc(larger.room, sizeof *larger.slot);
    if (!larger.slot)
        return false;
    for (size_t i = 0; i < set->room; i++)
        if (set->slot[i] != 0)
            larger.slot[slot_of(&larger, set->slot[i])] = set->slot[i];
    free(set->slot);
    *set = larger;
    return true;
}

static bool seen_add(struct seen_set *set, int64_t seq)
{
    if (set->n >= set->room / 2 && !seen_grow(set))
        return false;
    set->slot[slot_of(set, seq)] = seq;
    set->n++;
    return true;
}

/* ---- the run ---- */

void query_run_init(struct query_run *run, enum query_verb verb)
{
    *run = (struct query_run){.verb = verb};
    arena_init(&run->arena, RUN_ARENA_CAP);
}

static void park_all(struct query_run *run)
{
    for (size_t i = 0; run->scans && i < run->request.n_filters; i++)
        scan_park(&run->scans[i]);
}

void query_run_rewind(struct query_run *run)
{
    park_all(run);
    free(run->seen.slot);
    run->seen = (struct seen_set){0};
    run->scans = NULL;
    run->search = 0;
    run->has_snapshot = run->more = run->history.begun = false;
}

void query_run_deinit(struct query_run *run)
{
    query_run_rewind(run);
    arena_deinit(&run->arena);
}

int64_t query_limit_of(const struct query_run *run, const struct filter *f)
{
    int64_t limit = f->has & FILTER_LIMIT ? f->limit : run->default_limit;

    return limit < run->max_limit ? limit : run->max_limit;
}

enum err query_run_make_scans(struct query_run *run, int64_t limit)
{
    size_t n = run->request.n_filters;

    run->scans = arena_calloc(&run->arena, n, sizeof *run->scans);
    if (!run->scans)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const struct filter *f = &run->request.filters[i];

        scan_init(&run->scans[i], f, limit < 0 ? query_limit_of(run, f) : limit);
    }
    return OK;
}

static enum err reader_keys(struct query_run *run, struct scan_env *env)
{
    size_t n = run->request.n_readers;
    struct slice *slices = arena_calloc(&run->arena, n, sizeof *slices);
    int64_t *keys = arena_calloc(&run->arena, n, sizeof *keys);

    if (!slices || !keys)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const struct pubkey *pk = &run->request.readers[i];
        char hex[64];

        hex_encode(pk->b, sizeof pk->b, hex);
        slices[i] = slice_of((const char *)pk->b, sizeof pk->b);
        keys[i] = index_tag_key(env->secret, 'p', slice_of(hex, sizeof hex));
    }
    env->privacy = (struct scan_privacy){.readers = slices, .n_readers = n, .reader_keys = keys};
    return OK;
}

enum err query_run_env(struct query_run *run, const struct page_context *ctx, struct scan_env *env)
{
    size_t n = run->request.n_filters;

    *env = (struct scan_env){
        .db = ctx->db,
        .lists = ctx->view ? ctx->view->lists : NULL,
        .sql = ctx->sql,
        .secret = ctx->secret,
        .arena = &run->arena,
        .now = clock_unix(),
        .deadline_ms = ctx->deadline_ms,
        .fetch_rows = ctx->rows + 1,
        .inline_bytes = n > 1 ? INLINE_MERGED : INLINE_ALONE,
        .has_snapshot = run->has_snapshot,
        .snapshot = run->snapshot,
        .min_seq = run->request.min_seq,
        .readers = run->request.readers,
        .n_readers = run->request.n_readers,
    };
    if (n > 1 && env->fetch_rows / n < env->fetch_rows)
        env->fetch_rows = env->fetch_rows / n > FETCH_LEAST ? env->fetch_rows / n : FETCH_LEAST;
    return reader_keys(run, env);
}

/* ---- searches ---- */

static bool is_search(const struct scan *s)
{
    return s->planned && s->plan.family == FAMILY_SEARCH;
}

/* Which filters are searches shows when they are planned: one without words is an ordinary filter.
 */
static enum err plan_searches(struct query_run *run, struct scan_env *env)
{
    enum err err = OK;

    for (size_t i = 0; !err && i < run->request.n_filters; i++)
        if (run->scans[i].filter->has & FILTER_SEARCH)
            err = scan_prepare(&run->scans[i], env);
    return err;
}

static enum err visit_search(struct query_run *run, struct scan *s, struct scan_env *env,
                             query_visit_fn *visit, void *ctx, bool *full)
{
    for (;;) {
        struct scan_row row;
        bool have;
        enum err err = scan_peek(s, env, &row, &have);

        if (err || !have)
            return err;
        if (s->remaining == 0) {
            run->more = run->more || !seen_has(&run->seen, row.seq);
            return OK;
        }
        if (seen_has(&run->seen, row.seq)) {
            scan_pass(s);
            continue;
        }
        if (!visit(ctx, row.seq, row.event)) {
            *full = true;
            return OK;
        }
        if (run->request.n_filters > 1 && !seen_add(&run->seen, row.seq))
            return ERR_NOMEM;
        scan_pass(s);
    }
}

static enum err visit_searches(struct query_run *run, struct scan_env *env, query_visit_fn *visit,
                               void *ctx, bool *full)
{
    enum err err = plan_searches(run, env);

    for (; !err && run->search < run->request.n_filters; run->search++) {
        struct scan *s = &run->scans[run->search];

        if (!is_search(s))
            continue;
        err = visit_search(run, s, env, visit, ctx, full);
        if (err || *full)
            return err;
        scan_end(s);
    }
    return err;
}

/* ---- the merge ---- */

static bool newer(const struct scan_row *a, const struct scan_row *b)
{
    if (a->at.created_at != b->at.created_at)
        return a->at.created_at > b->at.created_at;
    return a->at.tie > b->at.tie;
}

/* Lets every scan show its next row, or end. */
static enum err peek_all(struct query_run *run, struct scan_env *env)
{
    for (size_t i = 0; i < run->request.n_filters; i++) {
        struct scan *s = &run->scans[i];
        struct scan_row row;
        bool have;
        enum err err;

        if (s->remaining == 0 && run->more)
            scan_end(s); /* nothing left to prove */
        if (s->ended || is_search(s))
            continue;
        err = scan_peek(s, env, &row, &have);
        if (err)
            return err;
    }
    return OK;
}

/* The newest row that is shown, or NULL; *active when some scan that shows one may still take it.
 */
static const struct scan_row *newest_shown(const struct query_run *run, bool *active)
{
    const struct scan_row *newest = NULL;

    *active = false;
    for (size_t i = 0; i < run->request.n_filters; i++) {
        const struct scan *s = &run->scans[i];

        if (!s->shows)
            continue;
        *active = *active || s->remaining > 0;
        if (!newest || newer(&s->shown, newest))
            newest = &s->shown;
    }
    return newest;
}

static bool may_take(const struct query_run *run, int64_t seq)
{
    for (size_t i = 0; i < run->request.n_filters; i++)
        if (run->scans[i].shows && run->scans[i].shown.seq == seq && run->scans[i].remaining > 0)
            return true;
    return false;
}

static void pass_all(struct query_run *run, int64_t seq)
{
    for (size_t i = 0; i < run->request.n_filters; i++)
        if (run->scans[i].shows && run->scans[i].shown.seq == seq)
            scan_pass(&run->scans[i]);
}

static enum err visit_merged(struct query_run *run, struct scan_env *env, query_visit_fn *visit,
                             void *ctx, bool *full)
{
    for (;;) {
        const struct scan_row *row;
        bool active;
        enum err err = peek_all(run, env);

        if (err)
            return err;
        row = newest_shown(run, &active);
        if (!active) {
            run->more = run->more || row;
            return OK;
        }
        if (!seen_has(&run->seen, row->seq)) {
            if (!may_take(run, row->seq)) {
                run->more = true; /* only probes show it, and peek_all() now retires them */
                continue;
            }
            if (!visit(ctx, row->seq, row->event)) {
                *full = true;
                return OK;
            }
        }
        pass_all(run, row->seq);
    }
}

enum err query_run_visit(struct query_run *run, struct scan_env *env, query_visit_fn *visit,
                         void *ctx, bool *end)
{
    bool full = false;
    enum err err = visit_searches(run, env, visit, ctx, &full);

    if (!err && !full)
        err = visit_merged(run, env, visit, ctx, &full);
    *end = !full;
    run->has_snapshot = env->has_snapshot;
    run->snapshot = env->snapshot;
    return err;
}

/* ---- pages ---- */

struct page_writer {
    struct buf *out;
    size_t rows, bytes; /* bounds */
    size_t n;
};

static bool write_event(void *ctx, int64_t seq, struct slice event)
{
    struct page_writer *w = ctx;

    (void)seq;
    if (w->n == w->rows || (w->n > 0 && w->out->len >= w->bytes))
        return false;
    buf_add_slice(w->out, event);
    buf_add_char(w->out, '\n');
    w->n++;
    return true;
}

/* NIP-43: invitations are made on demand, for those who ask by name. */
static void offer_invites(const struct query_run *run, const struct access_view *view, int64_t now,
                          struct buf *out)
{
    struct event invite = {.created_at = now, .kind = KIND_INVITE};

    if (!view || !view->relay || !view->cfg->nip43_enabled)
        return;
    invite.pubkey = *relay_key_pubkey(view->relay);
    for (size_t i = 0; i < run->request.n_filters; i++) {
        const struct filter *f = &run->request.filters[i];

        if ((f->has & FILTER_KINDS) && filter_match(f, &invite)) {
            invite_write_event(view, run->request.readers, run->request.n_readers, now, out);
            return;
        }
    }
}

enum err query_events_page(struct query_run *run, const struct page_context *ctx, struct buf *out,
                           bool *end)
{
    struct page_writer writer = {.out = out, .rows = ctx->rows, .bytes = ctx->bytes};
    struct scan_env env;
    enum err err = query_run_env(run, ctx, &env);

    if (!err && !run->scans) {
        offer_invites(run, ctx->view, env.now, out);
        err = query_run_make_scans(run, -1);
    }
    if (!err)
        err = query_run_visit(run, &env, write_event, &writer, end);
    park_all(run);
    if (err)
        return err;
    if (*end && !run->has_snapshot)
        err = query_head(run, ctx);
    if (*end)
        query_end_write(out,
                        &(struct query_end){run->snapshot, run->more, query_run_may_withhold(run),
                                            query_run_cost_ms(run, ctx)});
    metric_add(M_QUERY_EVENTS, 0, (int64_t)writer.n);
    return err;
}

bool query_run_may_withhold(const struct query_run *run)
{
    const struct query_request *q = &run->request;

    for (size_t i = 0; i < q->n_filters; i++)
        if (filter_may_withhold(&q->filters[i], q->readers, q->n_readers))
            return true;
    return false;
}

uint64_t query_run_cost_ms(const struct query_run *run, const struct page_context *ctx)
{
    uint64_t now = ctx->started_us ? clock_mono_us() - ctx->started_us : 0;

    return (run->spent_us + now + 999) / 1000;
}

enum err query_head(struct query_run *run, const struct page_context *ctx)
{
    PGresult *r;
    enum err err = db_exec(ctx->db, "head", "SELECT seq FROM feed_head", NULL, &r);

    if (err)
        return err;
    err = PQntuples(r) == 1 ? OK : ERR_INVALID;
    if (!err)
        run->snapshot = (uint64_t)db_get_int8(r, 0, 0);
    PQclear(r);
    if (!err && run->snapshot < run->request.min_seq)
        err = ERR_GONE;
    run->has_snapshot = !err;
    return err;
}

enum err query_run_page(struct query_run *run, const struct page_context *ctx, struct buf *out,
                        bool *end)
{
    enum err err = OK;

    *end = true;
    switch (run->verb) {
    case QUERY_EVENTS:
        if (run->history.asked)
            err = query_history_page(run, ctx, out, end);
        else
            err = run->request.has_after ? query_after_page(run, ctx, out, end)
                                         : query_events_page(run, ctx, out, end);
        break;
    case QUERY_COUNT:
        err = query_count_page(run, ctx, out);
        break;
    case QUERY_FEED:
        err = query_feed_page(run, ctx, out);
        break;
    }
    if (!err && out->failed)
        err = ERR_NOMEM;
    return err;
}
