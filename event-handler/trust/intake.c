#include "trust/intake.h"

#include <stdlib.h>

#include "access/access.h"
#include "base/clock.h"
#include "base/hex.h"
#include "config.h"
#include "metrics.h"
#include "ops/log.h"
#include "trust/crawl_job.h"
#include "trust/trust_store.h"

enum { STEP_BYTES = 64 * 1024 * 1024 }; /* of memory; a step with more ends early */

struct intake {
    const struct config *cfg;
    struct access *access;
    struct trust_circle *circle;
    struct arena arena; /* of the step */
    /* The step. */
    struct db *db;
    struct access_view *view;
    bool stored; /* the events are in the store */
    bool forced;
    struct trust_list list[TRUST_STORE_STEP];
    size_t n;
    struct trust_list last; /* the held list that was looked at last */
    enum err err;
};

struct intake *intake_new(const struct config *cfg, struct access *access,
                          struct trust_circle *circle)
{
    struct intake *in = calloc(1, sizeof *in);

    if (!in)
        return NULL;
    in->cfg = cfg;
    in->access = access;
    in->circle = circle;
    arena_init(&in->arena, 512 * MIB);
    return in;
}

void intake_free(struct intake *in)
{
    if (!in)
        return;
    arena_deinit(&in->arena);
    free(in);
}

/* ---- a step ---- */

static void begin_step(struct intake *in, struct db *db, bool stored)
{
    arena_reset(&in->arena);
    in->db = db;
    in->view = access_acquire(in->access);
    in->stored = stored;
    in->n = 0;
    in->err = OK;
}

/* A row can change only once in a statement: of two versions in one step the later is kept. */
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

/* Writes the step, and tells the circle. seq as in trust_store_put_lists(). */
static enum err end_step(struct intake *in, uint64_t seq, bool *relevant)
{
    access_release(in->view);
    drop_doubles(in);
    if (!in->err && (in->n > 0 || seq > 0))
        in->err = trust_store_put_lists(in->db, in->list, in->n, seq);
    for (size_t i = 0; !in->err && i < in->n; i++) {
        if (!trust_circle_note(in->circle, &in->list[i], relevant))
            in->err = ERR_NOMEM;
    }
    return in->err;
}

static struct trust_list_rules rules_for(const struct intake *in, const struct pubkey *author)
{
    return (struct trust_list_rules){clock_unix(), access_is_admin(in->view, author),
                                     (unsigned)in->cfg->wot_max_new_vouches, in->stored};
}

static void warn_of(const struct trust_list *list, enum trust_list_change change)
{
    bool held = change == TRUST_LIST_HELD;
    char prefix[HEX_PREFIX_DIGITS + 1];

    metric_add(M_WOT_LISTS, held ? WOT_METRIC_HELD : WOT_METRIC_CAPPED, 1);
    log_warn("trust",
             held ? "a list lost nine tenths: the one before counts until it is confirmed"
                  : "a list names more new people than one may in a day: the others must wait",
             "author=%s kind=%d", hex_prefix(list->author.b, prefix), list->kind);
}

/* What is known of the list that ev is a version of: in this step, or else in the database. */
static const struct trust_list *find_old(struct intake *in, const struct event *ev,
                                         struct trust_list *row)
{
    bool found = false;

    for (size_t i = in->n; i-- > 0;) {
        if (in->list[i].kind == ev->kind && pubkey_eq(&in->list[i].author, &ev->pubkey))
            return &in->list[i];
    }
    in->err = trust_store_find_list(in->db, &ev->pubkey, ev->kind, &in->arena, row, &found);
    return found ? row : NULL;
}

static void take_event(struct intake *in, struct slice json)
{
    static const struct event_limits limits = {
        .max_event_bytes = 16 * MIB, .max_tags = 100000, .max_content_chars = 16 * MIB};
    struct trust_list_rules rules;
    const struct trust_list *old;
    struct trust_list row, list;
    enum trust_list_change change;
    const char *error;
    struct event ev;
    bool has_id;

    if (in->err || !event_parse(json, &limits, &in->arena, &ev, &has_id, &error))
        return;
    old = find_old(in, &ev, &row);
    if (in->err)
        return;
    rules = rules_for(in, &ev.pubkey);
    change = trust_list_apply(old, &ev, &rules, &in->arena, &list);
    if (change == TRUST_LIST_NOMEM)
        in->err = ERR_NOMEM;
    if (change == TRUST_LIST_OLD || in->err)
        return;
    if (change != TRUST_LIST_TAKEN)
        warn_of(&list, change);
    list.stored = in->stored;
    in->list[in->n++] = list;
}

/* ---- stored lists ---- */

/* Takes from rows until the step is full. *more: there may be others behind those taken. Returns
 * the seq up to which all have been seen. */
static uint64_t take_rows(struct intake *in, const PGresult *rows, uint64_t head, bool *more)
{
    int n = PQntuples(rows), i = 0;
    uint64_t seq = 0;

    for (; i < n && in->arena.used < STEP_BYTES; i++) {
        struct trust_event e = trust_store_event(rows, i);

        take_event(in, e.json);
        seq = e.seq;
    }
    *more = i < n || n == TRUST_STORE_STEP;
    return n == 0 || *more ? seq : head;
}

/* The next of them; *more: there may be others behind them. */
static enum err take_stored(struct intake *in, struct db *db, const struct trust_news *news,
                            bool *relevant, bool *more)
{
    PGresult *rows;
    uint64_t seq;
    enum err err = trust_store_new_events(db, news->seen, TRUST_STORE_STEP, &rows);

    if (err)
        return err;
    begin_step(in, db, true);
    seq = take_rows(in, rows, news->head, more);
    err = end_step(in, seq, relevant);
    PQclear(rows);
    return err;
}

enum err intake_stored(struct intake *in, struct db *db, struct trust_news *news, bool *relevant)
{
    bool more = true;
    enum err err = OK;

    while (!err && more) {
        err = take_stored(in, db, news, relevant, &more);
        if (!err && more)
            err = trust_store_news(db, news);
    }
    return err;
}

/* ---- lists of other relays ---- */

enum err intake_crawled(struct intake *in, struct db *db, struct crawl_job *job, bool *more)
{
    bool relevant = false;
    struct slice json;

    *more = true;
    begin_step(in, db, false);
    for (int i = 0; i < TRUST_STORE_STEP && *more && in->arena.used < STEP_BYTES; i++) {
        *more = crawl_job_next(job, &json);
        if (*more)
            take_event(in, json);
    }
    return end_step(in, 0, &relevant);
}

/* ---- lists held back ---- */

static bool ripen(const struct trust_list *held, void *ctx)
{
    struct intake *in = ctx;
    struct trust_list_rules rules = rules_for(in, &held->author);
    struct trust_list *list = &in->list[in->n];
    enum trust_list_change change = trust_list_ripen(held, &rules, in->forced, &in->arena, list);

    in->last.author = held->author;
    in->last.kind = held->kind;
    if (change == TRUST_LIST_OLD)
        return true;
    /* What it says now outlives the row that it was read from. */
    list->held = list->held.ptr ? arena_copy(&in->arena, list->held) : list->held;
    in->n++;
    return change != TRUST_LIST_NOMEM;
}

enum err intake_ripen(struct intake *in, struct db *db, bool forced)
{
    int n = TRUST_STORE_STEP;
    bool relevant = false;
    enum err err = OK;

    in->forced = forced;
    in->last = (struct trust_list){.kind = -1};
    while (!err && n == TRUST_STORE_STEP) {
        begin_step(in, db, false);
        in->err = trust_store_held_lists(db, &in->last, ripen, in, &n);
        err = end_step(in, 0, &relevant);
    }
    return err;
}
