#include "store/retention.h"

/* $1 now, $2 limit. SKIP LOCKED: another handler, or the writer, is at these rows already. */
static const char sweep_sql[] =
    "WITH doomed AS (SELECT seq FROM events WHERE expires_at <= $1::bigint ORDER BY expires_at "
    "LIMIT $2::bigint"
    " FOR UPDATE SKIP LOCKED),"
    " gone AS (DELETE FROM events e USING doomed d WHERE e.seq = d.seq"
    " RETURNING e.seq, e.created_at, e.tie, e.tag_keys, e.address),"
    " floors AS (INSERT INTO deleted_addresses (address, up_to, by_author)"
    " SELECT address, max(created_at), false FROM gone WHERE address IS NOT NULL GROUP BY address"
    " ON CONFLICT (address) DO UPDATE SET up_to = excluded.up_to, by_author = false"
    " WHERE deleted_addresses.up_to < excluded.up_to),"
    " tags AS (DELETE FROM event_tags t USING gone g, unnest(g.tag_keys) AS k(key) WHERE t.key = "
    "k.key"
    " AND t.created_at = g.created_at AND t.tie = g.tie AND t.seq = g.seq)"
    " SELECT count(*) FROM gone";

enum err retention_sweep(struct db *db, int64_t now, int64_t limit, int64_t *removed)
{
    struct db_params p;
    PGresult *r;
    enum err err;

    db_params_init(&p);
    db_param_int8(&p, now);
    db_param_int8(&p, limit);
    err = db_exec(db, "retention_sweep", sweep_sql, &p, &r);
    db_params_reset(&p);
    if (err)
        return err;
    *removed = db_get_int8(r, 0, 0);
    PQclear(r);
    return OK;
}
