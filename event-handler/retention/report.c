#include "retention/report.h"

#include <stdlib.h>
#include <string.h>

#include "access/access.h"
#include "base/clock.h"
#include "base/siphash.h"

enum { PAGE_EVENTS = 1000, AUTHORS_MOST = 1 << 20, SLOTS = 2 * AUTHORS_MOST };

struct author_set { /* hashes of (author, rule); 0 is a free slot */
    uint64_t *slot;
    struct siphash_key secret;
    size_t n;
};

struct reading {
    const struct access_view *view;
    const struct retention_rules *rules;
    const struct key_set *exempt;
    int64_t now, created_at, tie;
    struct author_set authors;
    struct retention_report *out;
};

/* True when this author is new to the rule. Two that share 64 bits of a keyed hash count once. */
static bool add_author(struct author_set *set, const struct pubkey *author, size_t rule)
{
    uint8_t key[sizeof author->b + 1];
    uint64_t hash;
    size_t at;

    memcpy(key, author->b, sizeof author->b);
    key[sizeof author->b] = (uint8_t)rule;
    hash = siphash(&set->secret, key, sizeof key);
    hash += hash == 0;
    for (at = hash & (SLOTS - 1); set->slot[at] != 0; at = (at + 1) & (SLOTS - 1)) {
        if (set->slot[at] == hash)
            return false;
    }
    if (set->n == AUTHORS_MOST)
        return false;
    set->slot[at] = hash;
    set->n++;
    return true;
}

static void tally(struct reading *rd, const struct pubkey *author, int kind, int64_t created_at,
                  int32_t size)
{
    const struct retention_rule *rule;
    struct retention_tally *t;
    enum tier tier;

    rule =
        retention_judge(rd->rules, rd->exempt, rd->view, author, kind, created_at, rd->now, &tier);
    if (!rule)
        return;
    t = &rd->out->rule[rule - rd->rules->rule];
    if (t->events++ == 0)
        t->oldest = created_at;
    t->bytes += size;
    t->authors += add_author(&rd->authors, author, (size_t)(rule - rd->rules->rule));
}

static enum err read_page(struct reading *rd, struct db *db, int64_t horizon, int *n)
{
    struct db_params p;
    PGresult *r;
    enum err err;

    db_params_init(&p);
    db_param_int8(&p, rd->created_at);
    db_param_int8(&p, rd->tie);
    db_param_int8(&p, horizon);
    db_param_int8(&p, PAGE_EVENTS);
    err =
        db_exec(db, "retention_report",
                "SELECT created_at, tie, kind, size, pubkey FROM events WHERE (created_at, tie) > "
                "($1::bigint, $2::bigint) AND created_at <= $3::bigint ORDER BY created_at, tie "
                "LIMIT $4::bigint",
                &p, &r);
    db_params_reset(&p);
    if (err)
        return err;
    *n = PQntuples(r);
    for (int row = 0; row < *n; row++) {
        struct pubkey author;

        rd->created_at = db_get_int8(r, row, 0);
        rd->tie = db_get_int8(r, row, 1);
        memcpy(author.b, db_get_slice(r, row, 4).ptr, sizeof author.b);
        tally(rd, &author, db_get_int4(r, row, 2), rd->created_at, db_get_int4(r, row, 3));
    }
    rd->out->looked_at += *n;
    PQclear(r);
    return OK;
}

enum err retention_report_make(struct db *db, const struct access_view *view,
                               const struct retention_rules *rules, const struct key_set *exempt,
                               int64_t now, uint64_t budget_ms, struct retention_report *out)
{
    struct reading rd = {.view = view,
                         .rules = rules,
                         .exempt = exempt,
                         .now = now,
                         .created_at = -1,
                         .authors = {.secret = siphash_random_key()},
                         .out = out};
    int64_t horizon = retention_rules_horizon(rules, now);
    uint64_t give_up_ms = clock_mono_ms() + budget_ms;
    int n = PAGE_EVENTS;
    enum err err = OK;

    *out = (struct retention_report){.up_to = horizon};
    rd.authors.slot = calloc(SLOTS, sizeof *rd.authors.slot);
    if (!rd.authors.slot)
        return ERR_NOMEM;
    while (!err && n == PAGE_EVENTS && clock_mono_ms() < give_up_ms)
        err = read_page(&rd, db, horizon, &n);
    if (n == PAGE_EVENTS)
        out->up_to = rd.created_at;
    out->approximate = n == PAGE_EVENTS || rd.authors.n == AUTHORS_MOST;
    free(rd.authors.slot);
    return err;
}
