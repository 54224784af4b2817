/*
 * A scan runs one statement at a time and hands its rows out one by one. Every row is checked
 * against the whole filter, because index keys are prefixes and hashes, and against the reader's
 * rights (P3); a row that fails is passed over, and the next statement starts behind it, so that
 * the result is exact whatever SQL let through.
 *
 * More sources than a union takes (8): if they are authors or kinds, first walk through time and
 * pick, which is cheap when the answer is dense (a home timeline); when that finds too little for
 * what it looks at, probe each source. Probes fetch a few rows of each source, merge them, and use
 * the merge up to the first source that ran into its own limit: what lies behind that row is not
 * known yet. That source gets a larger limit next time.
 */
#include "query/query_scan.h"

#include <stdlib.h>

#include "access/mod_lists.h"
#include "base/clock.h"
#include "metrics.h"
#include "nostr/canonical.h"
#include "nostr/kind.h"
#include "store/index_keys.h"

enum {
    MAX_DRIVERS = 4,
    FEW_ROWS = 200,    /* a driver with fewer rows is good enough */
    COUNT_ROWS = 2000, /* how far drivers are compared */

    WALK_FACTOR = 6, /* rows looked at per row wanted */
    WALK_LEAST = 256,
    WALK_MOST = 4096,
    PROBE_COST =
        8, /* probing one source costs about as much as looking at this many rows on a walk */

    SOURCE_LEAST = 8,           /* rows per source on the first probe */
    BODIES_BYTES = 1024 * 1024, /* large events fetched at a time */
    BODIES_ROWS = 256,
    END_OF_WALK = -1, /* its seq */
};

void scan_init(struct scan *s, const struct filter *f, int64_t limit)
{
    *s = (struct scan){.filter = f, .remaining = limit};
}

struct scan_bounds scan_bounds_of(const struct scan_env *env, const struct filter *f)
{
    struct scan_bounds b = {.created_at = INT64_MAX,
                            .tie = INT64_MIN,
                            .since = f->has & FILTER_SINCE ? f->since : 0,
                            .snapshot = env->has_snapshot ? (int64_t)env->snapshot : INT64_MAX,
                            .now = env->now,
                            .inline_bytes = env->inline_bytes};

    if ((f->has & FILTER_UNTIL) && f->until < INT64_MAX)
        b.created_at = f->until + 1;
    return b;
}

/* ---- the plan ---- */

/* How many rows a plan's sources hold between since and until, up to COUNT_ROWS. */
static enum err count_sources(struct scan_env *env, const struct filter *f,
                              const struct query_plan *plan, int64_t *out)
{
    static const struct query_statement tags = {
        "driver_tags",
        "SELECT count(*) FROM (SELECT 1 FROM unnest($4::bigint[]) s(value) JOIN event_tags t ON "
        "t.key = s.value"
        " WHERE t.created_at < $1::bigint AND t.created_at >= $2::bigint LIMIT $3::bigint) c"};
    static const struct query_statement authors = {
        "driver_authors",
        "SELECT count(*) FROM (SELECT 1 FROM unnest($4::bigint[]) s(value) JOIN events e ON "
        "e.author = s.value"
        " WHERE e.created_at < $1::bigint AND e.created_at >= $2::bigint LIMIT $3::bigint) c"};
    static const struct query_statement author_kinds = {
        "driver_author_kinds",
        "SELECT count(*) FROM (SELECT 1 FROM unnest($4::bigint[], $5::int[]) s(value, kind)"
        " JOIN events e ON e.author = s.value AND e.kind = s.kind"
        " WHERE e.created_at < $1::bigint AND e.created_at >= $2::bigint LIMIT $3::bigint) c"};
    const struct query_statement *st = plan->family == FAMILY_TAGS      ? &tags
                                       : plan->family == FAMILY_AUTHORS ? &authors
                                                                        : &author_kinds;
    struct scan_bounds b = scan_bounds_of(env, f);
    struct db_params p;
    PGresult *r;
    enum err err;

    if (clock_mono_ms() >= env->deadline_ms)
        return ERR_TIMEOUT;
    db_params_init(&p);
    db_param_int8(&p, b.created_at);
    db_param_int8(&p, b.since);
    db_param_int8(&p, COUNT_ROWS);
    db_param_int8_array(&p, plan->value, NULL, plan->n);
    if (st == &author_kinds)
        db_param_int4_array(&p, plan->kind, plan->n);
    err = db_exec(env->db, st->name, st->sql, &p, &r);
    db_params_reset(&p);
    if (err)
        return err;
    *out = db_get_int8(r, 0, 0);
    PQclear(r);
    return OK;
}

static bool is_range(const struct query_plan *plan)
{
    return plan->family == FAMILY_TAGS || plan->family == FAMILY_AUTHORS ||
           plan->family == FAMILY_AUTHOR_KINDS;
}

enum err scan_plan(struct scan_env *env, const struct filter *f, struct query_plan *out)
{
    int driver[MAX_DRIVERS];
    size_t n = query_plan_drivers(f, driver, MAX_DRIVERS);
    int64_t least = INT64_MAX;

    for (size_t i = 0; i < n; i++) {
        struct query_plan plan;
        int64_t rows;
        enum err err;

        if (!query_plan_make(f, driver[i], env->secret, env->arena, &plan))
            return ERR_NOMEM;
        if (n == 1 || !is_range(&plan)) {
            *out = plan;
            return OK;
        }
        err = count_sources(env, f, &plan, &rows);
        if (err)
            return err;
        if (rows < least) {
            least = rows;
            *out = plan;
        }
        if (least < FEW_ROWS)
            return OK;
    }
    return OK;
}

enum err scan_prepare(struct scan *s, struct scan_env *env)
{
    struct scan_bounds b = scan_bounds_of(env, s->filter);
    enum err err = s->planned ? OK : scan_plan(env, s->filter, &s->plan);

    if (err || s->planned)
        return err;
    s->planned = true;
    s->at = (struct scan_position){b.created_at, b.tie};
    s->full = s->plan.strong;
    s->probing = !s->plan.may_walk;
    s->ended = s->plan.family == FAMILY_NOTHING || s->plan.n == 0;
    return OK;
}

/* ---- statements ---- */

static struct scan_bounds bounds_now(const struct scan *s, const struct scan_env *env)
{
    struct scan_bounds b = scan_bounds_of(env, s->filter);
    int64_t most = (int64_t)env->fetch_rows;

    b.created_at = s->at.created_at;
    b.tie = s->at.tie;
    b.limit = s->remaining < most ? s->remaining + 1 : most;
    return b;
}

static enum err take_snapshot(struct scan_env *env, const PGresult *r)
{
    if (env->has_snapshot)
        return OK;
    env->snapshot = (uint64_t)db_get_int8(r, 0, SCAN_HEAD);
    if (env->snapshot < env->min_seq)
        return ERR_GONE;
    env->has_snapshot = true;
    return OK;
}

/* Runs a statement of query_sql; takes p. */
static enum err run(struct scan *s, struct scan_env *env, const struct query_statement *st,
                    struct db_params *p)
{
    enum err err;

    assert(!s->rows);
    if (clock_mono_ms() >= env->deadline_ms) {
        db_params_reset(p);
        return ERR_TIMEOUT;
    }
    err = db_exec(env->db, st->name, st->sql, p, &s->rows);
    db_params_reset(p);
    if (!err && PQntuples(s->rows) == 0)
        err = ERR_INVALID; /* feed_head is empty: not our database */
    if (!err)
        err = take_snapshot(env, s->rows);
    if (err) {
        PQclear(s->rows);
        s->rows = NULL;
        return err;
    }
    s->row = 0;
    s->n_rows = PQntuples(s->rows);
    if (PQgetisnull(s->rows, 0, SCAN_SEQ))
        s->n_rows = 0;
    return OK;
}

static struct scan_position position_of(const PGresult *r, int row)
{
    return (struct scan_position){db_get_int8(r, row, SCAN_CREATED_AT),
                                  db_get_int8(r, row, SCAN_TIE)};
}

/* For statements that stop only at their limit or at the end. */
static void settle(struct scan *s, int64_t limit)
{
    s->rows_are_last = s->n_rows < limit;
    s->behind = s->n_rows > 0 ? position_of(s->rows, s->n_rows - 1) : s->at;
}

static struct scan_privacy privacy_now(const struct scan *s, const struct scan_env *env)
{
    struct scan_privacy privacy = env->privacy;

    privacy.on = s->skip_private;
    return privacy;
}

static enum err fetch_plain(struct scan *s, struct scan_env *env, enum query_shape shape)
{
    bool full = (s->full || s->skip_private) && !s->plan.point;
    struct scan_privacy privacy = privacy_now(s, env);
    struct scan_bounds b = bounds_now(s, env);
    struct db_params p;
    enum err err;

    db_params_init(&p);
    query_sql_params(&p, &s->plan, shape, full, &b, &privacy, NULL);
    err = run(s, env, &env->sql->scan[s->plan.family][shape][full], &p);
    if (!err)
        settle(s, b.limit);
    return err;
}

/* ---- many sources ---- */

/* Goes on walking while that is cheaper than probing all sources. */
static void judge_walk(struct scan *s, int64_t wanted, int64_t budget)
{
    int64_t missing = wanted - s->n_rows;

    s->probing = s->n_rows == 0 || missing * budget / s->n_rows > (int64_t)s->plan.n * PROBE_COST;
}

static enum err fetch_walk(struct scan *s, struct scan_env *env)
{
    enum query_family family = s->plan.n_walk_kinds == 1 ? FAMILY_KINDS : FAMILY_TIME;
    struct scan_privacy privacy = privacy_now(s, env);
    struct scan_bounds b = bounds_now(s, env);
    int64_t budget = b.limit * WALK_FACTOR;
    struct db_params p;
    enum err err;

    budget = budget < WALK_LEAST ? WALK_LEAST : budget > WALK_MOST ? WALK_MOST : budget;
    db_params_init(&p);
    query_sql_walk_params(&p, &s->plan, s->skip_private, &b, &privacy, budget);
    err = run(s, env, &env->sql->scan[family][SHAPE_WALK][s->skip_private], &p);
    if (err)
        return err;
    settle(s, b.limit);
    if (s->n_rows > 0 && db_get_int8(s->rows, s->n_rows - 1, SCAN_SEQ) == END_OF_WALK) {
        s->rows_are_last = false;
        s->n_rows--;
        judge_walk(s, b.limit, budget);
    }
    return OK;
}

static bool make_limits(struct scan *s, struct scan_env *env, int64_t wanted)
{
    int64_t first = 2 * wanted / (int64_t)s->plan.n;

    if (first < SOURCE_LEAST)
        first = SOURCE_LEAST;
    s->limits = arena_calloc(env->arena, s->plan.n, sizeof *s->limits);
    for (size_t i = 0; s->limits && i < s->plan.n; i++)
        s->limits[i] = first < wanted ? first : wanted;
    return s->limits != NULL;
}

/* Uses the merged rows up to the first source that reached its limit. */
static enum err cut_at_limit(struct scan *s, int64_t wanted)
{
    int64_t *taken = calloc(s->plan.n, sizeof *taken);

    if (!taken)
        return ERR_NOMEM;
    for (int row = 0; row < s->n_rows; row++) {
        size_t source = (size_t)db_get_int8(s->rows, row, SCAN_SOURCE) - 1;

        assert(source < s->plan.n);
        if (++taken[source] < s->limits[source])
            continue;
        if (s->limits[source] < wanted)
            s->limits[source] *= 4;
        s->n_rows = row + 1;
        s->rows_are_last = false;
        s->behind = position_of(s->rows, row);
        break;
    }
    free(taken);
    return OK;
}

static enum err fetch_probes(struct scan *s, struct scan_env *env)
{
    bool full = s->full || s->skip_private;
    struct scan_privacy privacy = privacy_now(s, env);
    struct scan_bounds b = bounds_now(s, env);
    struct db_params p;
    enum err err;

    if (!s->limits && !make_limits(s, env, b.limit))
        return ERR_NOMEM;
    db_params_init(&p);
    query_sql_params(&p, &s->plan, SHAPE_LATERAL, full, &b, &privacy, s->limits);
    err = run(s, env, &env->sql->scan[s->plan.family][SHAPE_LATERAL][full], &p);
    if (err)
        return err;
    settle(s, b.limit);
    return cut_at_limit(s, b.limit);
}

/* ---- search ---- */

static enum err find_all(struct scan *s, struct scan_env *env)
{
    struct scan_privacy privacy = env->privacy;
    struct scan_bounds b = bounds_now(s, env);
    struct db_params p;
    enum err err;

    privacy.on = true; /* what may not be read is not found, and nothing tells */
    b.limit = s->remaining + 1;
    db_params_init(&p);
    query_sql_params(&p, &s->plan, SHAPE_ONE, true, &b, &privacy, NULL);
    err = run(s, env, &env->sql->scan[FAMILY_SEARCH][SHAPE_ONE][1], &p);
    if (err)
        return err;
    s->n_found = (size_t)s->n_rows;
    s->found = arena_calloc(env->arena, s->n_found, sizeof *s->found);
    for (size_t i = 0; s->found && i < s->n_found; i++)
        s->found[i] = db_get_int8(s->rows, (int)i, SCAN_SEQ);
    PQclear(s->rows);
    s->rows = NULL;
    s->n_rows = 0;
    return s->found ? OK : ERR_NOMEM;
}

static enum err fetch_found(struct scan *s, struct scan_env *env)
{
    struct scan_bounds b;
    struct db_params p;
    size_t n;
    enum err err;

    if (!s->found) {
        err = find_all(s, env);
        if (err)
            return err;
    }
    n = s->n_found - s->n_passed;
    if (n > env->fetch_rows)
        n = env->fetch_rows;
    b = scan_bounds_of(env, s->filter);
    b.limit = (int64_t)n;
    db_params_init(&p);
    query_sql_found_params(&p, &b, s->found + s->n_passed, n);
    err = run(s, env, &env->sql->scan[FAMILY_SEARCH][SHAPE_ONE][0], &p);
    if (err)
        return err;
    s->rows_are_last = s->n_passed + n == s->n_found;
    if (s->n_rows == 0)
        s->n_passed += n; /* all of them were deleted meanwhile */
    return OK;
}

/* ---- rows ---- */

static enum err fetch(struct scan *s, struct scan_env *env)
{
    enum query_shape shape = query_shape_for(s->plan.n);

    if (s->plan.family == FAMILY_SEARCH)
        return fetch_found(s, env);
    if (s->plan.point)
        return fetch_plain(s, env, SHAPE_ONE);
    if (!s->probing)
        return fetch_walk(s, env);
    return shape == SHAPE_LATERAL ? fetch_probes(s, env) : fetch_plain(s, env, shape);
}

static void drop_rows(struct scan *s)
{
    PQclear(s->rows);
    PQclear(s->bodies);
    s->rows = s->bodies = NULL;
    s->row = s->n_rows = 0;
}

/* Large events of the row at hand and of those behind it, as many as are reasonable at a time. */
static enum err fetch_bodies(struct scan *s, struct scan_env *env)
{
    int64_t seqs[BODIES_ROWS], bytes = 0;
    struct db_params p;
    size_t n = 0;
    enum err err;

    for (int row = s->row; row < s->n_rows && n < ARRAY_LEN(seqs); row++) {
        if (!PQgetisnull(s->rows, row, SCAN_EVENT))
            continue;
        bytes += db_get_int4(s->rows, row, SCAN_SIZE);
        if (n > 0 && bytes > BODIES_BYTES)
            break;
        seqs[n++] = db_get_int8(s->rows, row, SCAN_SEQ);
    }
    PQclear(s->bodies);
    s->bodies = NULL;
    if (clock_mono_ms() >= env->deadline_ms)
        return ERR_TIMEOUT;
    db_params_init(&p);
    db_param_int8_array(&p, seqs, NULL, n);
    err = db_exec(
        env->db, "bodies",
        "SELECT e.seq, e.event FROM unnest($1::bigint[]) s(seq) JOIN events e ON e.seq = s.seq", &p,
        &s->bodies);
    db_params_reset(&p);
    return err;
}

static bool find_body(const struct scan *s, int64_t seq, struct slice *event)
{
    for (int row = 0; s->bodies && row < PQntuples(s->bodies); row++) {
        if (db_get_int8(s->bodies, row, 0) != seq)
            continue;
        *event = db_get_slice(s->bodies, row, 1);
        return true;
    }
    return false;
}

/* The row's event; empty when it is gone. */
static enum err event_of_row(struct scan *s, struct scan_env *env, int64_t seq, struct slice *event)
{
    enum err err;

    *event = (struct slice){0};
    if (!PQgetisnull(s->rows, s->row, SCAN_EVENT)) {
        *event = db_get_slice(s->rows, s->row, SCAN_EVENT);
        return OK;
    }
    if (find_body(s, seq, event))
        return OK;
    err = fetch_bodies(s, env);
    if (!err)
        find_body(s, seq, event);
    return err;
}

/* Is this row a match, and for these readers? */
static bool accept(struct scan *s, struct scan_env *env, const struct scan_row *row)
{
    int kind = db_get_int4(s->rows, s->row, SCAN_KIND);

    if (row->event.len == 0 || !query_plan_check(s->filter, row->at.created_at, kind, row->event))
        return false;
    if (env->lists && mod_lists_hide_json(env->lists, row->event))
        return false;
    if (canonical_readable(row->event, kind, env->readers, env->n_readers))
        return true;
    s->skip_private = true; /* where there is one there are more: SQL leaves them out sooner */
    return false;
}

static enum err show_row(struct scan *s, struct scan_env *env, struct scan_row *row, bool *accepted)
{
    enum err err;

    row->seq = db_get_int8(s->rows, s->row, SCAN_SEQ);
    row->at = position_of(s->rows, s->row);
    *accepted = false;
    if (row->seq == s->last_seq)
        return OK; /* found under another value of the filter */
    err = event_of_row(s, env, row->seq, &row->event);
    if (!err)
        *accepted = accept(s, env, row);
    return err;
}

/* Moves behind the row at hand. */
static void step(struct scan *s)
{
    s->at = position_of(s->rows, s->row);
    s->last_seq = db_get_int8(s->rows, s->row, SCAN_SEQ);
    if (s->plan.family == FAMILY_SEARCH) {
        /* Rows name their place among those asked for; the ones between are gone. */
        while (s->n_passed < s->n_found && s->found[s->n_passed] != s->last_seq)
            s->n_passed++;
        s->n_passed++;
    }
    s->row++;
}

enum err scan_peek(struct scan *s, struct scan_env *env, struct scan_row *row, bool *have)
{
    enum err err = scan_prepare(s, env);

    while (!err && !s->ended && !s->shows) {
        if (s->row < s->n_rows) {
            err = show_row(s, env, &s->shown, &s->shows);
            if (!err && !s->shows)
                step(s);
        } else if (s->rows) {
            s->ended = s->rows_are_last;
            if (s->plan.family != FAMILY_SEARCH)
                s->at = s->behind;
            drop_rows(s);
        } else {
            err = fetch(s, env);
        }
    }
    *have = !err && s->shows;
    *row = s->shown;
    return err;
}

void scan_pass(struct scan *s)
{
    assert(s->shows);
    s->shows = false;
    if (s->remaining > 0)
        s->remaining--;
    step(s);
}

void scan_park(struct scan *s)
{
    s->shows = false;
    drop_rows(s);
}

void scan_end(struct scan *s)
{
    s->ended = true;
    scan_park(s);
}
