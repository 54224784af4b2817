#ifndef TESTS_UNIT_EVENT_HANDLER_TRUST_PEOPLE_H
#define TESTS_UNIT_EVENT_HANDLER_TRUST_PEOPLE_H
/*
 * People as numbers, and their follow and mute lists in a test's database, as if they had been
 * stored by the relay. Number 1 is the admin, number 2 the other one.
 */
#include "event-handler/test_db.h"

#include <string.h>

#include "access/access.h"
#include "base/hex.h"
#include "config.h"
#include "trust/trust_store.h"

static char people_admin[65], people_admins[65], people_nothing[1];

static struct config people_cfg = {
    .wot_enabled = true,
    .wot_depth = 2,
    .wot_min_followers = 2,
    .wot_max_follows = 5000,
    .wot_max_new_vouches = 500,
    .wot_refresh_minutes = 360,
    .wot_seed_relays = people_nothing,
    .shared = {.admin_pubkey = people_admin, .co_admin_pubkeys = people_admins}};
static struct access *people_access;
static uint64_t people_seq;

static inline struct pubkey person(unsigned n)
{
    struct pubkey pk = {{0xaa, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};

    return pk;
}

static inline char *person_hex(unsigned n, char out[65])
{
    struct pubkey pk = person(n);

    hex_encode(pk.b, sizeof pk.b, out);
    out[64] = '\0';
    return out;
}

/* Set-up of a test: nobody has a list, nothing was published. */
static inline int people_open(void **state)
{
    test_db_empty(state);
    if (!test_db_wanted())
        return 0;
    test_db_run("TRUNCATE wot_generations, wot_parts, wot_requests;"
                " UPDATE wot_progress SET seq = 0; UPDATE control_head SET wot_generation = 0");
    people_seq = 0;
    person_hex(1, people_admin);
    person_hex(2, people_admins);
    people_cfg.pg_write.host = (char *)(uintptr_t)test_db.target.host;
    people_cfg.pg_write.user = (char *)(uintptr_t)test_db.target.user;
    people_cfg.pg_write.password = (char *)(uintptr_t)test_db.target.password;
    people_cfg.pg_write.database = (char *)(uintptr_t)test_db.target.database;
    people_cfg.pg_write.port = test_db.target.port;
    people_access = access_new(&people_cfg);
    return people_access ? 0 : -1;
}

static inline int people_close(void **state)
{
    (void)state;
    access_free(people_access);
    people_access = NULL;
    return 0;
}

/* The newest event of this kind by author, naming the people first .. first + n - 1. */
static inline void people_store(int kind, unsigned author, int64_t created_at, unsigned first,
                                unsigned n)
{
    static const char sql[] =
        "WITH gone AS (DELETE FROM events WHERE pubkey = $1 AND kind = $2), head AS ("
        "UPDATE feed_head SET seq = $3) INSERT INTO events (seq, created_at, tie, author, kind,"
        " size, id, pubkey, tag_keys, event) VALUES ($3, $4, 0, 0, $2, 1, $5, $1, '{}', $6)";
    struct pubkey pk = person(author);
    uint64_t seq = ++people_seq;
    uint8_t id[32] = {(uint8_t)(seq >> 8), (uint8_t)seq};
    char hex[65], digits[65] = "";
    struct db_params p;
    struct buf json;
    PGresult *r;

    hex_encode(id, sizeof id, digits);
    buf_init(&json, 16 * MIB);
    buf_printf(&json, "{\"id\":\"%s\",\"pubkey\":\"%s\",\"created_at\":%lld,\"kind\":%d,\"tags\":[",
               digits, person_hex(author, hex), (long long)created_at, kind);
    for (unsigned i = 0; i < n; i++)
        buf_printf(&json, "%s[\"p\",\"%s\"]", i > 0 ? "," : "", person_hex(first + i, hex));
    buf_printf(&json, "],\"content\":\"\",\"sig\":\"%0128d\"}", 0);
    db_params_init(&p);
    db_param_bytes(&p, pk.b, sizeof pk.b);
    db_param_int4(&p, kind);
    db_param_int8(&p, (int64_t)seq);
    db_param_int8(&p, created_at);
    db_param_bytes(&p, id, sizeof id);
    db_param_text(&p, json.ptr, json.len);
    assert_int_equal(db_ready(&test_db.db), OK);
    assert_int_equal(db_exec(&test_db.db, "people_store", sql, &p, &r), OK);
    PQclear(r);
    db_params_reset(&p);
    buf_deinit(&json);
}

static inline void people_follow(unsigned author, int64_t created_at, unsigned first, unsigned n)
{
    people_store(3, author, created_at, first, n);
}

/* In a table: 'a' admin, '1', '2' levels, '-' not trusted, ' ' not there. */
static inline char people_mark(const struct trust_table *t, unsigned n)
{
    struct pubkey pk = person(n);
    const struct trust_entry *e = trust_table_find(t, &pk);

    if (!e)
        return ' ';
    if (!e->trusted)
        return '-';
    return e->level == 0 ? 'a' : (char)('0' + e->level);
}

#endif
