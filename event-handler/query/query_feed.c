/*
 * Events in seq order: GET /v1/feed, one page per request, and queries with `after`, which are
 * filtered here because both are only ever asked about the last moments.
 */
#include "query/query_page.h"

#include "access/access.h"
#include "access/control.h"
#include "base/clock.h"
#include "metrics.h"
#include "wire/live_wire.h"

enum { INLINE_BYTES = 8 * 1024, EVENT_ARENA_CAP = 64 * 1024 * 1024 };
enum { FEED_HEAD, FEED_SEQ, FEED_SIZE, FEED_EVENT };

/* Events behind `after` and up to `up_to`, with feed_head of the same snapshot; one row with NULLs
 * where there is none. */
static enum err fetch(const struct page_context *ctx, uint64_t after, uint64_t up_to, int64_t limit,
                      PGresult **out)
{
    struct db_params p;
    enum err err;

    db_params_init(&p);
    db_param_int8(&p, (int64_t)after);
    db_param_int8(&p, (int64_t)up_to);
    db_param_int8(&p, limit);
    db_param_int4(&p, INLINE_BYTES);
    db_param_int8(&p, clock_unix());
    err = db_exec(ctx->db, "feed",
                  "SELECT h.seq, q.* FROM (SELECT seq FROM feed_head LIMIT 1) h LEFT JOIN LATERAL "
                  "(SELECT e.seq, e.size,"
                  " CASE WHEN e.size <= $4::int THEN e.event END FROM events e WHERE e.seq > "
                  "$1::bigint AND e.seq <= $2::bigint"
                  " AND (e.expires_at IS NULL OR e.expires_at > $5::bigint) ORDER BY e.seq LIMIT "
                  "$3::bigint) q ON true",
                  &p, out);
    db_params_reset(&p);
    if (!err && PQntuples(*out) == 0) {
        PQclear(*out);
        err = ERR_INVALID;
    }
    return err;
}

/* The event of a row; fetched alone when it is large. *body keeps its bytes; empty when it was
 * deleted meanwhile. */
static enum err event_of(const struct page_context *ctx, const PGresult *rows, int row,
                         PGresult **body, struct slice *event)
{
    struct db_params p;
    enum err err;

    *body = NULL;
    *event = db_get_slice(rows, row, FEED_EVENT);
    if (event->ptr)
        return OK;
    db_params_init(&p);
    db_param_int8(&p, db_get_int8(rows, row, FEED_SEQ));
    err = db_exec(ctx->db, "body", "SELECT event FROM events WHERE seq = $1::bigint", &p, body);
    db_params_reset(&p);
    if (!err && PQntuples(*body) > 0)
        *event = db_get_slice(*body, 0, 0);
    return err;
}

typedef enum err line_fn(struct query_run *run, uint64_t seq, struct slice event, struct buf *out);

/* Writes rows until the page is full; *last is the seq up to which the page is complete. */
static enum err write_rows(struct query_run *run, const struct page_context *ctx,
                           const PGresult *rows, line_fn *line, struct buf *out, uint64_t *last,
                           bool *full)
{
    *full = false;
    for (int row = 0; row < PQntuples(rows) && !PQgetisnull(rows, row, FEED_SEQ); row++) {
        uint64_t seq = (uint64_t)db_get_int8(rows, row, FEED_SEQ);
        struct slice event;
        PGresult *body;
        enum err err;

        if (out->len >= ctx->bytes) {
            *full = true;
            return OK;
        }
        err = event_of(ctx, rows, row, &body, &event);
        if (!err && event.len > 0 && !(ctx->view && mod_lists_hide_json(ctx->view->lists, event)))
            err = line(run, seq, event, out);
        PQclear(body);
        if (err)
            return err;
        *last = seq;
    }
    return OK;
}

/* ---- GET /v1/feed ---- */

static enum err feed_line(struct query_run *run, uint64_t seq, struct slice event, struct buf *out)
{
    (void)run;
    live_line_write(out, seq, event);
    return OK;
}

enum err query_feed_page(struct query_run *run, const struct page_context *ctx, struct buf *out)
{
    int64_t limit = run->feed_limit < ctx->rows ? run->feed_limit : (int64_t)ctx->rows;
    uint64_t after = run->after < INT64_MAX ? run->after : INT64_MAX;
    uint64_t head, last = after;
    struct buf lines;
    PGresult *rows;
    bool full;
    enum err err = fetch(ctx, after, INT64_MAX, limit, &rows);

    if (err)
        return err;
    head = (uint64_t)db_get_int8(rows, 0, FEED_HEAD);
    if (head < run->request.min_seq || after > head) {
        PQclear(rows);
        if (head < run->request.min_seq)
            return ERR_GONE;
        control_head_write(out, head, head);
        return OK;
    }
    buf_init(&lines, out->cap);
    err = write_rows(run, ctx, rows, feed_line, &lines, &last, &full);
    if (!full && (PQntuples(rows) < limit || PQgetisnull(rows, 0, FEED_SEQ)))
        last = head;
    PQclear(rows);
    if (!err) {
        control_head_write(out, after, last);
        buf_add_slice(out, buf_slice(&lines));
        if (lines.failed)
            err = ERR_NOMEM;
    }
    buf_deinit(&lines);
    return err;
}

/* ---- queries with `after` ---- */

static bool matches_any(const struct query_request *q, const struct event *ev)
{
    for (size_t i = 0; i < q->n_filters; i++)
        if (filter_match(&q->filters[i], ev))
            return true;
    return false;
}

static enum err match_line(struct query_run *run, uint64_t seq, struct slice event, struct buf *out)
{
    struct arena arena;
    struct event ev;

    (void)seq;
    arena_init(&arena, EVENT_ARENA_CAP);
    if (event_parse_stored(event, &arena, &ev) && matches_any(&run->request, &ev) &&
        event_readable(&ev, run->request.readers, run->request.n_readers)) {
        buf_add_slice(out, event);
        buf_add_char(out, '\n');
    }
    arena_deinit(&arena);
    return OK;
}

enum err query_after_page(struct query_run *run, const struct page_context *ctx, struct buf *out,
                          bool *end)
{
    uint64_t up_to = run->has_snapshot ? run->snapshot : INT64_MAX;
    uint64_t after = run->after < INT64_MAX ? run->after : INT64_MAX;
    PGresult *rows;
    bool full;
    enum err err = fetch(ctx, after, up_to, (int64_t)ctx->rows, &rows);

    if (err)
        return err;
    if (!run->has_snapshot) {
        run->snapshot = (uint64_t)db_get_int8(rows, 0, FEED_HEAD);
        run->has_snapshot = run->snapshot >= run->request.min_seq;
        if (!run->has_snapshot)
            err = ERR_GONE;
    }
    if (!err)
        err = write_rows(run, ctx, rows, match_line, out, &run->after, &full);
    if (!err) {
        *end = !full && (PQntuples(rows) < (int)ctx->rows || PQgetisnull(rows, 0, FEED_SEQ));
        if (*end)
            query_end_write(out,
                            &(struct query_end){run->snapshot, false, query_run_may_withhold(run),
                                                query_run_cost_ms(run, ctx)});
    }
    PQclear(rows);
    return err;
}
