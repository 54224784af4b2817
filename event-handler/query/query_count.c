/*
 * COUNT (NIP-45): how many events match any of the filters, exact up to a cap.
 *
 * One filter that SQL can judge alone is counted by PostgreSQL. Everything else goes through the
 * same merge as a query, with the cap as limit. Private events are counted for those who may read
 * them only.
 */
#include "query/hll.h"
#include "query/query_page.h"

#include "access/mod_lists.h"
#include "base/hex.h"
#include "nostr/canonical.h"

struct counter {
    int64_t n, cap;
    bool approximate;
    bool sketches;
    struct hll hll;
};

static void write_answer(const struct counter *c, struct buf *out)
{
    char hex[2 * HLL_REGISTERS];

    buf_add_str(out, "{\"count\":");
    buf_add_i64(out, c->n);
    buf_add_str(out, c->approximate ? ",\"approximate\":true" : ",\"approximate\":false");
    if (c->sketches) {
        hex_encode(c->hll.reg, sizeof c->hll.reg, hex);
        buf_add_str(out, ",\"hll\":\"");
        buf_add(out, hex, sizeof hex);
        buf_add_char(out, '"');
    }
    buf_add_str(out, "}\n");
}

/* ---- by SQL ---- */

static void take_register(struct counter *c, const PGresult *r, int row)
{
    struct slice hex = db_get_slice(r, row, 4);
    uint8_t rest[32];
    size_t n = hex.len / 2;

    if (n <= sizeof rest && hex_decode(hex, rest, n))
        hll_add(&c->hll, (uint8_t)db_get_int4(r, row, 3), rest, n);
}

static enum err count_by_sql(struct scan_env *env, const struct filter *f,
                             const struct query_plan *plan, struct counter *c)
{
    const struct query_statement *st =
        c->sketches ? &env->sql->sketch[plan->family] : &env->sql->count[plan->family];
    struct scan_bounds b = scan_bounds_of(env, f);
    struct scan_privacy privacy = env->privacy;
    struct db_params p;
    int64_t rows = 0;
    PGresult *r;
    enum err err;

    privacy.on = true;
    b.limit = c->cap + 1;
    db_params_init(&p);
    query_sql_count_params(&p, plan, &b, &privacy, c->sketches ? c->hll.offset : -1);
    err = db_exec(env->db, st->name, st->sql, &p, &r);
    db_params_reset(&p);
    if (err)
        return err;
    for (int row = 0; row < PQntuples(r); row++) {
        if ((uint64_t)db_get_int8(r, row, 0) < env->min_seq)
            err = ERR_GONE;
        if (PQgetisnull(r, row, 1))
            break; /* nothing to sketch */
        rows += db_get_int8(r, row, 1);
        c->n += db_get_int8(r, row, 2);
        if (c->sketches)
            take_register(c, r, row);
    }
    PQclear(r);
    c->approximate = rows > c->cap;
    return err;
}

/* ---- by walking ---- */

static bool count_event(void *ctx, int64_t seq, struct slice event)
{
    struct counter *c = ctx;
    struct pubkey pk;

    (void)seq;
    if (c->n == c->cap) {
        c->approximate = true;
        return false;
    }
    c->n++;
    if (c->sketches && hex_decode(canonical_pubkey(event), pk.b, sizeof pk.b))
        hll_add_pubkey(&c->hll, &pk);
    return true;
}

static enum err count_by_walking(struct query_run *run, struct scan_env *env, struct counter *c)
{
    bool end;
    enum err err = query_run_make_scans(run, c->cap + 1);

    if (!err)
        err = query_run_visit(run, env, count_event, c, &end);
    for (size_t i = 0; run->scans && i < run->request.n_filters; i++)
        scan_park(&run->scans[i]);
    return err;
}

/* SQL does not know what moderators hide: until such rows have been moved away each is looked at.
 */
static bool is_moving(const struct scan_env *env)
{
    return env->lists && env->lists->moving && env->lists->banned.n + env->lists->hidden.n > 0;
}

enum err query_count_page(struct query_run *run, const struct page_context *ctx, struct buf *out)
{
    const struct filter *filters = run->request.filters;
    struct counter c = {.cap = ctx->count_cap};
    struct query_plan plan = {.sql_is_all = false};
    struct scan_env env;
    enum err err = query_run_env(run, ctx, &env);

    if (!err && run->request.n_filters == 1)
        err = scan_plan(&env, &filters[0], &plan);
    if (err)
        return err;
    if (hll_applies(filters, run->request.n_filters)) {
        c.sketches = true;
        c.hll.offset = hll_offset(filters[0].tags[0].first);
    }
    if (plan.sql_is_all && plan.family != FAMILY_NOTHING && !is_moving(&env))
        err = count_by_sql(&env, &filters[0], &plan, &c);
    else
        err = count_by_walking(run, &env, &c);
    if (err)
        return err;
    if (c.n > c.cap)
        c.n = c.cap;
    c.sketches = c.sketches && !c.approximate; /* of a part it would say too little */
    write_answer(&c, out);
    query_cost_write(out, query_run_cost_ms(run, ctx));
    return OK;
}
