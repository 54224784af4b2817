/* Schemas that come and go while others are at work, against a real PostgreSQL. */
#include "event-handler/test_db.h"

#include "ops/log.h"
#include "store/migrations.h"

#define LOCK "128018180695405"

static const struct migration history[] = {
    {1, "one", "CREATE TABLE t_one (a int);\nINSERT INTO t_one SELECT generate_series(1, 1000);\n"},
    {2, "two", "-- compatible-with: 1\n-- Words.\nCREATE TABLE t_two (a int);\n"},
    {3, "three",
     "-- no-transaction\n-- compatible-with: 1\nDROP INDEX CONCURRENTLY IF EXISTS t_one_a;\n\n"
     "CREATE INDEX CONCURRENTLY t_one_a\n    ON t_one (a);\n"},
    {4, "four", "ALTER TABLE t_one RENAME TO t_first;\n"},
};

static struct db db;

static int set_up(void **state)
{
    (void)state;
    if (!test_db_wanted())
        return 0;
    test_db_run("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    db_init(&db, &test_db.target, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (test_db_wanted())
        db_deinit(&db);
    return 0;
}

static bool exists(const char *relation)
{
    char sql[100];

    snprintf(sql, sizeof sql, "SELECT (to_regclass('%s') IS NOT NULL)::int", relation);
    return test_db_number(sql) == 1;
}

static void test_from_nothing(void **state)
{
    TEST_NEEDS_DB();
    assert_int_equal(migrate_along(&db, history, 4), OK);
    assert_int_equal(test_db_number("SELECT count(*) FROM schema_migrations"), 4);
    assert_int_equal(test_db_number("SELECT count(*) FROM t_first"), 1000);
    assert_int_equal(test_db_number("SELECT indisvalid::int FROM pg_index WHERE indexrelid = "
                                    "'t_one_a'::regclass"),
                     1);
    assert_int_equal(migrate_along(&db, history, 4), OK);
}

static void test_program_older_than_schema(void **state)
{
    TEST_NEEDS_DB();
    assert_int_equal(migrate_along(&db, history, 3), OK);
    assert_int_equal(migrate_along(&db, history, 1), OK); /* 2 and 3 only add */
    assert_int_equal(migrate_along(&db, history, 4), OK);
    assert_int_equal(migrate_along(&db, history, 3), ERR_CONFIG);
    assert_int_equal(migrate_along(&db, history, 1), ERR_CONFIG);
}

/* A row by a program that did not know of least_program. */
static void test_schema_without_least_program(void **state)
{
    TEST_NEEDS_DB();
    test_db_run("CREATE TABLE schema_migrations (number integer PRIMARY KEY, name text NOT NULL, "
                "applied_at timestamptz NOT NULL DEFAULT now());"
                " INSERT INTO schema_migrations VALUES (1, 'one'); CREATE TABLE t_one (a int)");
    assert_int_equal(migrate_along(&db, history, 3), OK);
    test_db_run("INSERT INTO schema_migrations (number, name) VALUES (9999, 'future')");
    assert_int_equal(migrate_along(&db, history, 3), ERR_CONFIG);
}

/* A migration whose number is lower than that of one which is there already. */
static void test_gap(void **state)
{
    const struct migration with_gap[] = {history[0], history[2]};

    TEST_NEEDS_DB();
    assert_int_equal(migrate_along(&db, with_gap, 2), OK);
    assert_false(exists("t_two"));
    assert_int_equal(migrate_along(&db, history, 3), OK);
    assert_true(exists("t_two"));
}

static void test_while_another_migrates(void **state)
{
    TEST_NEEDS_DB();
    assert_int_equal(migrate_along(&db, history, 1), OK);
    test_db_run("SELECT pg_advisory_lock(" LOCK ")");
    assert_int_equal(migrate_along(&db, history, 1), OK);       /* all it needs is there */
    assert_int_equal(migrate_along(&db, history, 2), ERR_BUSY); /* a table is missing */
    test_db_run("SELECT pg_advisory_unlock(" LOCK ")");
    assert_int_equal(migrate_along(&db, history, 2), OK);
    test_db_run("SELECT pg_advisory_lock(" LOCK ")");
    assert_int_equal(migrate_along(&db, history, 3), OK); /* an index is missing: only slower */
    test_db_run("SELECT pg_advisory_unlock(" LOCK ")");
    assert_false(exists("t_one_a"));
}

/* Whoever holds a table for long is not waited for, so that nobody waits behind us. */
static void test_lock_timeout(void **state)
{
    TEST_NEEDS_DB();
    assert_int_equal(migrate_along(&db, history, 3), OK);
    test_db_run("BEGIN");
    test_db_run("LOCK t_one IN ROW EXCLUSIVE MODE");
    assert_int_equal(migrate_along(&db, history, 4), ERR_BUSY);
    test_db_run("COMMIT");
    assert_true(exists("t_one"));
    assert_int_equal(migrate_along(&db, history, 4), OK);
    assert_true(exists("t_first"));
}

static void test_failure(void **state)
{
    const struct migration broken[] = {history[0], {2, "broken", "CREATE TABLE x (a int); OUCH;"}};
    const struct migration cut_off[] = {history[0],
                                        {3, "cut_off",
                                         "-- no-transaction\nDROP INDEX CONCURRENTLY IF EXISTS "
                                         "u;\nCREATE UNIQUE INDEX CONCURRENTLY "
                                         "u ON t_one (a);\n"}};

    TEST_NEEDS_DB();
    assert_int_equal(migrate_along(&db, broken, 2), ERR_INVALID);
    assert_false(exists("x"));
    test_db_run("INSERT INTO t_one VALUES (1)");
    assert_int_equal(migrate_along(&db, cut_off, 2), ERR_INVALID); /* leaves an invalid index */
    assert_true(exists("u"));
    test_db_run("TRUNCATE t_one");
    assert_int_equal(migrate_along(&db, cut_off, 2), OK);
    assert_int_equal(
        test_db_number("SELECT indisvalid::int FROM pg_index WHERE indexrelid = 'u'::regclass"), 1);
}

/* The built-in files: each says from which program on it can be used, and none from a later one. */
static void test_built_in(void **state)
{
    TEST_NEEDS_DB();
    assert_int_equal(migrate(&db), OK);
    assert_int_equal(test_db_number("SELECT count(*) FROM schema_migrations WHERE least_program > "
                                    "number OR least_program < 1"),
                     0);
    assert_int_equal(test_db_number("SELECT count(*) FROM schema_migrations"),
                     (int64_t)n_migrations);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_from_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_program_older_than_schema, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_schema_without_least_program, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_gap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_while_another_migrates, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lock_timeout, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failure, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_built_in, set_up, tear_down),
    };

    log_open("test", "error", LOG_LOGFMT);
    return cmocka_run_group_tests(tests, test_db_open, test_db_close);
}
