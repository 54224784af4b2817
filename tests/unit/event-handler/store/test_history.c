/* Kept versions that are let go, against a real PostgreSQL. */
#include "event-handler/test_db.h"

#include "base/buf.h"
#include "ops/log.h"
#include "store/history.h"

enum { NOW = 2000000000 };

/* n versions of the address called name, replaced one second after the other, the last at `until`.
 */
static void keep(const char *name, int n, int until)
{
    char sql[600];

    snprintf(sql, sizeof sql,
             "INSERT INTO event_history SELECT decode(md5('%s' || i) || md5('x' || i), 'hex'), "
             "'\\x00', decode(md5('%s'), 'hex'), 3, %d - i, 0, 10, %d - i, '{}' FROM "
             "generate_series(0, %d) i",
             name, name, until, until, n - 1);
    test_db_run(sql);
}

static int64_t prune(int64_t replaced_before, int64_t versions)
{
    struct history_pruner pruner;
    int64_t removed = 0;
    bool more = true;

    history_pruner_init(&pruner);
    while (more) {
        int64_t some = 0;

        assert_int_equal(
            history_prune(&pruner, &test_db.db, NOW, replaced_before, versions, &some, &more), OK);
        removed += some;
    }
    return removed;
}

static void test_prune(void **state)
{
    TEST_NEEDS_DB();
    keep("a", 700, NOW - 100);
    keep("b", 5, NOW - 100);
    keep("c", 4, NOW - 5000);
    assert_int_equal(prune(NOW - 4000, 1000), 4);
    assert_int_equal(test_db_number("SELECT count(*) FROM event_history"), 705);
    assert_int_equal(prune(NOW - 4000, 5), 695);
    assert_int_equal(test_db_number("SELECT count(*) FROM event_history WHERE created_at > "
                                    "2000000000 - 105"),
                     10); /* the newest of each */
    assert_int_equal(prune(0, 5), 0);
    keep("d", 3, NOW - 1); /* may not be complete yet */
    assert_int_equal(prune(0, 0), 10);
    assert_int_equal(prune(NOW + 1, 0), 3); /* HISTORY_DAYS=0 */
}

/* The pruner goes on where it was: old versions are not looked at again and again. */
static void test_goes_on(void **state)
{
    struct history_pruner pruner;
    int64_t removed = 0;
    bool more;

    TEST_NEEDS_DB();
    keep("a", 3, NOW - 100);
    history_pruner_init(&pruner);
    assert_int_equal(history_prune(&pruner, &test_db.db, NOW, 0, 2, &removed, &more), OK);
    assert_int_equal(removed, 1);
    assert_int_equal(pruner.replaced_at, NOW - 100);
    keep("a", 0, NOW);
    removed = 0;
    keep("b", 3, NOW - 50);
    assert_int_equal(history_prune(&pruner, &test_db.db, NOW, 0, 2, &removed, &more), OK);
    assert_int_equal(removed, 1);
    assert_int_equal(pruner.replaced_at, NOW - 50);
}

static void test_kinds(void **state)
{
    static const struct {
        const char *text, *error; /* NULL: good */
    } rows[] = {
        {"", NULL},
        {"0,3,10000,10002", NULL},
        {"10000-19999, 30000-39999", NULL},
        {"0,1", "\"1\": kind 1 has no versions"},
        {"0-3", "\"0-3\": kind 1 has no versions"},
        {"x", "\"x\": must be a kind"},
        {"20000", "kind 20000 has no versions"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf error;

        buf_init(&error, KIB);
        assert_int_equal(history_kinds_check(rows[i].text, &error), rows[i].error == NULL);
        buf_add_char(&error, '\0');
        if (rows[i].error)
            assert_non_null(strstr(error.ptr, rows[i].error));
        buf_deinit(&error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_prune, test_db_empty),
        cmocka_unit_test_setup(test_goes_on, test_db_empty),
        cmocka_unit_test(test_kinds),
    };

    log_open("test", "error", LOG_LOGFMT);
    return cmocka_run_group_tests(tests, test_db_open, test_db_close);
}
