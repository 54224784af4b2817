/* The life of a query: pages on demand, bounds, a replica that is behind, and stopping. */
#include "access/access.h"
#include "event-handler/test_db.h"

#include <pthread.h>
#include <semaphore.h>
#include <string.h>

#include "config.h"
#include "metrics.h"
#include "query/query.h"

enum { EVENTS = 100, BEHIND = 40, QUEUE = 6 };

static struct config cfg;
static struct query_pool *pool;
static struct access *relay_access;
static char replica_name[80];

/* An event without tags per number; ids and keys do not matter here. */
static void fill(struct db *db, int n)
{
    char sql[1000];

    snprintf(sql, sizeof sql,
             "INSERT INTO events SELECT n, n, n, 1, 1, length(j), NULL, sha256(n::text::bytea), "
             "sha256('a'), NULL, '{}', j FROM"
             " (SELECT n, '{\"id\":\"' || repeat('0', 64) || '\",\"pubkey\":\"' || repeat('0', 64) "
             "|| '\",\"created_at\":' || n ||"
             " ',\"kind\":1,\"tags\":[],\"content\":\"\",\"sig\":\"\"}' AS j FROM "
             "generate_series(1, %d) n) x;"
             " UPDATE feed_head SET seq = %d",
             n, n);
    assert_int_equal(db_ready(db), OK);
    assert_int_equal(db_run(db, sql), OK);
}

static void run_admin(const char *verb, const char *name)
{
    char sql[200];
    struct db admin;

    snprintf(sql, sizeof sql, "%s %s", verb, name);
    db_init(&admin, &test_db.admin, NULL);
    assert_int_equal(db_ready(&admin), OK);
    assert_int_equal(db_run(&admin, sql), OK);
    db_deinit(&admin);
}

static int open_databases(void **state)
{
    struct db_target target;
    struct db db;

    event_handler_metrics_open();
    test_db_open(state);
    if (!test_db_wanted())
        return 0;
    fill(&test_db.db, EVENTS);
    snprintf(replica_name, sizeof replica_name, "%s_replica", test_db.name);
    run_admin("CREATE DATABASE", replica_name);
    target = test_db.target;
    target.database = replica_name;
    db_init(&db, &target, NULL);
    assert_int_equal(migrate(&db), OK);
    fill(&db, BEHIND);
    db_deinit(&db);
    return 0;
}

static int close_databases(void **state)
{
    if (test_db_wanted())
        run_admin("DROP DATABASE", replica_name);
    return test_db_close(state);
}

static void start(const char *read_database)
{
    setenv("READ_QUEUE", "6", 1);
    setenv("QUERY_PAGE", "10", 1);
    setenv("READ_WORKERS", "2", 1);
    assert_int_equal(config_load(&cfg), OK);
    free(cfg.pg_write.database);
    free(cfg.pg_read.database);
    cfg.pg_write.database = strdup(test_db.name);
    cfg.pg_read.database = strdup(read_database);
    relay_access = access_new(&cfg);
    assert_non_null(relay_access);
    pool = query_pool_start(&cfg, relay_access);
    assert_non_null(pool);
}

static int stop(void **state)
{
    (void)state;
    if (pool)
        query_pool_stop(pool);
    access_free(relay_access);
    relay_access = NULL;
    if (test_db_wanted())
        config_free(&cfg);
    pool = NULL;
    return 0;
}

/* ---- one query ---- */

struct asked {
    struct query *q;
    sem_t ready;
};

static void on_ready(struct query *q, void *ctx)
{
    (void)q;
    sem_post(&((struct asked *)ctx)->ready);
}

static enum err begin(struct asked *a, enum query_verb verb, const char *json, uint64_t after)
{
    const char *error = "";

    sem_init(&a->ready, 0, 0);
    return query_start(pool, verb, slice_str(json), after, 1000, on_ready, a, &a->q, &error);
}

static void wait_ready(struct asked *a)
{
    while (sem_wait(&a->ready) != 0)
        continue;
}

/* All pages; returns their number. */
static size_t read_all(struct asked *a, struct buf *out)
{
    for (size_t pages = 1;; pages++) {
        struct slice page;
        int status;
        bool end;

        wait_ready(a);
        page = query_page(a->q, &end, &status);
        assert_int_equal(status, 200);
        buf_add_slice(out, page);
        if (end) {
            query_free(a->q);
            sem_destroy(&a->ready);
            return pages;
        }
        query_next(a->q);
    }
}

static bool contains(const struct buf *b, const char *text)
{
    return memmem(b->ptr, b->len, text, strlen(text)) != NULL;
}

static void test_pages(void **state)
{
    struct asked a;
    struct buf out;

    TEST_NEEDS_DB();
    start(test_db.name);
    buf_init(&out, MIB);
    assert_int_equal(begin(&a, QUERY_EVENTS, "{\"filters\":[{\"limit\":35}]}", 0), OK);
    assert_int_equal(read_all(&a, &out), 4);
    assert_true(
        contains(&out, "{\"end\":true,\"seq\":100,\"more\":true,\"hidden\":true,\"cost\":"));
    buf_deinit(&out);
}

static void test_bad_requests(void **state)
{
    struct asked a;

    TEST_NEEDS_DB();
    start(test_db.name);
    assert_int_equal(begin(&a, QUERY_EVENTS, "", 0), ERR_INVALID);
    assert_int_equal(begin(&a, QUERY_EVENTS, "{\"filters\":[{\"limit\":-1}]}", 0), ERR_INVALID);
    cfg.search_enabled = false;
    assert_int_equal(begin(&a, QUERY_EVENTS, "{\"filters\":[{\"search\":\"x\"}]}", 0), ERR_INVALID);
}

/* ---- bounds ---- */

static void test_only_so_many(void **state)
{
    struct asked a[QUEUE], one_more;

    TEST_NEEDS_DB();
    start(test_db.name);
    for (size_t i = 0; i < QUEUE; i++)
        assert_int_equal(begin(&a[i], QUERY_EVENTS, "{\"filters\":[{}]}", 0), OK);
    assert_int_equal(begin(&one_more, QUERY_EVENTS, "{\"filters\":[{}]}", 0), ERR_BUSY);
    for (size_t i = 0; i < QUEUE; i++) {
        wait_ready(&a[i]);
        query_free(a[i].q); /* after its first page: cancelled */
    }
    assert_int_equal(begin(&one_more, QUERY_EVENTS, "{\"filters\":[{}]}", 0), OK);
    wait_ready(&one_more);
    query_free(one_more.q);
}

/* ---- replicas ---- */

static void test_a_replica_that_is_behind(void **state)
{
    static const struct {
        enum query_verb verb;
        const char *json;
        uint64_t after;
        const char *wanted;
        int64_t primary; /* times that the primary was asked */
    } rows[] = {
        {QUERY_EVENTS, "{\"filters\":[{}],\"min_seq\":40}", 0, "\"seq\":40,", 0},
        {QUERY_EVENTS, "{\"filters\":[{}],\"min_seq\":41}", 0, "\"seq\":100,", 1},
        {QUERY_EVENTS, "{\"filters\":[{}],\"min_seq\":1000}", 0, "\"seq\":100,", 1},
        {QUERY_EVENTS, "{\"filters\":[{}],\"min_seq\":41,\"after\":95}", 0, "\"seq\":100,", 1},
        {QUERY_COUNT, "{\"filters\":[{}]}", 0, "\"count\":40,", 0},
        {QUERY_COUNT, "{\"filters\":[{}],\"min_seq\":41}", 0, "\"count\":100,", 1},
        {QUERY_COUNT, "{\"filters\":[{},{}],\"min_seq\":41}", 0, "\"count\":100,", 1},
        {QUERY_COUNT, "{\"filters\":[{\"#t\":[\"x\"]}],\"min_seq\":41}", 0, "\"count\":0,", 1},
        {QUERY_FEED, "", 30, "1 30 40 0 ", 0},
        {QUERY_FEED, "", 90, "1 90 100 0 ", 1},
        {QUERY_FEED, "", UINT64_MAX, "1 100 100 0 ", 1},
    };

    TEST_NEEDS_DB();
    start(replica_name);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t before = metric_get(M_QUERY_PRIMARY, 0);
        struct asked a;
        struct buf out;

        buf_init(&out, MIB);
        assert_int_equal(begin(&a, rows[i].verb, rows[i].json, rows[i].after), OK);
        read_all(&a, &out);
        if (!contains(&out, rows[i].wanted) ||
            metric_get(M_QUERY_PRIMARY, 0) - before != rows[i].primary)
            fail_msg("row %zu: %.*s", i, (int)(out.len < 100 ? out.len : 100), out.ptr);
        buf_deinit(&out);
    }
}

/* ---- stopping ---- */

static void test_stopping_answers_all(void **state)
{
    struct asked a[QUEUE];
    struct query_pool *stopped;

    TEST_NEEDS_DB();
    start(test_db.name);
    for (size_t i = 0; i < QUEUE; i++)
        assert_int_equal(begin(&a[i], QUERY_EVENTS, "{\"filters\":[{}]}", 0), OK);
    wait_ready(&a[0]);
    stopped = pool;
    pool = NULL;
    query_pool_stop(stopped); /* its memory goes with the last query */
    for (size_t i = 0; i < QUEUE; i++) {
        struct slice page;
        int status;
        bool end;

        if (i > 0)
            wait_ready(&a[i]);
        page = query_page(a[i].q, &end, &status);
        assert_true(page.len > 0);
        if (!end) {
            query_next(a[i].q);
            wait_ready(&a[i]);
            page = query_page(a[i].q, &end, &status);
            assert_true(page.len == 0); /* no end line: the answer is not whole */
        }
        assert_true(end);
        assert_int_equal(status, 503);
        query_free(a[i].q);
    }
}

static void test_without_a_database(void **state)
{
    struct query_health health;
    struct asked a;
    int status;
    bool end;

    TEST_NEEDS_DB();
    start("there_is_no_such_database");
    assert_int_equal(begin(&a, QUERY_EVENTS, "{\"filters\":[{}]}", 0), OK);
    wait_ready(&a);
    assert_true(query_page(a.q, &end, &status).len > 0);
    assert_true(end);
    assert_int_equal(status, 503);
    query_free(a.q);
    query_pool_health(pool, &health);
    assert_false(health.database_ok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_pages, stop),
        cmocka_unit_test_teardown(test_bad_requests, stop),
        cmocka_unit_test_teardown(test_only_so_many, stop),
        cmocka_unit_test_teardown(test_a_replica_that_is_behind, stop),
        cmocka_unit_test_teardown(test_stopping_answers_all, stop),
        cmocka_unit_test_teardown(test_without_a_database, stop),
    };

    return cmocka_run_group_tests(tests, open_databases, close_databases);
}
