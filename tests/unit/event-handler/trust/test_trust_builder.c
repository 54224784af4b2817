/* From stored lists to what event handlers use: intake, circle and builder on a real PostgreSQL. */
#include "event-handler/trust/people.h"

#include <arpa/inet.h>
#include <sys/socket.h>

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

static void test_old_lists_change_nothing(void **state)
{
    TEST_NEEDS_DB();
    small_world();
    take();
    compute();
    people_follow(1, 50, 60, 5); /* replayed by some relay */
    assert_false(take());
    compute();
    expect("111", 10);
    expect("     ", 60);
}

/* The relay has taken it, perhaps by another clock, and the one before is gone. */
static void test_a_stored_list_from_the_future_counts(void **state)
{
    TEST_NEEDS_DB();
    small_world();
    take();
    compute();
    people_follow(1, clock_unix() + 1000, 12, 5);
    assert_true(take());
    assert_int_equal(trust_store_empty_deleted(&test_db.db), OK);
    assert_true(trust_circle_forget_lists(&circle));
    compute();
    expect("  11111 ", 10);
}

/* Deleted, or out of service while its author is banned; then stored once more. */
static void test_an_event_that_is_stored_again_counts_again(void **state)
{
    TEST_NEEDS_DB();
    small_world();
    take();
    test_db_run("CREATE TABLE away AS SELECT * FROM events WHERE kind = 3");
    test_db_run("DELETE FROM events WHERE pubkey IN (SELECT pubkey FROM away)");
    assert_int_equal(trust_store_empty_deleted(&test_db.db), OK);
    compute();
    expect("   ", 10);
    test_db_run("UPDATE away SET seq = seq + 100; INSERT INTO events SELECT * FROM away;"
                " UPDATE feed_head SET seq = 103; DROP TABLE away");
    assert_true(take());
    compute();
    expect("111 ", 10);
    expect("222 ", 20);
    assert_int_equal(test_db_number("SELECT count(*) FROM wot_lists WHERE stored"), 3);
}

static void test_vanishing_is_no_way_around_the_cap(void **state)
{
    TEST_NEEDS_DB();
    people_cfg.wot_max_new_vouches = 50;
    people_cfg.wot_min_followers = 1;
    small_world();
    take();
    test_db_run("DELETE FROM wot_lists WHERE created_at = 100 AND length(keys) = 96 AND author ="
                " '\\xaa00000a00000000000000000000000000000000000000000000000000000000';"
                " INSERT INTO vanished (pubkey, up_to) VALUES"
                " ('\\xaa00000a00000000000000000000000000000000000000000000000000000000', 150)");
    people_follow(10, 200, 100, 4000);
    take();
    compute();
    people_cfg.wot_min_followers = 2;
    assert_true(table->n_trusted <= 2 + 3 + 3 + 50);
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

/* ---- at random ---- */

enum { PEOPLE = 30, TURNS = 400, DEPTH = 3, ENOUGH = 2 };

static struct model { /* of one person */
    bool follows[PEOPLE], banned, muted;
    int64_t newest;
    int level; /* TRUST_LEVEL_NONE outside */
    unsigned followers;
} model[PEOPLE];

static unsigned one_of(unsigned n)
{
    return (unsigned)rand() % n;
}

/* Straight from what is meant: level by level, whom enough of those before follow. */
static void judge_model(void)
{
    for (unsigned i = 0; i < PEOPLE; i++) {
        model[i].level = i == 1 || i == 2 ? 0 : TRUST_LEVEL_NONE;
        model[i].followers = 0;
    }
    for (int level = 1; level <= DEPTH; level++) {
        for (unsigned i = 0; i < PEOPLE; i++) {
            unsigned roots = model[1].follows[i] + model[2].follows[i], all = 0;

            for (unsigned j = 0; j < PEOPLE; j++)
                all += model[j].level < level && model[j].follows[i];
            if (model[i].level == TRUST_LEVEL_NONE && !model[i].banned && !model[i].muted &&
                (level == 1 ? roots > 0 : all >= ENOUGH))
                model[i].level = level;
        }
    }
    for (unsigned i = 0; i < PEOPLE; i++) {
        for (unsigned j = 0; j < PEOPLE; j++)
            model[i].followers += model[j].level < DEPTH && model[j].follows[i];
    }
}

static void follow_at_random(void)
{
    unsigned who = one_of(PEOPLE), first = one_of(PEOPLE - 4), n = one_of(5);
    int64_t created_at = model[who].newest + one_of(4) - 1;

    if (created_at > model[who].newest) {
        memset(model[who].follows, 0, sizeof model[who].follows);
        for (unsigned i = first; i < first + n; i++)
            model[who].follows[i] = i != who;
        model[who].newest = created_at;
        people_follow(who, created_at, first, n);
    }
}

/* By a deletion, or with all of the author. */
static void remove_at_random(bool vanishes)
{
    unsigned who = one_of(PEOPLE);
    char hex[65], sql[600];

    memset(model[who].follows, 0, sizeof model[who].follows);
    person_hex(who, hex);
    snprintf(sql, sizeof sql, "DELETE FROM events WHERE kind = 3 AND pubkey = '\\x%s'", hex);
    test_db_run(sql);
    if (vanishes) {
        snprintf(sql, sizeof sql,
                 "DELETE FROM wot_lists WHERE kind = 3 AND author = '\\x%s';"
                 " INSERT INTO vanished VALUES ('\\x%s', %lld) ON CONFLICT (pubkey)"
                 " DO UPDATE SET up_to = excluded.up_to",
                 hex, hex, (long long)model[who].newest);
        test_db_run(sql);
    }
    take();
    assert_int_equal(trust_store_empty_deleted(&test_db.db), OK);
    assert_true(trust_circle_forget_lists(&circle));
}

static void ban_at_random(void)
{
    struct mod_lists *lists = mod_lists_new();
    static uint64_t version;
    unsigned who = 3 + one_of(PEOPLE - 3);

    assert_non_null(lists);
    model[who].banned = !model[who].banned;
    lists->version = ++version;
    for (unsigned i = 0; i < PEOPLE; i++) {
        if (model[i].banned)
            assert_true(key_set_add(&lists->banned, person(i).b));
    }
    key_set_seal(&lists->banned);
    assert_true(access_set_lists(people_access, lists));
    assert_true(trust_circle_is_stale(&circle));
}

static void mute_at_random(int64_t turn)
{
    unsigned first = 3 + one_of(PEOPLE - 5), n = one_of(3);

    for (unsigned i = 0; i < PEOPLE; i++)
        model[i].muted = i >= first && i < first + n;
    people_store(10000, 1, 100 + turn, first, n);
}

static void compare_with_model(int turn, unsigned seed)
{
    judge_model();
    compute();
    for (unsigned i = 0; i < PEOPLE; i++) {
        struct pubkey pk = person(i);
        const struct trust_entry *e = trust_table_find(table, &pk);
        int level = e && e->trusted ? e->level : TRUST_LEVEL_NONE;

        if (level != model[i].level || (e ? e->followers : 0) != model[i].followers)
            fail_msg("seed %u, turn %d: %u is at %d with %u followers, not at %d with %u", seed,
                     turn, i, level, e ? (unsigned)e->followers : 0, model[i].level,
                     model[i].followers);
    }
}

static void test_deltas_are_what_one_would_find_anew(void **state)
{
    unsigned seed = (unsigned)clock_mono_us();

    TEST_NEEDS_DB();
    srand(seed);
    memset(model, 0, sizeof model);
    for (unsigned i = 0; i < PEOPLE; i++)
        model[i].newest = 100;
    people_cfg.wot_depth = DEPTH;
    for (int turn = 0; turn < TURNS; turn++) {
        switch (one_of(12)) {
        case 0:
            remove_at_random(one_of(2) == 0);
            break;
        case 1:
            ban_at_random();
            break;
        case 2:
            mute_at_random(turn);
            break;
        default:
            follow_at_random();
        }
        take();
        if (one_of(3) == 0)
            compare_with_model(turn, seed);
    }
    people_cfg.wot_depth = 2;
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

/* What could not be written is written as soon as it can be, though nothing new has come. */
static void test_a_failure_to_publish_is_made_good(void **state)
{
    struct trust_builder *builder;

    TEST_NEEDS_DB();
    small_world();
    builder = trust_builder_start(&people_cfg, people_access);
    assert_non_null(builder);
    until("(SELECT count(*) = 1 FROM wot_generations)");
    log_set_levels("off");
    test_db_run("ALTER TABLE wot_parts RENAME TO wot_parts_away");
    people_follow(1, 200, 10, 5);
    until("(SELECT p.seq = h.seq FROM wot_progress p, feed_head h)");
    usleep(200000);
    test_db_run("ALTER TABLE wot_parts_away RENAME TO wot_parts");
    until("(SELECT count(*) = 2 FROM wot_generations WHERE published)");
    log_set_levels("error");
    stop(builder);
}

/* Somebody has emptied tables, or a backup came back without them. */
static void test_a_lost_generation_is_built_anew(void **state)
{
    struct trust_builder *builder;

    TEST_NEEDS_DB();
    small_world();
    test_db_run("UPDATE control_head SET wot_generation = 4711");
    builder = trust_builder_start(&people_cfg, people_access);
    assert_non_null(builder);
    until("(SELECT count(*) = 1 FROM wot_generations WHERE published)");
    stop(builder);
}

/* A relay that is asked and never answers, so that a crawl lasts. */
static int silent_relay(char url[64])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, 8) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    snprintf(url, 64, "ws://127.0.0.1:%d", ntohs(address.sin_port));
    return fd;
}

static void test_a_request_does_not_wait_for_other_relays(void **state)
{
    struct trust_builder *builder;
    char url[64];
    int relay;

    TEST_NEEDS_DB();
    relay = silent_relay(url);
    people_cfg.wot_seed_relays = url;
    people_cfg.wot_crawl_seconds = people_cfg.wot_crawl_relay_seconds =
        people_cfg.wot_crawl_answer_seconds = 60;
    people_cfg.wot_crawl_relays = people_cfg.wot_crawl_connections = 4;
    small_world();
    builder = trust_builder_start(&people_cfg, people_access);
    assert_non_null(builder);
    until("(SELECT count(*) = 1 FROM wot_generations)"); /* what is known here */
    people_follow(1, 300, 10, 0);
    until("(SELECT count(*) > 0 FROM wot_generations WHERE refused IS NOT NULL)");
    test_db_run("INSERT INTO wot_requests (asked_at, force) VALUES (1, true)");
    until("(SELECT count(*) = 0 FROM wot_requests)");
    assert_int_equal(test_db_number("SELECT count(*) FROM wot_generations WHERE published"), 2);
    stop(builder);
    people_cfg.wot_seed_relays = people_nothing;
    close(relay);
}

/* However often the leader changes, and whatever was published in between. */
static void test_a_rebuild_is_due_when_it_is_due(void **state)
{
    struct trust_builder *builder;

    TEST_NEEDS_DB();
    small_world();
    take();
    builder = trust_builder_start(&people_cfg, people_access);
    assert_non_null(builder);
    until("(SELECT count(*) = 1 FROM wot_generations WHERE reason = 'schedule')");
    test_db_run("UPDATE wot_generations SET made_at = made_at - 360 * 60 - 1");
    people_follow(1, 200, 10, 4);
    until("(SELECT count(*) = 1 FROM wot_generations WHERE reason = 'a list of the circle')");
    stop(builder);
    assert_int_equal(test_db_number("SELECT count(*) FROM wot_generations"), 2);
    builder = trust_builder_start(&people_cfg, people_access);
    assert_non_null(builder);
    until("(SELECT count(*) = 2 FROM wot_generations WHERE reason = 'schedule')");
    stop(builder);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_circle_from_stored_lists),
        TEST(test_strangers_are_not_held_in_memory),
        TEST(test_old_lists_change_nothing),
        TEST(test_a_stored_list_from_the_future_counts),
        TEST(test_an_event_that_is_stored_again_counts_again),
        TEST(test_vanishing_is_no_way_around_the_cap),
        TEST(test_a_stolen_key_is_capped_over_several_lists),
        TEST(test_many_lists_in_steps),
        TEST(test_mutes_of_an_admin),
        TEST(test_ripening),
        TEST(test_deltas_are_what_one_would_find_anew),
        TEST(test_builder_and_watcher),
        TEST(test_a_failure_to_publish_is_made_good),
        TEST(test_a_lost_generation_is_built_anew),
        TEST(test_a_request_does_not_wait_for_other_relays),
        TEST(test_a_rebuild_is_due_when_it_is_due),
    };

    log_open("test", "error", LOG_LOGFMT);
    return cmocka_run_group_tests(tests, test_db_open, test_db_close);
}
