/* From stored lists to what event handlers use: intake, circle and builder on a real PostgreSQL. */
#include "event-handler/trust/people.h"

#include "access/watcher.h"
#include "base/clock.h"
#include "ops/log.h"
#include "trust/intake.h"
#include "trust/trust_builder.h"
#include "trust/trust_circle.h"

static struct trust_circle circle;
static struct intake *intake;
static struct trust_table *table;

static int set_up(void **state)
{
    if (people_open(state) != 0)
        return -1;
    people_cfg.wot_max_new_vouches = 500;
    if (!test_db_wanted())
        return 0;
    intake = intake_new(&people_cfg, people_access, &circle);
    assert_non_null(intake);
    assert_int_equal(trust_circle_open(&circle, &people_cfg, people_access, &test_db.db), OK);
    return 0;
}

static int tear_down(void **state)
{
    intake_free(intake);
    intake = NULL;
    trust_circle_close(&circle);
    trust_table_free(table);
    table = NULL;
    return people_close(state);
}

/* Takes in what has been stored; says whether it may matter. */
static bool take(void)
{
    struct trust_news news;
    bool relevant = false;

    assert_int_equal(trust_store_news(&test_db.db, &news), OK);
    assert_int_equal(intake_stored(intake, &test_db.db, &news, &relevant), OK);
    return relevant;
}

static void compute(void)
{
    trust_table_free(table);
    assert_int_equal(trust_circle_compute(&circle, &test_db.db, &table), OK);
}

/* The admin follows 10 to 12, of whom 10 and 11 follow 20 to 22. */
static void small_world(void)
{
    people_follow(1, 100, 10, 3);
    people_follow(10, 100, 20, 3);
    people_follow(11, 100, 20, 3);
}

static void expect(const char *marks, unsigned first)
{
    for (unsigned i = 0; marks[i]; i++) {
        if (people_mark(table, first + i) != marks[i])
            fail_msg("%u is '%c', not '%c'", first + i, people_mark(table, first + i), marks[i]);
    }
}

static void test_a_circle_from_stored_lists(void **state)
{
    TEST_NEEDS_DB();
    compute();
    expect("aa ", 1); /* nobody has a list */
    small_world();
    assert_true(take());
    compute();
    expect("aa", 1);
    expect("111 ", 10);
    expect("222 ", 20);
    assert_false(take());
}

/* Who stores lists without being let in costs no memory, and is not forgotten. */
static void test_strangers_are_not_held_in_memory(void **state)
{
    size_t people;

    TEST_NEEDS_DB();
    small_world();
    take();
    compute();
    people = graph_people(circle.graph);
    for (unsigned i = 0; i < 300; i++)
        people_follow(1000 + i, 100, 5000 + 10 * i, 10);
    assert_false(take());
    compute();
    assert_int_equal(graph_people(circle.graph), people);
    assert_int_equal(test_db_number("SELECT count(*) FROM wot_lists"), 303);
    people_follow(1, 200, 1000, 2); /* two of them are let in: their lists are loaded */
    people_follow(1001, 200, 5000, 12);
    assert_true(take());
    compute();
    expect("11 ", 1000);
    expect("2222222222-- ", 5000);
}

static void test_old_and_future_lists_change_nothing(void **state)
{
    TEST_NEEDS_DB();
    small_world();
    take();
    compute();
    people_follow(1, 50, 60, 5); /* replayed by some relay */
    assert_false(take());
    people_follow(1, clock_unix() + 1000, 60, 5);
    assert_false(take());
    compute();
    expect("111", 10);
    expect("     ", 60);
}

static void test_a_stolen_key_is_capped_over_several_lists(void **state)
{
    TEST_NEEDS_DB();
    people_cfg.wot_max_new_vouches = 50;
    people_cfg.wot_min_followers = 1;
    small_world();
    take();
    compute();
    people_follow(10, 200, 100, 40);
    assert_true(take());
    people_follow(10, 300, 100, 4000);
    people_follow(10, 400, 200, 4000);
    assert_true(take());
    compute();
    people_cfg.wot_min_followers = 2;
    assert_true(table->n_trusted <= 2 + 3 + 3 + 50);
}

static void test_many_lists_in_steps(void **state)
{
    TEST_NEEDS_DB();
    compute();
    people_follow(1, 100, 1000, 1000);
    for (unsigned i = 0; i < 1000; i++)
        people_follow(1000 + i, 100, 50, 1);
    assert_true(take());
    compute();
    expect("1", 1999);
    expect("2", 50);
    assert_int_equal(test_db_number("SELECT count(*) FROM wot_lists WHERE stored"), 1001);
    assert_int_equal(test_db_number("SELECT seq FROM wot_progress"), 1001);
}

static void test_mutes_of_an_admin(void **state)
{
    TEST_NEEDS_DB();
    small_world();
    people_store(10000, 10, 100, 11, 1); /* no admin's */
    people_store(10000, 2, 100, 12, 1);
    take();
    compute();
    expect("11-", 10);
    people_store(10000, 2, 200, 0, 0);
    assert_true(take());
    compute();
    expect("111", 10);
}

/* What is held back has its time. */
static void test_ripening(void **state)
{
    int64_t old = clock_unix() - 3 * 86400;

    TEST_NEEDS_DB();
    people_follow(1, old, 10, 2);
    people_follow(10, old, 20, 20);
    people_follow(11, old, 20, 20);
    take();
    people_follow(10, old + 10, 20, 0);
    people_follow(11, clock_unix(), 20, 0);
    take();
    compute();
    expect("2", 39);
    assert_int_equal(test_db_number("SELECT count(*) FROM wot_lists WHERE held IS NOT NULL"), 2);
    assert_int_equal(intake_ripen(intake, &test_db.db, false), OK);
    assert_int_equal(test_db_number("SELECT count(*) FROM wot_lists WHERE held IS NOT NULL"), 1);
    compute();
    expect("-", 39);
    assert_int_equal(intake_ripen(intake, &test_db.db, true), OK);
    assert_int_equal(test_db_number("SELECT count(*) FROM wot_lists WHERE held IS NOT NULL"), 0);
    compute();
    expect(" ", 39);
}

/* ---- the threads ---- */

static void until(const char *condition)
{
    char sql[400];
    uint64_t deadline = clock_mono_ms() + 15000;

    snprintf(sql, sizeof sql, "SELECT (%s)::int", condition);
    while (!test_db_number(sql)) {
        if (clock_mono_ms() > deadline)
            fail_msg("in vain: %s", condition);
        usleep(20000);
    }
}

static void nothing(void *ctx)
{
    (void)ctx;
}

static char standing_of(unsigned n)
{
    struct access_view *view = access_acquire(people_access);
    char mark = people_mark(view->trust, n);

    access_release(view);
    return mark;
}

static void until_standing(unsigned n, char mark)
{
    uint64_t deadline = clock_mono_ms() + 15000;

    while (standing_of(n) != mark) {
        if (clock_mono_ms() > deadline)
            fail_msg("%u is '%c', not '%c'", n, standing_of(n), mark);
        usleep(20000);
    }
}

static void stop(struct trust_builder *b)
{
    assert_true(trust_builder_stop(b, 5000));
    trust_builder_free(b);
}

static void test_builder_and_watcher(void **state)
{
    struct trust_builder *first, *second;
    struct watcher *watcher;

    TEST_NEEDS_DB();
    small_world();
    watcher = watcher_start(&(struct watcher_setup){&people_cfg, people_access, nothing, NULL});
    first = trust_builder_start(&people_cfg, people_access);
    assert_true(first && watcher);
    until_standing(22, '2');
    people_follow(1, 200, 10, 4); /* a new list of the admin */
    until_standing(13, '1');

    people_follow(1, 300, 10, 0); /* and an empty one, which is refused */
    until("(SELECT count(*) > 0 FROM wot_generations WHERE refused LIKE 'no admin%')");
    people_follow(10, 300, 20, 4); /* a further change of the circle does not say it again */
    until("(SELECT count(*) > 0 FROM wot_lists WHERE created_at = 300 AND length(keys) = 4 * 32)");
    usleep(100000);
    assert_int_equal(test_db_number("SELECT count(*) FROM wot_generations WHERE NOT published"), 1);
    assert_int_equal(standing_of(13), '1');

    second = trust_builder_start(&people_cfg, people_access); /* it waits its turn */
    assert_non_null(second);
    assert_int_equal(test_db_number("SELECT count(DISTINCT pid) FROM pg_locks WHERE locktype = "
                                    "'advisory' AND granted"),
                     1);
    stop(first);
    test_db_run("INSERT INTO wot_requests (asked_at, force) VALUES (1, true)");
    until_standing(13, ' '); /* the other one has taken over, and is told to publish it */
    until("(SELECT count(*) = 0 FROM wot_requests)");
    stop(second);
    assert_true(watcher_stop(watcher, 5000));
    watcher_free(watcher);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_circle_from_stored_lists),
        TEST(test_strangers_are_not_held_in_memory),
        TEST(test_old_and_future_lists_change_nothing),
        TEST(test_a_stolen_key_is_capped_over_several_lists),
        TEST(test_many_lists_in_steps),
        TEST(test_mutes_of_an_admin),
        TEST(test_ripening),
        TEST(test_builder_and_watcher),
    };

    log_open("test", "error", LOG_LOGFMT);
    return cmocka_run_group_tests(tests, test_db_open, test_db_close);
}
