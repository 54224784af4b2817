#ifndef TESTS_UNIT_EVENT_HANDLER_TEST_DB_H
#define TESTS_UNIT_EVENT_HANDLER_TEST_DB_H
/*
 * A database for one test program, made in the server that the PG*_WRITE variables name and dropped
 * at the end. Without TANDEM_TEST_PG in the environment there is none, and the tests that need it
 * are skipped; `make check` sets it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/db.h"
#include "store/migrate.h"

struct test_db {
    struct db_target admin, target;
    char name[64];
    struct db db; /* for the test's own look */
};

static struct test_db test_db;

static inline bool test_db_wanted(void)
{
    return getenv("TANDEM_TEST_PG") != NULL;
}

static inline void test_db_run(const char *sql)
{
    assert_int_equal(db_ready(&test_db.db), OK);
    assert_int_equal(db_run(&test_db.db, sql), OK);
}

/* The first column of the first row of a query, as a number. */
static inline int64_t test_db_number(const char *sql)
{
    PGresult *r;
    int64_t n;

    assert_int_equal(db_ready(&test_db.db), OK);
    assert_int_equal(db_run_rows(&test_db.db, sql, &r), OK);
    n = strtol(PQgetvalue(r, 0, 0), NULL, 10);
    PQclear(r);
    return n;
}

static inline void test_db_admin(const char *verb)
{
    char sql[200];
    struct db admin;

    snprintf(sql, sizeof sql, "%s %s", verb, test_db.name);
    db_init(&admin, &test_db.admin, NULL);
    assert_int_equal(db_ready(&admin), OK);
    assert_int_equal(db_run(&admin, sql), OK);
    db_deinit(&admin);
}

/* Group set-up and tear-down. */
static inline int test_db_open(void **state)
{
    (void)state;
    if (!test_db_wanted())
        return 0;
    test_db.admin = (struct db_target){.host = getenv("PGHOST_WRITE"),
                                       .user = getenv("PGUSER_WRITE"),
                                       .password = getenv("PGPASSWORD_WRITE"),
                                       .database = getenv("PGDATABASE_WRITE"),
                                       .port = (int)strtol(getenv("PGPORT_WRITE"), NULL, 10),
                                       .role = "test"};
    snprintf(test_db.name, sizeof test_db.name, "tandem_test_%d", (int)getpid());
    test_db.target = test_db.admin;
    test_db.target.database = test_db.name;
    test_db_admin("CREATE DATABASE");
    db_init(&test_db.db, &test_db.target, NULL);
    assert_int_equal(migrate(&test_db.db), OK);
    return 0;
}

static inline int test_db_close(void **state)
{
    (void)state;
    if (!test_db_wanted())
        return 0;
    db_deinit(&test_db.db);
    test_db_admin("DROP DATABASE");
    return 0;
}

/* Before each test: an empty store. */
static inline int test_db_empty(void **state)
{
    (void)state;
    if (test_db_wanted())
        test_db_run("TRUNCATE events, event_tags, deleted_events, deleted_addresses, vanished, "
                    "event_search, event_history, withheld_events, reports, wot_lists;"
                    " UPDATE feed_head SET seq = 0; UPDATE search_progress SET seq = 0");
    return 0;
}

#define TEST_NEEDS_DB()                                                                            \
    do {                                                                                           \
        (void)state;                                                                               \
        if (!test_db_wanted())                                                                     \
            skip();                                                                                \
    } while (0)

#endif
