/* Retention against a real PostgreSQL: what goes and what stays, in steps that any event handler
 * may take, and the report that says so beforehand. */
#include "event-handler/test_db.h"

#include "access/access.h"
#include "config.h"
#include "ops/log.h"
#include "retention/report.h"

enum { NOW = 2000000000, DAY = 86400, GUESTS = 1200 };

static char none[] = "",
            admin[] = "6161616161616161616161616161616161616161616161616161616161616161";
static char held[] = "6868686868686868686868686868686868686868686868686868686868686868";
static struct config cfg;
static struct access *access_of_all;
static struct retention retention;
static struct db db, other;

/* One event per row: author's letter, kind, age in days. */
static void store(char author, int kind, int days, int seq)
{
    char sql[600];

    snprintf(
        sql, sizeof sql,
        "INSERT INTO events (seq, created_at, tie, author, kind, size, id, pubkey, tag_keys, "
        "event) VALUES (%d, %d, %d, 0, %d, 100, decode(md5('%d') || md5('%d'), 'hex'), "
        "decode(repeat('%02x', 32), 'hex'), '{%d}', '{}');"
        "INSERT INTO event_tags SELECT %d, created_at, tie, seq, kind FROM events WHERE seq = %d",
        seq, NOW - days * DAY, seq, kind, seq, seq, author, seq, seq, seq);
    test_db_run(sql);
}

/* Letters: a is the admin, h is held, all others are guests (WOT_ENABLED with nobody in it). */
static void fill(void)
{
    store('g', 1, 100, 1);
    store('g', 1, 10, 2);
    store('g', 30023, 100, 3);
    store('a', 1, 100, 4);
    store('a', 0, 500, 5);
    store('a', 9735, 3, 6);
    store('h', 1, 100, 7);
    test_db_run("UPDATE feed_head SET seq = 10000");
}

static int set_up(void **state)
{
    static char rules[] = "*:30023:keep, guest:*:30d, *:9735:0, admin:*:1000d";
    struct trust_table *trust = trust_table_new(0);

    test_db_empty(state);
    if (!test_db_wanted()) {
        trust_table_free(trust);
        return 0;
    }
    test_db_run(
        "UPDATE retention_progress SET rules = '', created_at = -1, tie = 0, started_at = 0, "
        "finished_at = 0, looked_at = 0, deleted = 0, deleted_ever = 0");
    cfg = (struct config){.shared = {.admin_pubkey = admin, .co_admin_pubkeys = none},
                          .wot_enabled = true,
                          .retention_rules = rules,
                          .retention_keep_pubkeys = held,
                          .retention_apply = true,
                          .retention_interval_seconds = 3600};
    access_of_all = access_new(&cfg);
    trust->generation = 1;
    assert_true(access_set_trust(access_of_all, trust));
    assert_true(retention_init(&retention, &cfg));
    db_init(&db, &test_db.target, NULL);
    db_init(&other, &test_db.target, NULL);
    assert_int_equal(db_ready(&db), OK);
    assert_int_equal(db_ready(&other), OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (!test_db_wanted())
        return 0;
    db_deinit(&db);
    db_deinit(&other);
    retention_deinit(&retention);
    access_free(access_of_all);
    return 0;
}

static struct retention_step step(struct db *with, int64_t now)
{
    struct access_view *view = access_acquire(access_of_all);
    struct retention_step s;

    assert_int_equal(retention_take_step(&retention, with, view, now, &s), OK);
    access_release(view);
    return s;
}

static void test_what_goes(void **state)
{
    struct retention_step s;

    TEST_NEEDS_DB();
    fill();
    s = step(&db, NOW);
    assert_false(s.idle);
    assert_int_equal(s.looked_at, 7);
    assert_int_equal(s.deleted[TIER_GUEST], 1);
    assert_int_equal(s.deleted[TIER_ADMIN], 1);
    assert_int_equal(test_db_number("SELECT count(*) FROM events WHERE seq IN (2, 3, 4, 5, 7)"), 5);
    assert_int_equal(test_db_number("SELECT count(*) FROM events"), 5);
    assert_int_equal(test_db_number("SELECT count(*) FROM event_tags"), 5);
    assert_int_equal(test_db_number("SELECT deleted_ever FROM retention_progress"), 2);

    assert_true(step(&db, NOW + 3599).idle); /* the next walk is not due yet */
    s = step(&db, NOW + 3600);
    assert_false(s.idle);
    assert_int_equal(s.looked_at, 5);
    s = step(&db, NOW + 25 * DAY);
    assert_int_equal(s.deleted[TIER_GUEST], 1);
}

static void test_safe_without_trust(void **state)
{
    struct trust_table *trust = trust_table_new(0);

    TEST_NEEDS_DB();
    fill();
    assert_true(access_set_trust(access_of_all, trust));
    assert_true(step(&db, NOW).idle);
    retention.apply = false;
    assert_true(step(&db, NOW).idle);
    assert_int_equal(test_db_number("SELECT count(*) FROM events"), 7);
}

/* Several steps, each by another event handler; one at a time. */
static void test_steps(void **state)
{
    int64_t deleted = 0;
    int steps = 0;

    TEST_NEEDS_DB();
    for (int i = 0; i < GUESTS; i++)
        store(i % 2 ? 'g' : 'a', 1, 100, 1 + i);
    for (struct retention_step s; !(s = step(steps % 2 ? &db : &other, NOW)).idle; steps++)
        deleted += s.deleted[TIER_GUEST];
    assert_int_equal(steps, 3);
    assert_int_equal(deleted, GUESTS / 2);
    assert_int_equal(test_db_number("SELECT looked_at FROM retention_progress"), GUESTS);
    assert_int_equal(test_db_number("SELECT count(*) FROM events"), GUESTS / 2);

    assert_int_equal(db_run(&other, "BEGIN; SELECT * FROM retention_progress FOR UPDATE"), OK);
    assert_true(step(&db, NOW + DAY).idle);
    assert_int_equal(db_run(&other, "COMMIT"), OK);
    assert_false(step(&db, NOW + DAY).idle);
}

static void test_other_rules_start_over(void **state)
{
    static char stricter[] = "admin:1:1d";

    TEST_NEEDS_DB();
    fill();
    assert_int_equal(step(&db, NOW).looked_at, 7);
    retention_deinit(&retention);
    cfg.retention_rules = stricter;
    assert_true(retention_init(&retention, &cfg));
    assert_int_equal(step(&db, NOW).deleted[TIER_ADMIN], 1);
}

static void test_report(void **state)
{
    struct access_view *view;
    struct retention_report report;

    TEST_NEEDS_DB();
    fill();
    store('k', 1, 50, 8);
    view = access_acquire(access_of_all);
    assert_int_equal(
        retention_report_make(&db, view, &retention.rules, &retention.exempt, NOW, 10000, &report),
        OK);
    assert_false(report.approximate);
    assert_int_equal(report.looked_at, 8);
    assert_int_equal(report.rule[0].events, 0);
    assert_int_equal(report.rule[1].events, 2);
    assert_int_equal(report.rule[1].authors, 2);
    assert_int_equal(report.rule[1].bytes, 200);
    assert_int_equal(report.rule[1].oldest, NOW - 100 * DAY);
    assert_int_equal(report.rule[2].events, 1);
    assert_int_equal(test_db_number("SELECT count(*) FROM events"), 8);
    assert_int_equal(
        retention_report_make(&db, view, &retention.rules, &retention.exempt, NOW, 0, &report), OK);
    assert_true(report.approximate);
    access_release(view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_safe_without_trust, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_steps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_rules_start_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_report, set_up, tear_down),
    };

    log_open("test", "error", LOG_LOGFMT);
    return cmocka_run_group_tests(tests, test_db_open, test_db_close);
}
