/* NIP-50 over a real PostgreSQL: rank, the other members of the filter, several filters, words that
 * are no words. */
#include "event-handler/test_db.h"

#include "base/clock.h"
#include "base/hex.h"
#include "nostr/canonical.h"
#include "query/query_page.h"
#include "store/index_keys.h"

static struct {
    struct db db;
    struct query_sql *sql;
    struct siphash_key secret;
} world;

/* n, kind, created_at, expires_at, content. The event's id is 64 times the digit n, its author as
 * many times the letter a. */
static const char corpus[] =
    "INSERT INTO events SELECT n, at, ~(('x' || repeat(n::text, 16))::bit(64)::bigint), 0, kind, "
    "length(j), expires, decode(repeat(n::text, 64),"
    " 'hex'), decode(repeat('a', 64), 'hex'), NULL, '{}', j FROM (SELECT *, '{\"id\":\"' || "
    "repeat(n::text, 64) || '\",\"pubkey\":\"' ||"
    " repeat('a', 64) || '\",\"created_at\":' || at || ',\"kind\":' || kind || "
    "',\"tags\":[],\"content\":\"' || content ||"
    " '\",\"sig\":\"' || repeat('0', 128) || '\"}' AS j FROM (VALUES"
    " (1, 1, 100, NULL, 'the quick brown fox'),"
    " (2, 1, 200, NULL, 'a fox'),"
    " (3, 30023, 300, NULL, 'fox fox fox and nothing but the fox'),"
    " (4, 1, 400, NULL, 'no such animal'),"
    " (5, 1, 500, 900, 'the fox that is gone'),"
    " (6, 4, 600, NULL, 'a secret fox'),"
    " (7, 1, 700, NULL, 'see https://fox.example.com today'),"
    " (8, 1, 800, NULL, 'brown bread')"
    ") v(n, kind, at, expires, content)) x;"
    "INSERT INTO event_search SELECT seq, to_tsvector('simple', event::json->>'content') FROM "
    "events;"
    "UPDATE feed_head SET seq = 8";

static int open_world(void **state)
{
    if (test_db_open(state) != 0 || !test_db_wanted())
        return 0;
    clock_freeze_unix(1000);
    test_db_run(corpus);
    world.sql = query_sql_new();
    db_init(&world.db, &test_db.target,
            "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_sort = "
            "off");
    assert_int_equal(db_ready(&world.db), OK);
    assert_int_equal(index_tag_secret_load(&world.db, &world.secret), OK);
    return 0;
}

static int close_world(void **state)
{
    if (!test_db_wanted())
        return 0;
    db_deinit(&world.db);
    query_sql_free(world.sql);
    clock_freeze_unix(0);
    return test_db_close(state);
}

/* The answer as the first digits of its ids, then + when there is more. */
static void search(const char *filters, size_t page, char out[64])
{
    static const struct query_request_limits limits = {{100, 1000}, 10};
    struct page_context ctx = {.db = &world.db,
                               .sql = world.sql,
                               .secret = &world.secret,
                               .count_cap = 100,
                               .rows = page,
                               .bytes = MIB,
                               .deadline_ms = clock_mono_ms() + 10000};
    struct query_run run;
    struct query_end end;
    const char *error;
    bool done = false;
    struct buf json, got;
    size_t n = 0;

    buf_init(&json, 64 * KIB);
    buf_init(&got, MIB);
    buf_printf(&json, "{\"filters\":[%s]}", filters);
    query_run_init(&run, QUERY_EVENTS);
    run.default_limit = run.max_limit = 50;
    if (!query_request_parse(buf_slice(&json), &limits, &run.arena, &run.request, &error))
        fail_msg("%s: %s", filters, error);
    while (!done)
        assert_int_equal(query_run_page(&run, &ctx, &got, &done), OK);
    for (char *line = got.ptr, *next; line < got.ptr + got.len; line = next + 1) {
        next = memchr(line, '\n', (size_t)(got.ptr + got.len - line));
        assert_non_null(next);
        if (!query_end_parse(slice_of(line, (size_t)(next - line)), &end))
            out[n++] = canonical_id(slice_of(line, (size_t)(next - line))).ptr[0];
        else if (end.more)
            out[n++] = '+';
    }
    out[n] = '\0';
    query_run_deinit(&run);
    buf_deinit(&json);
    buf_deinit(&got);
}

static void test_searches(void **state)
{
    static const struct {
        const char *filters, *wanted;
    } rows[] = {
        {"{\"search\":\"fox\"}", "321"},
        {"{\"search\":\"FOX\"}", "321"},
        {"{\"search\":\"fox\",\"limit\":1}", "3+"},
        {"{\"search\":\"fox\",\"limit\":3}", "321"},
        {"{\"search\":\"fox\",\"limit\":0}", "+"},
        {"{\"search\":\"fox\",\"kinds\":[1]}", "21"},
        {"{\"search\":\"fox\",\"kinds\":[4]}", ""},
        {"{\"search\":\"fox\",\"until\":200}", "21"},
        {"{\"search\":\"fox\",\"since\":200,\"until\":200}", "2"},
        {"{\"search\":\"fox\",\"#t\":[\"x\"]}", ""},
        {"{\"search\":\"brown fox\"}", "1"},
        {"{\"search\":\"brown language:en\"}", "81"},
        {"{\"search\":\"language:en\",\"limit\":2}", "87+"},
        {"{\"search\":\"fox.example.com\"}", "7"},
        {"{\"search\":\"\\\"; DROP TABLE events\"}", ""},
        {"{\"search\":\"fox & | ! <-> ( :*\"}", "321"},
        {"{\"search\":\"\\u0000fox\\u0000\"}", "321"},
        {"{\"search\":\"\\ud83e\\udd8a\"}", ""},
        {"{\"search\":\"fox\"},{\"search\":\"brown\"}", "3218"},
        {"{\"search\":\"brown\"},{\"kinds\":[1],\"limit\":3}", "8174+"},
        {"{\"kinds\":[1],\"limit\":2},{\"search\":\"fox\",\"limit\":1}", "387+"},
    };

    TEST_NEEDS_DB();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t page = 1; page <= 100; page *= 10) {
            char got[64];

            search(rows[i].filters, page, got);
            if (strcmp(got, rows[i].wanted) != 0)
                fail_msg("%s: wanted %s, got %s", rows[i].filters, rows[i].wanted, got);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_searches),
    };

    return cmocka_run_group_tests(tests, open_world, close_world);
}
