#include "trust/trust_store.h"

#include <stdlib.h>
#include <string.h>

#include "nostr/event.h"
#include "nostr/kind.h"

enum {
    PART_PEOPLE = 20000, /* of a generation in one row */
    PERSON_BYTES = 36,
    KEEP_GENERATIONS = 20,
    BIT_TRUSTED = 1,
    BIT_MUTED = 2,
    BIT_FOLLOWS = 4,
};

/* Reasons of generations for which everything was looked at. */
#define REBUILDS "'" TRUST_REASON_SCHEDULE "', '" TRUST_REASON_REQUEST "'"

/* ---- reading lists ---- */

enum { AUTHOR, KIND, CREATED_AT, ID, STORED, KEYS, HELD, VOUCH_DAY, VOUCHES };
#define LIST_COLUMNS "author, kind, created_at, id, stored, keys, held, vouch_day, vouches"

static struct trust_list read_list(const PGresult *r, int row)
{
    struct trust_list list = {.kind = db_get_int4(r, row, KIND),
                              .created_at = db_get_int8(r, row, CREATED_AT),
                              .stored = db_get_bool(r, row, STORED),
                              .keys = db_get_slice(r, row, KEYS),
                              .held = db_get_slice(r, row, HELD),
                              .vouch_day = db_get_int8(r, row, VOUCH_DAY),
                              .vouches = db_get_int4(r, row, VOUCHES)};

    memcpy(list.author.b, db_get_slice(r, row, AUTHOR).ptr, sizeof list.author.b);
    memcpy(list.id.b, db_get_slice(r, row, ID).ptr, sizeof list.id.b);
    return list;
}

static enum err each_list(const PGresult *rows, trust_list_fn *fn, void *ctx)
{
    for (int i = 0; i < PQntuples(rows); i++) {
        struct trust_list list = read_list(rows, i);

        if (!fn(&list, ctx))
            return ERR_NOMEM;
    }
    return OK;
}

static enum err lists_of(struct db *db, int kind, const struct pubkey *authors, size_t n,
                         trust_list_fn *fn, void *ctx)
{
    struct slice keys[TRUST_STORE_STEP];
    struct db_params p;
    PGresult *rows;
    enum err err;

    for (size_t i = 0; i < n; i++)
        keys[i] = slice_of((const char *)authors[i].b, sizeof authors[i].b);
    db_params_init(&p);
    db_param_int4(&p, kind);
    db_param_bytea_array(&p, keys, n);
    err = db_exec(db, "wot_lists_of",
                  "SELECT " LIST_COLUMNS " FROM wot_lists"
                  " WHERE kind = $1 AND author = ANY($2::bytea[])",
                  &p, &rows);
    db_params_reset(&p);
    if (err)
        return err;
    err = each_list(rows, fn, ctx);
    PQclear(rows);
    return err;
}

enum err trust_store_lists_of(struct db *db, int kind, const struct pubkey *authors, size_t n,
                              trust_list_fn *fn, void *ctx)
{
    enum err err = OK;

    for (size_t first = 0; !err && first < n; first += TRUST_STORE_STEP) {
        size_t step = n - first < TRUST_STORE_STEP ? n - first : TRUST_STORE_STEP;

        err = lists_of(db, kind, authors + first, step, fn, ctx);
    }
    return err;
}

enum err trust_store_held_lists(struct db *db, const struct trust_list *last, trust_list_fn *fn,
                                void *ctx, int *n)
{
    struct db_params p;
    PGresult *rows;
    enum err err;

    db_params_init(&p);
    db_param_bytes(&p, last->author.b, sizeof last->author.b);
    db_param_int4(&p, last->kind);
    db_param_int8(&p, TRUST_STORE_STEP);
    err = db_exec(db, "wot_lists_held",
                  "SELECT " LIST_COLUMNS " FROM wot_lists WHERE held IS NOT NULL"
                  " AND (author, kind) > ($1, $2) ORDER BY author, kind LIMIT $3",
                  &p, &rows);
    db_params_reset(&p);
    if (err)
        return err;
    *n = PQntuples(rows);
    err = each_list(rows, fn, ctx);
    PQclear(rows);
    return err;
}

enum err trust_store_find_list(struct db *db, const struct pubkey *author, int kind,
                               struct arena *arena, struct trust_list *out, bool *found)
{
    struct db_params p;
    PGresult *rows;
    enum err err;

    db_params_init(&p);
    db_param_bytes(&p, author->b, sizeof author->b);
    db_param_int4(&p, kind);
    err = db_exec(db, "wot_list_find",
                  "SELECT " LIST_COLUMNS " FROM wot_lists WHERE author = $1 AND kind = $2"
                  " UNION ALL SELECT pubkey, $2, up_to, decode(repeat('00', 32), 'hex'), false,"
                  " '', NULL, 0, 0 FROM vanished WHERE pubkey = $1 AND NOT EXISTS"
                  " (SELECT FROM wot_lists WHERE author = $1 AND kind = $2)",
                  &p, &rows);
    db_params_reset(&p);
    if (err)
        return err;
    *found = PQntuples(rows) == 1;
    if (*found) {
        *out = read_list(rows, 0);
        out->keys = arena_copy(arena, out->keys);
        if (out->held.ptr)
            out->held = arena_copy(arena, out->held);
        if (!out->keys.ptr)
            err = ERR_NOMEM;
    }
    PQclear(rows);
    return err;
}

/* ---- writing lists ---- */

/* Not of people who have vanished (NIP-62), wherever the list was found. */
static const char put_sql[] =
    "WITH progress AS (UPDATE wot_progress SET seq = greatest(seq, $1::bigint) WHERE $1::bigint > "
    "0)"
    " INSERT INTO wot_lists (" LIST_COLUMNS ")"
    " SELECT * FROM unnest($2::bytea[], $3::int4[], $4::int8[], $5::bytea[], $6::bool[],"
    " $7::bytea[], $8::bytea[], $9::int8[], $10::int4[]) AS u (" LIST_COLUMNS ")"
    " WHERE NOT EXISTS (SELECT FROM vanished v WHERE v.pubkey = u.author AND u.created_at <= "
    "v.up_to)"
    " ON CONFLICT (author, kind) DO UPDATE SET created_at = excluded.created_at,"
    " id = excluded.id, stored = excluded.stored, keys = excluded.keys, held = excluded.held,"
    " vouch_day = excluded.vouch_day, vouches = excluded.vouches";

struct list_arrays {
    struct slice *author, *id, *keys, *held;
    int32_t *kind, *vouches;
    int64_t *created_at, *vouch_day;
    bool *stored;
};

static bool make_arrays(const struct trust_list *lists, size_t n, struct arena *arena,
                        struct list_arrays *a)
{
    a->author = arena_calloc(arena, n, sizeof *a->author);
    a->id = arena_calloc(arena, n, sizeof *a->id);
    a->keys = arena_calloc(arena, n, sizeof *a->keys);
    a->held = arena_calloc(arena, n, sizeof *a->held);
    a->kind = arena_calloc(arena, n, sizeof *a->kind);
    a->vouches = arena_calloc(arena, n, sizeof *a->vouches);
    a->created_at = arena_calloc(arena, n, sizeof *a->created_at);
    a->vouch_day = arena_calloc(arena, n, sizeof *a->vouch_day);
    a->stored = arena_calloc(arena, n, sizeof *a->stored);
    if (!a->author || !a->id || !a->keys || !a->held || !a->kind || !a->vouches || !a->created_at ||
        !a->vouch_day || !a->stored)
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct trust_list *l = &lists[i];

        a->author[i] = slice_of((const char *)l->author.b, sizeof l->author.b);
        a->id[i] = slice_of((const char *)l->id.b, sizeof l->id.b);
        a->keys[i] = l->keys.ptr ? l->keys : SLICE("");
        a->held[i] = l->held;
        a->kind[i] = l->kind;
        a->vouches[i] = l->vouches;
        a->created_at[i] = l->created_at;
        a->vouch_day[i] = l->vouch_day;
        a->stored[i] = l->stored;
    }
    return true;
}

enum err trust_store_put_lists(struct db *db, const struct trust_list *lists, size_t n,
                               uint64_t seq)
{
    struct list_arrays a;
    struct db_params p;
    struct arena arena;
    PGresult *r = NULL;
    enum err err = ERR_NOMEM;

    arena_init(&arena, MIB);
    db_params_init(&p);
    if (make_arrays(lists, n, &arena, &a)) {
        db_param_int8(&p, (int64_t)seq);
        db_param_bytea_array(&p, a.author, n);
        db_param_int4_array(&p, a.kind, n);
        db_param_int8_array(&p, a.created_at, NULL, n);
        db_param_bytea_array(&p, a.id, n);
        db_param_bool_array(&p, a.stored, n);
        db_param_bytea_array(&p, a.keys, n);
        db_param_bytea_array(&p, a.held, n);
        db_param_int8_array(&p, a.vouch_day, NULL, n);
        db_param_int4_array(&p, a.vouches, n);
        err = db_exec(db, "wot_lists_put", put_sql, &p, &r);
    }
    PQclear(r);
    db_params_reset(&p);
    arena_deinit(&arena);
    return err;
}

enum err trust_store_empty_deleted(struct db *db)
{
    PGresult *r;
    enum err err = db_exec(db, "wot_lists_empty",
                           "UPDATE wot_lists l SET keys = '', held = NULL, stored = false"
                           " WHERE stored AND NOT EXISTS"
                           " (SELECT FROM events e WHERE e.id = l.id) AND NOT EXISTS"
                           " (SELECT FROM events e, wot_progress p"
                           " WHERE e.seq > p.seq AND e.kind IN (3, 10000))",
                           NULL, &r);

    if (!err)
        PQclear(r);
    return err;
}

/* ---- news ---- */

enum err trust_store_news(struct db *db, struct trust_news *out)
{
    PGresult *r;
    enum err err = db_exec(db, "wot_news",
                           "SELECT h.seq, p.seq, coalesce(q.last, 0), coalesce(q.forced, false)"
                           " FROM feed_head h, wot_progress p,"
                           " (SELECT max(id) AS last, bool_or(force) AS forced"
                           " FROM wot_requests) q",
                           NULL, &r);

    if (err)
        return err;
    if (PQntuples(r) == 1)
        *out = (struct trust_news){.head = (uint64_t)db_get_int8(r, 0, 0),
                                   .seen = (uint64_t)db_get_int8(r, 0, 1),
                                   .request = (uint64_t)db_get_int8(r, 0, 2),
                                   .forced = db_get_bool(r, 0, 3)};
    else
        err = ERR_INVALID;
    PQclear(r);
    return err;
}

enum err trust_store_end_requests(struct db *db, uint64_t last)
{
    struct db_params p;
    PGresult *r;
    enum err err;

    db_params_init(&p);
    db_param_int8(&p, (int64_t)last);
    err = db_exec(db, "wot_requests_end", "DELETE FROM wot_requests WHERE id <= $1", &p, &r);
    db_params_reset(&p);
    if (!err)
        PQclear(r);
    return err;
}

enum err trust_store_new_events(struct db *db, uint64_t after, int limit, PGresult **rows)
{
    struct db_params p;
    enum err err;

    db_params_init(&p);
    db_param_int8(&p, (int64_t)after);
    db_param_int8(&p, limit);
    err = db_exec(db, "wot_new_events",
                  "SELECT seq, event FROM events WHERE seq > $1 AND kind IN (3, 10000)"
                  " ORDER BY seq LIMIT $2",
                  &p, rows);
    db_params_reset(&p);
    return err;
}

struct trust_event trust_store_event(const PGresult *rows, int row)
{
    return (struct trust_event){(uint64_t)db_get_int8(rows, row, 0), db_get_slice(rows, row, 1)};
}

enum err trust_store_relay_list(struct db *db, const struct pubkey *author, PGresult **rows)
{
    uint8_t address[32];
    struct db_params p;
    enum err err;

    event_address(KIND_RELAY_LIST, author, SLICE(""), address);
    db_params_init(&p);
    db_param_bytes(&p, address, sizeof address);
    err = db_exec(db, "wot_relay_list", "SELECT event FROM events WHERE address = $1", &p, rows);
    db_params_reset(&p);
    return err;
}

/* ---- generations ---- */

static void pack_person(const struct trust_entry *e, char *out)
{
    memcpy(out, e->pubkey.b, 32);
    out[32] = (char)e->level;
    out[33] = (char)((e->trusted ? BIT_TRUSTED : 0) | (e->muted ? BIT_MUTED : 0) |
                     (e->follows ? BIT_FOLLOWS : 0));
    out[34] = (char)(e->followers >> 8);
    out[35] = (char)e->followers;
}

static struct trust_entry unpack_person(const char *in)
{
    const uint8_t *b = (const uint8_t *)in;
    struct trust_entry e = {.level = b[32],
                            .trusted = b[33] & BIT_TRUSTED,
                            .muted = (b[33] & BIT_MUTED) != 0,
                            .follows = (b[33] & BIT_FOLLOWS) != 0,
                            .followers = (uint16_t)(b[34] << 8 | b[35])};

    memcpy(e.pubkey.b, in, 32);
    return e;
}

static enum err insert_generation(struct db *db, const struct trust_table *t,
                                  struct trust_generation *gen)
{
    struct db_params p;
    PGresult *r;
    enum err err;

    db_params_init(&p);
    db_param_int8(&p, gen->made_at);
    db_param_text(&p, gen->reason, strlen(gen->reason));
    db_param_bool(&p, !gen->refused);
    if (gen->refused)
        db_param_text(&p, gen->refused, strlen(gen->refused));
    else
        db_param_null(&p);
    db_param_int4(&p, (int32_t)t->n);
    db_param_int4(&p, (int32_t)t->n_trusted);
    db_param_int4(&p, (int32_t)gen->added);
    db_param_int4(&p, (int32_t)gen->removed);
    db_param_int8(&p, (int64_t)gen->milliseconds);
    err = db_exec(db, "wot_generation",
                  "INSERT INTO wot_generations (made_at, reason, published, refused, people,"
                  " trusted, added, removed, milliseconds)"
                  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING generation",
                  &p, &r);
    db_params_reset(&p);
    if (err)
        return err;
    gen->generation = (uint64_t)db_get_int8(r, 0, 0);
    PQclear(r);
    return OK;
}

static enum err insert_part(struct db *db, uint64_t generation, int part, struct slice people)
{
    struct db_params p;
    PGresult *r;
    enum err err;

    db_params_init(&p);
    db_param_int8(&p, (int64_t)generation);
    db_param_int4(&p, part);
    db_param_bytes(&p, people.ptr, people.len);
    err = db_exec(db, "wot_part",
                  "INSERT INTO wot_parts (generation, part, people) VALUES ($1, $2, $3)", &p, &r);
    db_params_reset(&p);
    if (!err)
        PQclear(r);
    return err;
}

static enum err insert_parts(struct db *db, const struct trust_table *t, uint64_t generation)
{
    char *people = malloc((size_t)PART_PEOPLE * PERSON_BYTES);
    enum err err = people ? OK : ERR_NOMEM;

    for (size_t first = 0; !err && first < t->n; first += PART_PEOPLE) {
        size_t n = t->n - first < PART_PEOPLE ? t->n - first : PART_PEOPLE;

        for (size_t i = 0; i < n; i++)
            pack_person(&t->entry[first + i], people + i * PERSON_BYTES);
        err = insert_part(db, generation, (int)(first / PART_PEOPLE),
                          slice_of(people, n * PERSON_BYTES));
    }
    free(people);
    return err;
}

/* Who waits on control_head loads it now. */
static enum err announce(struct db *db, uint64_t generation)
{
    struct db_params p;
    PGresult *r;
    enum err err;

    db_params_init(&p);
    db_param_int8(&p, (int64_t)generation);
    err =
        db_exec(db, "wot_announce", "UPDATE control_head SET wot_generation = $1::bigint", &p, &r);
    db_params_reset(&p);
    if (err)
        return err;
    PQclear(r);
    return db_run(db, "NOTIFY tandem_control");
}

static enum err remove_old(struct db *db)
{
    struct db_params p;
    PGresult *r;
    enum err err;

    db_params_init(&p);
    db_param_int8(&p, KEEP_GENERATIONS);
    err = db_exec(db, "wot_prune",
                  "DELETE FROM wot_generations WHERE generation <= (SELECT max(generation)"
                  " FROM wot_generations) - $1::bigint AND generation <> (SELECT wot_generation"
                  " FROM control_head) AND generation IS DISTINCT FROM (SELECT max(generation)"
                  " FROM wot_generations WHERE reason IN (" REBUILDS "))",
                  &p, &r);
    db_params_reset(&p);
    if (!err)
        PQclear(r);
    return err;
}

enum err trust_store_publish(struct db *db, const struct trust_table *t,
                             struct trust_generation *gen)
{
    enum err err = db_run(db, "BEGIN");

    if (!err)
        err = insert_generation(db, t, gen);
    if (!err && !gen->refused)
        err = insert_parts(db, t, gen->generation);
    if (!err && !gen->refused)
        err = announce(db, gen->generation);
    if (!err)
        err = remove_old(db);
    if (!err)
        return db_run(db, "COMMIT");
    if (db->conn)
        (void)!db_run(db, "ROLLBACK");
    return err;
}

/* The people of all parts together. */
static size_t count_people(const PGresult *parts)
{
    size_t n = 0;

    for (int i = 0; i < PQntuples(parts); i++)
        n += db_get_slice(parts, i, 0).len / PERSON_BYTES;
    return n;
}

static struct trust_table *unpack(const PGresult *parts)
{
    struct trust_table *t = trust_table_new(count_people(parts));

    for (int i = 0; t && i < PQntuples(parts); i++) {
        struct slice people = db_get_slice(parts, i, 0);

        for (size_t at = 0; at + PERSON_BYTES <= people.len; at += PERSON_BYTES) {
            struct trust_entry e = unpack_person(people.ptr + at);

            if (!trust_table_put(t, &e))
                break;
        }
    }
    return t;
}

enum err trust_store_load(struct db *db, uint64_t generation, struct trust_table **out)
{
    struct db_params p;
    PGresult *parts;
    enum err err;

    *out = NULL;
    db_params_init(&p);
    db_param_int8(&p, (int64_t)generation);
    err = db_exec(db, "wot_load",
                  "SELECT p.people, g.made_at FROM wot_generations g JOIN wot_parts p"
                  " USING (generation) WHERE g.generation = $1 AND g.published ORDER BY p.part",
                  &p, &parts);
    db_params_reset(&p);
    if (err)
        return err;
    if (PQntuples(parts) == 0)
        err = ERR_GONE;
    else if (!(*out = unpack(parts)))
        err = ERR_NOMEM;
    if (*out) {
        (*out)->generation = generation;
        (*out)->finished_unix = db_get_int8(parts, 0, 1);
    }
    PQclear(parts);
    return err;
}

enum err trust_store_newest(struct db *db, uint64_t *generation)
{
    PGresult *r;
    enum err err = db_exec(db, "wot_newest",
                           "SELECT wot_generation FROM control_head h WHERE EXISTS"
                           " (SELECT FROM wot_generations g JOIN wot_parts USING (generation)"
                           " WHERE g.generation = h.wot_generation AND g.published)",
                           NULL, &r);

    if (err)
        return err;
    *generation = PQntuples(r) == 1 ? (uint64_t)db_get_int8(r, 0, 0) : 0;
    PQclear(r);
    return OK;
}

enum err trust_store_last_rebuild(struct db *db, int64_t *made_at)
{
    PGresult *r;
    enum err err = db_exec(db, "wot_last_rebuild",
                           "SELECT coalesce(max(made_at), 0) FROM wot_generations"
                           " WHERE reason IN (" REBUILDS ")",
                           NULL, &r);

    if (err)
        return err;
    *made_at = db_get_int8(r, 0, 0);
    PQclear(r);
    return OK;
}
