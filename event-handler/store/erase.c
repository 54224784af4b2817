#include "store/erase.h"

#include <string.h>

#include "base/hex.h"
#include "nostr/kind.h"
#include "store/index_keys.h"

enum { STEP = 1000 };

static_assert(KIND_VANISH == 62 && KIND_GIFT_WRAP == 1059, "named in the SQL below");

/* $1 author key, $2 pubkey, $3 up to, $4 key of the p tag, $5 the p tag's beginning in canonical
 * JSON, $6 limit of each part, $7 up to, of gift wraps */
#define DOOMED                                                                                     \
    "WITH doomed AS ("                                                                             \
    "(SELECT e.seq FROM events e WHERE e.author = $1::bigint AND e.pubkey = $2::bytea"             \
    " AND e.created_at <= $3::bigint AND e.kind <> 62 LIMIT $6::bigint)"                           \
    " UNION "                                                                                      \
    "(SELECT t.seq FROM event_tags t JOIN events e ON e.seq = t.seq WHERE t.key = $4::bigint"      \
    " AND t.created_at <= $7::bigint AND t.kind = 1059 AND position($5::text IN e.event) > 0"      \
    " LIMIT $6::bigint))," /* What a ban has taken out of service (0004_moderation.sql). */        \
    " doomed_withheld AS ("                                                                        \
    "(SELECT w.id FROM withheld_events w WHERE w.pubkey = $2 AND w.created_at <= $3"               \
    " AND w.kind <> 62 LIMIT $6)"                                                                  \
    " UNION "                                                                                      \
    "(SELECT w.id FROM withheld_events w WHERE w.kind = 1059 AND w.tag_keys @> ARRAY[$4]"          \
    " AND w.created_at <= $7 AND position($5 IN w.event) > 0 LIMIT $6))"

const char erase_count_sql[] = DOOMED " SELECT (SELECT count(*) FROM doomed) + (SELECT count(*) "
                                      "FROM doomed_withheld)";

/* Versions kept for the author, the author's reports, and what the Web of Trust knows of the
 * author's lists are few and need no limit. */
const char erase_sql[] = DOOMED
    ", gone AS (DELETE FROM events e USING doomed d WHERE e.seq = d.seq RETURNING e.seq, "
    "e.created_at, e.tie, e.tag_keys)"
    ", tags AS (DELETE FROM event_tags t USING gone g, unnest(g.tag_keys) AS k(key) WHERE t.key = "
    "k.key AND t.created_at = g.created_at AND t.tie = g.tie AND t.seq = g.seq)"
    ", gone_withheld AS (DELETE FROM withheld_events w USING doomed_withheld d WHERE w.id = d.id"
    " RETURNING 1)"
    ", versions AS (DELETE FROM event_history h WHERE h.pubkey = $2 AND h.created_at <= $3)"
    ", said AS (DELETE FROM reports r WHERE r.reporter = $2)"
    ", lists AS (DELETE FROM wot_lists l WHERE l.author = $2 AND l.created_at <= $3)"
    " SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM gone_withheld)";

void erase_params(struct db_params *p, const struct vanish *v, const struct siphash_key *tag_secret,
                  int64_t limit)
{
    char tag[6 + 64 + 1] = "[\"p\",\"";

    hex_encode(v->pubkey.b, sizeof v->pubkey.b, tag + 6);
    tag[sizeof tag - 1] = '"';
    db_params_init(p);
    db_param_int8(p, index_author(&v->pubkey));
    db_param_bytes(p, v->pubkey.b, sizeof v->pubkey.b);
    db_param_int8(p, v->up_to);
    db_param_int8(p, index_tag_key(tag_secret, 'p', slice_of(tag + 6, 64)));
    db_param_text_copy(p, tag, sizeof tag);
    db_param_int8(p, limit);
    db_param_int8(p, v->wraps_up_to);
}

/* The lock on feed_head lets no write transaction run that has not seen `vanished`. */
static enum err forbid_return(struct db *db, const struct vanish *v)
{
    struct db_params p;
    PGresult *r = NULL;
    enum err err;

    db_params_init(&p);
    db_param_bytes(&p, v->pubkey.b, sizeof v->pubkey.b);
    db_param_int8(&p, v->up_to);
    err = db_exec(
        db, "erase_forbid",
        "WITH lock AS MATERIALIZED (SELECT seq FROM feed_head WHERE one FOR UPDATE)"
        " INSERT INTO vanished (pubkey, up_to) SELECT $1::bytea, $2::bigint FROM lock"
        " ON CONFLICT (pubkey) DO UPDATE SET up_to = greatest(vanished.up_to, excluded.up_to)",
        &p, &r);
    db_params_reset(&p);
    PQclear(r);
    return err;
}

static enum err step(struct db *db, const struct vanish *v, const struct siphash_key *tag_secret,
                     int64_t *removed)
{
    struct db_params p;
    PGresult *r = NULL;
    enum err err;

    erase_params(&p, v, tag_secret, STEP);
    err = db_exec(db, "erase_step", erase_sql, &p, &r);
    db_params_reset(&p);
    if (!err)
        *removed = db_get_int8(r, 0, 0);
    PQclear(r);
    return err;
}

enum err erase_history(struct db *db, const struct vanish *v, const struct siphash_key *tag_secret,
                       bool (*keep_going)(void *ctx), void *ctx)
{
    int64_t removed = 1;
    enum err err = forbid_return(db, v);

    while (!err && removed > 0) {
        if (!keep_going(ctx))
            return ERR_GONE;
        err = step(db, v, tag_secret, &removed);
    }
    return err;
}
