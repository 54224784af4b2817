/*
 * Replaced versions, for their owner (nostr/history.h): few rows of one author, newest first, from
 * event_history. Bodies add up, so a page ends where its bytes are full and the next goes on behind
 * its last row.
 */
#include "query/query_page.h"

#include "access/access.h"
#include "metrics.h"

enum { HEAD, CREATED_AT, TIE, EVENT };

/* One row more than may be given, to know whether there are more. */
static enum err fetch(const struct query_run *run, const struct page_context *ctx, int64_t most,
                      PGresult **out)
{
    const struct filter *f = &run->request.filters[0];
    int64_t until = f->has & FILTER_UNTIL && f->until < INT64_MAX ? f->until + 1 : INT64_MAX;
    struct db_params p;
    enum err err;

    db_params_init(&p);
    db_param_bytes(&p, f->authors[0].b, sizeof f->authors[0].b);
    db_param_int4_array(&p, f->kinds, f->n_kinds);
    db_param_int8(&p, run->history.begun ? run->history.created_at : until);
    db_param_int8(&p, run->history.begun ? run->history.tie : INT64_MIN);
    db_param_int8(&p, f->has & FILTER_SINCE ? f->since : 0);
    db_param_int8(&p, most + 1);
    db_param_int8(&p, (int64_t)ctx->bytes);
    err =
        db_exec(ctx->db, "history",
                "SELECT h.seq, q.created_at, q.tie, q.event FROM (SELECT seq FROM feed_head LIMIT "
                "1) h LEFT JOIN LATERAL (SELECT created_at, tie, event FROM (SELECT created_at, "
                "tie, event, size, sum(size) OVER (ORDER BY created_at DESC, tie DESC) AS total "
                "FROM event_history WHERE pubkey = $1::bytea AND kind = ANY($2::integer[])"
                " AND (created_at, tie) < ($3::bigint, $4::bigint) AND created_at >= $5::bigint"
                " ORDER BY created_at DESC, tie DESC LIMIT $6::bigint) e"
                " WHERE total - size < $7::bigint ORDER BY created_at DESC, tie DESC) q ON true",
                &p, out);
    db_params_reset(&p);
    if (!err && PQntuples(*out) == 0) {
        PQclear(*out);
        err = ERR_INVALID; /* feed_head is empty: not our database */
    }
    return err;
}

static enum err take_snapshot(struct query_run *run, const PGresult *rows)
{
    if (!run->has_snapshot)
        run->snapshot = (uint64_t)db_get_int8(rows, 0, HEAD);
    run->has_snapshot = run->snapshot >= run->request.min_seq;
    return run->has_snapshot ? OK : ERR_GONE;
}

static void write_rows(struct query_run *run, const struct page_context *ctx, const PGresult *rows,
                       struct buf *out)
{
    for (int row = 0; row < PQntuples(rows) && !PQgetisnull(rows, row, EVENT); row++) {
        struct slice event = db_get_slice(rows, row, EVENT);

        if (run->history.remaining == 0) {
            run->more = true;
            return;
        }
        run->history.begun = true;
        run->history.created_at = db_get_int8(rows, row, CREATED_AT);
        run->history.tie = db_get_int8(rows, row, TIE);
        if (ctx->view && mod_lists_hide_json(ctx->view->lists, event))
            continue;
        buf_add_slice(out, event);
        buf_add_char(out, '\n');
        run->history.remaining--;
        metric_add(M_QUERY_EVENTS, 0, 1);
    }
}

enum err query_history_page(struct query_run *run, const struct page_context *ctx, struct buf *out,
                            bool *end)
{
    int64_t most = (int64_t)ctx->rows;
    PGresult *rows;
    enum err err;

    if (!run->history.begun)
        run->history.remaining = query_limit_of(run, &run->request.filters[0]);
    if (run->history.remaining < most)
        most = run->history.remaining;
    err = fetch(run, ctx, most, &rows);
    if (err)
        return err;
    err = take_snapshot(run, rows);
    if (!err) {
        bool none = PQgetisnull(rows, 0, EVENT);

        write_rows(run, ctx, rows, out);
        *end = none || run->more;
        if (*end)
            query_end_write(out, &(struct query_end){run->snapshot, run->more, false,
                                                     query_run_cost_ms(run, ctx)});
    }
    PQclear(rows);
    return err;
}
