#include "store/write_trip.h"

#include "store/erase.h"

#define GONE_COLUMNS " RETURNING e.seq, e.created_at, e.tie, e.tag_keys, e.address"
/* The tag rows of deleted events, found by the keys that the events carry. */
#define DELETE_TAGS_OF_GONE                                                                        \
    " DELETE FROM event_tags t USING gone g, unnest(g.tag_keys) AS k(key) WHERE t.key = k.key"     \
    " AND t.created_at = g.created_at AND t.tie = g.tie AND t.seq = g.seq"

static const struct {
    const char *name, *sql;
} statements[N_STATEMENTS] = {
    [BEGIN] = {"w_begin", "BEGIN"},
    [HEAD] = {"w_head", "SELECT seq FROM feed_head WHERE one FOR UPDATE"},
    [STORED] = {"w_stored", "SELECT id FROM events WHERE id = ANY($1::bytea[])"},
    [HOLDERS] = {"w_holders", "SELECT address, id, pubkey, created_at, seq FROM events"
                              " WHERE address IS NOT NULL AND address = ANY($1::bytea[])"},
    [TOMBSTONES] = {"w_tombstones",
                    "SELECT id, deleter FROM deleted_events WHERE id = ANY($1::bytea[])"},
    [FLOORS] = {"w_floors", "SELECT address, up_to, by_author FROM deleted_addresses WHERE address "
                            "= ANY($1::bytea[])"},
    [VANISHED] = {"w_vanished",
                  "SELECT pubkey, up_to FROM vanished WHERE pubkey = ANY($1::bytea[])"},
    [HISTORY] = {"w_history", erase_count_sql},
    [REPLACE] = {"w_replace",
                 "WITH gone AS (DELETE FROM events e WHERE e.seq = ANY($1::bigint[])" GONE_COLUMNS
                 ")" DELETE_TAGS_OF_GONE},
    /* $2: which of them are kept for their author. */
    [REPLACE_KEEPING] =
        {"w_replace_keeping",
         "WITH gone AS (DELETE FROM events e WHERE e.seq = ANY($1::bigint[])" GONE_COLUMNS
         ", e.id, e.pubkey, e.kind, e.size, e.expires_at, e.event),"
         " kept AS (INSERT INTO event_history (id, pubkey, address, kind, created_at, tie, size, "
         "replaced_at, event)"
         " SELECT g.id, g.pubkey, g.address, g.kind, g.created_at, g.tie, g.size, $3::bigint, "
         "g.event FROM gone g WHERE g.seq = ANY($2::bigint[]) AND g.expires_at IS NULL"
         " ON CONFLICT (id) DO NOTHING)" DELETE_TAGS_OF_GONE},
    [KEEP] = {"w_keep",
              "INSERT INTO event_history (id, pubkey, address, kind, created_at, tie, size, "
              "replaced_at, event)"
              " SELECT u.id, u.pubkey, u.address, u.kind, u.created_at, u.tie, u.size, $1::bigint, "
              "u.event FROM unnest($2::bytea[], $3::bytea[], $4::bytea[], $5::integer[], "
              "$6::bigint[], $7::bigint[], $8::integer[], $9::text[])"
              " AS u(id, pubkey, address, kind, created_at, tie, size, event)"
              " ON CONFLICT (id) DO NOTHING"},
    /* The id of a replaceable version takes the older ones with it, kept ones too. For versions
       that the batch replaces ($3) the plan knows whether they were the newest at that time, and
       has the floor. A quote within JSON text is escaped, so that ["p"," begins a tag. */
    [DELETE_IDS] =
        {"w_delete_ids",
         "WITH gone AS (DELETE FROM events e USING unnest($1::bytea[], $2::bytea[]) AS d(id, "
         "deleter)"
         " WHERE e.id = d.id AND e.kind NOT IN (5, 62) AND (e.pubkey = d.deleter OR (e.kind = 1059"
         " AND position('[\"p\",\"' || encode(d.deleter, 'hex') || '\"' IN e.event) > "
         "0))" GONE_COLUMNS "),"
         " floors AS (INSERT INTO deleted_addresses (address, up_to, by_author)"
         " SELECT address, max(created_at), true FROM gone WHERE address IS NOT NULL AND seq <> "
         "ALL($3::bigint[]) GROUP BY address"
         " ON CONFLICT (address) DO UPDATE SET up_to = excluded.up_to, by_author = true"
         " WHERE deleted_addresses.up_to <= excluded.up_to),"
         " older AS (DELETE FROM event_history h USING gone g WHERE h.address = g.address"
         " AND h.created_at <= g.created_at AND g.seq <> ALL($3)),"
         " version AS (DELETE FROM event_history h USING unnest($1, $2) AS d(id, deleter)"
         " WHERE h.id = d.id AND h.pubkey = d.deleter)" DELETE_TAGS_OF_GONE},
    [DELETE_ADDRESSES] = {"w_delete_addresses",
                          "WITH gone AS (DELETE FROM events e USING unnest($1::bytea[], "
                          "$2::bigint[]) AS d(address, up_to)"
                          " WHERE e.address IS NOT NULL AND e.address = d.address AND e.created_at "
                          "<= d.up_to" GONE_COLUMNS "),"
                          " versions AS (DELETE FROM event_history h USING unnest($1, $2) AS "
                          "d(address, up_to)"
                          " WHERE h.address = d.address AND h.created_at <= "
                          "d.up_to)" DELETE_TAGS_OF_GONE},
    [ADD_TOMBSTONES] = {"w_add_tombstones",
                        "INSERT INTO deleted_events (id, deleter)"
                        " SELECT * FROM unnest($1::bytea[], $2::bytea[]) ON CONFLICT DO NOTHING"},
    [ADD_FLOORS] = {"w_add_floors", "INSERT INTO deleted_addresses (address, up_to, by_author)"
                                    " SELECT f.address, max(f.up_to), true FROM "
                                    "unnest($1::bytea[], $2::bigint[]) AS f(address, up_to)"
                                    " GROUP BY f.address ON CONFLICT (address) DO UPDATE SET up_to "
                                    "= excluded.up_to, by_author = true"
                                    " WHERE deleted_addresses.up_to <= excluded.up_to"},
    [ADD_VANISHED] =
        {"w_add_vanished",
         "INSERT INTO vanished (pubkey, up_to) SELECT * FROM unnest($1::bytea[], $2::bigint[])"
         " ON CONFLICT (pubkey) DO UPDATE SET up_to = greatest(vanished.up_to, excluded.up_to)"},
    [ERASE] = {"w_erase", erase_sql},
    /* Arrays cannot be nested ragged: all keys travel in one array, and each event names its slice.
     */
    [INSERT] = {"w_insert", "INSERT INTO events (seq, created_at, tie, author, kind, size, "
                            "expires_at, id, pubkey, address, tag_keys, event)"
                            " SELECT u.seq, u.created_at, u.tie, u.author, u.kind, u.size, "
                            "u.expires_at, u.id, u.pubkey, u.address,"
                            " ($1::bigint[])[u.first:u.last], u.event"
                            " FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], "
                            "$6::integer[], $7::integer[],"
                            " $8::bigint[], $9::bytea[], $10::bytea[], $11::bytea[], "
                            "$12::integer[], $13::integer[], $14::text[])"
                            " AS u(seq, created_at, tie, author, kind, size, expires_at, id, "
                            "pubkey, address, first, last, event)"},
    /* Neighbours in the index one after the other: its pages are then in the cache. */
    [INSERT_TAGS] = {"w_insert_tags", "INSERT INTO event_tags (key, created_at, tie, seq, kind)"
                                      " SELECT * FROM unnest($1::bigint[], $2::bigint[], "
                                      "$3::bigint[], $4::bigint[], $5::integer[]) ORDER BY 1"},
    [SET_HEAD] = {"w_set_head", "UPDATE feed_head SET seq = $1::bigint WHERE one"},
    [COMMIT] = {"w_commit", "COMMIT"},
};

const char *write_statement_name(enum statement s)
{
    return statements[s].name;
}

const char *write_statement_sql(enum statement s)
{
    return statements[s].sql;
}

enum err write_prepare(struct db *db)
{
    enum err err = OK;

    for (size_t i = 0; !err && i < N_STATEMENTS; i++)
        err = db_prepare(db, statements[i].name, statements[i].sql);
    return err;
}

void trip_begin(struct trip *t, struct db *db)
{
    t->db = db;
    t->n = 0;
    t->err = db_pipe_begin(db);
}

/* p may be NULL; its memory is released. */
void trip_add(struct trip *t, enum statement s, struct db_params *p)
{
    assert(t->n < TRIP_MOST);
    if (!t->err)
        t->err = db_pipe_send(t->db, statements[s].name, p);
    if (!t->err)
        t->sent[t->n++] = s;
    if (p)
        db_params_reset(p);
}

enum err trip_finish(struct trip *t)
{
    if (!t->err)
        t->err = db_pipe_finish(t->db, t->result, t->n);
    if (t->err)
        t->n = 0;
    return t->err;
}

const PGresult *trip_result(const struct trip *t, enum statement s)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->sent[i] == s)
            return t->result[i];
    }
    return NULL;
}

int trip_rows(const struct trip *t, enum statement s)
{
    const PGresult *r = trip_result(t, s);

    return r ? PQntuples(r) : 0;
}

void trip_clear(struct trip *t)
{
    for (size_t i = 0; i < t->n; i++)
        PQclear(t->result[i]);
    t->n = 0;
}
