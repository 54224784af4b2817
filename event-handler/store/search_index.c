#include "store/search_index.h"

#include "nostr/event.h"
#include "store/search_text.h"

enum { STEP_MOST = 200, STEP_BYTES = 4 * 1024 * 1024, MEMORY_MOST = 256 * 1024 * 1024 };

#define LOCK_NUMBER "128018180695406" /* see migrate.c */

struct rows { /* what a step adds */
    int64_t *seq;
    struct slice *words;
    size_t n;
};

void search_index_init(struct search_index *s)
{
    *s = (struct search_index){.step = STEP_MOST};
    arena_init(&s->arena, MEMORY_MOST);
}

void search_index_deinit(struct search_index *s)
{
    arena_deinit(&s->arena);
}

/* Locks, for the transaction, and tells where the index and the feed stand. */
static enum err begin(struct db *db, uint64_t *done, uint64_t *head)
{
    PGresult *r;
    enum err err = db_run(db, "BEGIN");

    if (!err)
        err = db_exec(db, "search_begin",
                      "SELECT p.seq, h.seq, pg_try_advisory_xact_lock(" LOCK_NUMBER
                      ") FROM search_progress p, feed_head h",
                      NULL, &r);
    if (err)
        return err;
    if (PQntuples(r) != 1)
        err = ERR_INVALID;
    else if (!db_get_bool(r, 0, 2))
        err = ERR_BUSY;
    if (!err) {
        *done = (uint64_t)db_get_int8(r, 0, 0);
        *head = (uint64_t)db_get_int8(r, 0, 1);
    }
    PQclear(r);
    return err;
}

/* The events with text in (after, *up_to], which is lowered to where STEP_BYTES are full. */
static enum err read_events(struct db *db, uint64_t after, uint64_t *up_to, PGresult **r)
{
    struct db_params p;
    const int32_t *kinds;
    size_t n_kinds;
    int last;
    enum err err;

    kinds = search_text_kinds(&n_kinds);
    db_params_init(&p);
    db_param_int8(&p, (int64_t)after);
    db_param_int8(&p, (int64_t)*up_to);
    db_param_int4_array(&p, kinds, n_kinds);
    db_param_int8(&p, STEP_BYTES);
    err = db_exec(db, "search_read",
                  "SELECT seq, event, total FROM (SELECT seq, size, event, sum(size) OVER (ORDER "
                  "BY seq) AS total FROM events WHERE seq > $1::bigint AND seq <= $2::bigint AND "
                  "kind = ANY($3::integer[])) AS e WHERE total - size < $4::bigint ORDER BY seq",
                  &p, r);
    db_params_reset(&p);
    last = err ? 0 : PQntuples(*r);
    if (last-- > 0 && db_get_int8(*r, last, 2) >= STEP_BYTES)
        *up_to = (uint64_t)db_get_int8(*r, last, 0);
    return err;
}

static struct slice words_of(struct slice json, struct arena *arena)
{
    struct slice words = {NULL, 0};
    struct event ev;
    struct buf text;

    buf_init(&text, 2 * SEARCH_TEXT_MOST);
    if (event_parse_stored(json, arena, &ev))
        search_text_write(&ev, arena, &text);
    if (!text.failed && text.len > 0)
        words = arena_copy(arena, buf_slice(&text));
    buf_deinit(&text);
    return words;
}

static bool read_rows(const PGresult *r, struct arena *arena, struct rows *rows)
{
    size_t n = (size_t)PQntuples(r);

    rows->seq = arena_alloc(arena, n * sizeof *rows->seq);
    rows->words = arena_alloc(arena, n * sizeof *rows->words);
    rows->n = 0;
    for (size_t i = 0; rows->seq && rows->words && i < n; i++) {
        struct slice words = words_of(db_get_slice(r, (int)i, 1), arena);

        if (!words.ptr)
            continue;
        rows->seq[rows->n] = db_get_int8(r, (int)i, 0);
        rows->words[rows->n++] = words;
    }
    return rows->seq && rows->words;
}

/* The join and its lock leave out events that have been deleted since they were read. */
static enum err add_rows(struct db *db, const struct rows *rows)
{
    struct db_params p;
    PGresult *r = NULL;
    enum err err;

    if (rows->n == 0)
        return OK;
    db_params_init(&p);
    db_param_int8_array(&p, rows->seq, NULL, rows->n);
    db_param_text_array(&p, rows->words, rows->n);
    err = db_exec(db, "search_add",
                  "INSERT INTO event_search (seq, words)"
                  " SELECT e.seq, to_tsvector('pg_catalog.simple', u.words) FROM "
                  "unnest($1::bigint[], $2::text[]) AS u(seq, words)"
                  " JOIN events e ON e.seq = u.seq FOR KEY SHARE OF e ON CONFLICT DO NOTHING",
                  &p, &r);
    db_params_reset(&p);
    PQclear(r);
    return err;
}

static enum err set_progress(struct db *db, uint64_t seq)
{
    struct db_params p;
    PGresult *r = NULL;
    enum err err;

    db_params_init(&p);
    db_param_int8(&p, (int64_t)seq);
    err = db_exec(db, "search_progress", "UPDATE search_progress SET seq = $1::bigint", &p, &r);
    db_params_reset(&p);
    PQclear(r);
    return err ? err : db_run(db, "COMMIT");
}

static enum err index_range(struct search_index *s, struct db *db, uint64_t after, uint64_t *up_to,
                            bool skip, size_t *indexed)
{
    struct rows rows = {0};
    PGresult *r = NULL;
    enum err err = OK;

    if (!skip)
        err = read_events(db, after, up_to, &r);
    if (r && !read_rows(r, &s->arena, &rows))
        err = ERR_NOMEM;
    PQclear(r);
    if (!err)
        err = add_rows(db, &rows);
    if (!err)
        err = set_progress(db, *up_to);
    if (!err)
        *indexed = rows.n;
    return err;
}

/* step 0: the single event of the last step could not be indexed; it is left out. */
enum err search_index_step(struct search_index *s, struct db *db, size_t *indexed)
{
    uint64_t done = 0, head = 0, up_to;
    enum err err = begin(db, &done, &head);

    *indexed = 0;
    arena_reset(&s->arena);
    if (!err && head > done) {
        up_to = done + (s->step > 0 ? (uint64_t)s->step : 1);
        up_to = up_to < head ? up_to : head;
        err = index_range(s, db, done, &up_to, s->step == 0, indexed);
        if (!err)
            s->behind = head - up_to;
        if (!err && s->step < STEP_MOST)
            s->step = s->step * 2 + 1;
        else if (err == ERR_INVALID || err == ERR_NOMEM)
            s->step = s->step > 1 ? 1 : 0;
    } else if (!err) {
        s->behind = 0;
    }
    if (db->conn && PQtransactionStatus(db->conn) != PQTRANS_IDLE && db_run(db, "ROLLBACK") != OK)
        db_drop(db);
    return err;
}
