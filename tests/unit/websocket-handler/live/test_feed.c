#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "live/feed.h"
#include "wire/live_wire.h"

/* What the feed has handed on: "5 6 e 7 R ..." (e: ephemeral, R: restarted). */
static char trace[65536];

static void on_event(struct feed *f, uint64_t seq, struct slice json)
{
    size_t n = strlen(trace);

    (void)f;
    (void)json;
    if (seq == 0)
        snprintf(trace + n, sizeof trace - n, "e ");
    else
        snprintf(trace + n, sizeof trace - n, "%llu ", (unsigned long long)seq);
}

static void on_restarted(struct feed *f)
{
    (void)f;
    strcat(trace, "R ");
}

/* The version named last. */
static uint64_t control;

static void on_control(struct feed *f, uint64_t version)
{
    (void)f;
    control = version;
}

static const struct feed_ops ops = {on_event, on_restarted, on_control};
static const struct feed_times times = {.reorder_ms = 30, .silence_ms = 3000, .poll_ms = 500};

static struct feed feed;

static void begin(void)
{
    trace[0] = '\0';
    feed_init(&feed, &ops, &times, 0);
}

#define EXPECT_TRACE(expected)                                                                     \
    do {                                                                                           \
        assert_string_equal(trace, expected);                                                      \
        trace[0] = '\0';                                                                           \
    } while (0)

/* A record of (prev, seq] with a line per seq, and ephemeral ones at its end. */
static void write_record(struct buf *out, uint64_t prev, uint64_t seq, unsigned ephemeral)
{
    buf_init(out, 1 << 20);
    live_head_write(out, &(struct live_head){.prev = prev, .seq = seq});
    for (uint64_t s = prev + 1; s <= seq; s++)
        live_line_write(out, s, SLICE("{\"x\":1}"));
    for (unsigned i = 0; i < ephemeral; i++)
        live_line_write(out, 0, SLICE("{\"y\":1}"));
}

static bool redis(uint64_t prev, uint64_t seq, unsigned ephemeral, uint64_t now)
{
    struct buf record;
    bool ok;

    write_record(&record, prev, seq, ephemeral);
    ok = feed_record(&feed, buf_slice(&record), now);
    buf_deinit(&record);
    return ok;
}

static void expect_fetch(uint64_t after, uint64_t now)
{
    struct feed_step step = feed_next(&feed, now);

    assert_true(step.fetch);
    assert_true(step.after == after);
}

static void expect_wake(uint64_t wake, uint64_t now)
{
    struct feed_step step = feed_next(&feed, now);

    assert_false(step.fetch);
    assert_true(step.wake_ms == wake);
}

static bool fetched(uint64_t prev, uint64_t seq, uint64_t now)
{
    struct buf record;
    bool ok;

    write_record(&record, prev, seq, 0);
    ok = feed_fetched(&feed, buf_slice(&record), now);
    buf_deinit(&record);
    return ok;
}

/* Position known, Redis up and heard at time 0, nothing due before 3000. */
static void begin_at(uint64_t cursor)
{
    begin();
    expect_fetch(UINT64_MAX, 0);
    assert_true(fetched(cursor, cursor, 0));
    feed_redis_up(&feed, 0);
    expect_fetch(cursor, 0);
    assert_true(fetched(cursor, cursor, 0));
    expect_wake(3000, 0);
    EXPECT_TRACE("");
}

static void finds_its_position(void **state)
{
    (void)state;
    begin();
    expect_fetch(UINT64_MAX, 0);
    expect_wake(UINT64_MAX, 0);
    assert_true(
        redis(4, 6, 1, 5)); /* what came before the position is known is not ours to hand on */
    EXPECT_TRACE("e ");
    feed_fetch_failed(&feed, 10);
    expect_wake(110, 10);
    expect_fetch(UINT64_MAX, 110);
    assert_true(fetched(10, 10, 120));
    assert_true(feed.known);
    assert_true(feed.cursor == 10);
    assert_true(feed_is_polling(&feed, 120)); /* Redis has not been heard of */
    expect_fetch(10, 620);
    assert_true(fetched(10, 12, 630));
    EXPECT_TRACE("11 12 ");
    expect_fetch(12, 630); /* there may be more */
    assert_true(fetched(12, 12, 640));
    expect_wake(1140, 640);
    feed_deinit(&feed);
}

static void in_order(void **state)
{
    (void)state;
    begin_at(5);
    assert_true(redis(5, 7, 0, 10));
    assert_true(redis(7, 8, 2, 11));
    assert_true(redis(8, 8, 0, 12)); /* heartbeat */
    assert_true(redis(8, 8, 1, 13)); /* ephemeral only */
    EXPECT_TRACE("6 7 8 e e e ");
    expect_wake(3013, 13);
    feed_deinit(&feed);
}

static void doubled_and_overlapping(void **state)
{
    (void)state;
    begin_at(5);
    assert_true(redis(5, 7, 0, 10));
    assert_true(redis(5, 7, 0, 11));
    assert_true(redis(4, 6, 0, 12));
    EXPECT_TRACE("6 7 ");
    assert_true(redis(6, 9, 0, 13)); /* only what is above the cursor */
    EXPECT_TRACE("8 9 ");
    expect_wake(3013, 13);
    feed_deinit(&feed);
}

static void out_of_order_joins_without_a_fetch(void **state)
{
    (void)state;
    begin_at(5);
    assert_true(redis(8, 9, 1, 10));
    EXPECT_TRACE("e "); /* has no number, need not wait */
    assert_true(redis(7, 8, 0, 12));
    assert_true(redis(8, 9, 0, 13)); /* doubled while held */
    expect_wake(40, 13);
    assert_true(redis(5, 7, 0, 20));
    EXPECT_TRACE("6 7 8 9 ");
    assert_int_equal(feed.n_held, 0);
    assert_int_equal(feed.held_bytes, 0);
    expect_wake(3020, 20);
    feed_deinit(&feed);
}

static void lost_record_is_fetched(void **state)
{
    (void)state;
    begin_at(5);
    assert_true(redis(7, 9, 0, 10));
    expect_wake(40, 10);
    expect_fetch(5, 40);
    assert_true(redis(9, 10, 0, 41)); /* comes while the fetch runs */
    EXPECT_TRACE("");
    assert_true(fetched(5, 7, 45)); /* a page: the held records join it */
    EXPECT_TRACE("6 7 8 9 10 ");
    expect_fetch(10, 45);
    assert_true(fetched(10, 10, 50));
    expect_wake(3041, 50);
    assert_int_equal(feed.gaps, 1);
    feed_deinit(&feed);
}

static void heartbeat_shows_a_gap(void **state)
{
    (void)state;
    begin_at(5);
    assert_true(redis(8, 8, 0, 10));
    expect_wake(40, 10);
    expect_fetch(5, 41);
    assert_true(fetched(5, 8, 50));
    EXPECT_TRACE("6 7 8 ");
    feed_deinit(&feed);
}

/* The database that answers is a replica which is behind: asked again, more slowly. */
static void lagging_database(void **state)
{
    (void)state;
    begin_at(5);
    assert_true(redis(8, 8, 0, 10));
    expect_fetch(5, 40);
    assert_true(fetched(5, 5, 50));
    expect_wake(150, 50);
    expect_fetch(5, 150);
    assert_true(fetched(5, 5, 160));
    expect_wake(360, 160);
    expect_fetch(5, 360);
    assert_true(fetched(5, 8, 370));
    EXPECT_TRACE("6 7 8 ");
    feed_deinit(&feed);
}

static void silence_means_polling(void **state)
{
    (void)state;
    begin_at(5);
    expect_fetch(5, 3000);
    assert_true(feed_is_polling(&feed, 3000));
    assert_true(fetched(5, 6, 3010));
    EXPECT_TRACE("6 ");
    expect_fetch(6, 3010);
    assert_true(fetched(6, 6, 3020));
    expect_wake(3520, 3020);
    assert_true(redis(6, 6, 0, 3100)); /* heard again */
    assert_false(feed_is_polling(&feed, 3100));
    expect_wake(6100, 3100);
    feed_deinit(&feed);
}

static void redis_lost_and_back(void **state)
{
    (void)state;
    begin_at(5);
    feed_redis_down(&feed, 100);
    expect_fetch(5, 100);
    feed_fetch_failed(&feed, 110); /* the event handler is away too */
    expect_wake(210, 110);
    expect_fetch(5, 210);
    feed_fetch_failed(&feed, 220);
    expect_wake(420, 220);
    feed_redis_up(&feed, 300);
    expect_fetch(5, 300);
    /* A subscription that begins while a fetch runs needs another one after it. */
    feed_redis_down(&feed, 301);
    feed_redis_up(&feed, 302);
    assert_true(fetched(5, 7, 305));
    EXPECT_TRACE("6 7 ");
    expect_fetch(7, 305);
    assert_true(fetched(7, 7, 306));
    expect_wake(3302, 306);
    feed_deinit(&feed);
}

static void reorder_buffer_is_bounded(void **state)
{
    (void)state;
    begin_at(5);
    for (uint64_t s = 10; s < 10 + 2 * (FEED_MAX_HELD + 10); s += 2)
        assert_true(redis(s, s + 1, 0, 10));
    assert_int_equal(feed.n_held, FEED_MAX_HELD);
    expect_fetch(5, 10); /* at once */
    assert_true(fetched(5, 200, 20));
    assert_int_equal(feed.n_held, 0);
    assert_true(feed.cursor == 200);
    feed_deinit(&feed);
}

static void malformed(void **state)
{
    static const char *const records[] = {"",
                                          "x",
                                          "2 5 6 0 0\n",
                                          "1 6 5 0 0\n",
                                          "1 5 6 0 0",
                                          "1 5 6 0 0\nx\n",
                                          "1 5 7 0 0\n6 {}\n7 x\n",
                                          "1 5 6 0 0\n6 {\"x\":1}"};

    (void)state;
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        begin_at(5);
        assert_false(feed_record(&feed, slice_str(records[i]), 10));
        assert_true(feed.cursor <= 6);
        trace[0] = '\0';
        feed_deinit(&feed);
        begin_at(5);
        feed_redis_up(&feed, 10);
        expect_fetch(5, 10);
        assert_false(feed_fetched(&feed, slice_str(records[i]), 11));
        expect_wake(111, 11);
        feed_deinit(&feed);
    }
}

/* A database restored from a backup numbers from further back. A late record or a lagging replica
 * must not be taken for one. */
static void restarted_database(void **state)
{
    (void)state;
    begin_at(100);
    assert_true(redis(60, 60, 0, 1000));
    assert_true(redis(100, 100, 0, 1100)); /* a late heartbeat, no more */
    assert_true(redis(60, 60, 0, 7000));
    EXPECT_TRACE("");
    assert_true(redis(60, 61, 0, 8000));
    assert_true(redis(61, 61, 0, 11999));
    EXPECT_TRACE("");
    assert_true(redis(61, 61, 0, 12001)); /* five seconds without any other sign */
    EXPECT_TRACE("R ");
    expect_fetch(60, 12001);
    assert_true(fetched(60, 61, 12010));
    EXPECT_TRACE("61 ");
    assert_true(redis(61, 62, 0, 12020));
    EXPECT_TRACE("62 ");
    feed_deinit(&feed);
}

static void fetches_alone_are_believed_later(void **state)
{
    uint64_t now = 0;

    (void)state;
    begin_at(100);
    feed_redis_down(&feed, now);
    while (now < 59000) {
        struct feed_step step = feed_next(&feed, now);

        if (step.fetch)
            assert_true(fetched(60, 60, now));
        else
            now = step.wake_ms;
    }
    EXPECT_TRACE("");
    while (now < 62000) {
        struct feed_step step = feed_next(&feed, now);

        if (step.fetch)
            assert_true(fetched(60, 60, now));
        else
            now = step.wake_ms;
    }
    EXPECT_TRACE("R ");
    feed_deinit(&feed);
}

/* Records of a stream lost, doubled and shuffled at random, fetches that fail: every seq once and
 * in order. */
static void random_weather(void **state)
{
    static uint64_t edges[2000];
    uint64_t now = 0, expected = 5, head = 5;
    unsigned seed = 7;

    (void)state;
    begin_at(5);
    for (size_t i = 0; i < 2000; i++) {
        struct feed_step step;
        size_t pick;

        edges[i] = head;
        head += (unsigned)rand_r(&seed) % 3;
        pick = i - (i > 4 ? (unsigned)rand_r(&seed) % 5 : 0);
        now += (unsigned)rand_r(&seed) % 20;
        if (rand_r(&seed) % 4)
            assert_true(redis(edges[pick], pick == i ? head : edges[pick + 1], 0, now));
        step = feed_next(&feed, now);
        if (step.fetch) {
            if (rand_r(&seed) % 3)
                assert_true(fetched(
                    step.after,
                    step.after + (head - step.after) / (1 + (unsigned)rand_r(&seed) % 2), now));
            else
                feed_fetch_failed(&feed, now);
        }
    }
    assert_true(redis(head, head, 0, now));
    while (feed.cursor < head) {
        struct feed_step step = feed_next(&feed, now);

        if (step.fetch)
            assert_true(fetched(step.after, head, now));
        else
            now = step.wake_ms;
    }
    for (char *p = trace, *end; *p; p = end + 1)
        assert_true(strtoull(p, &end, 10) == ++expected);
    assert_true(expected == head);
    feed_deinit(&feed);
}

static void records_and_answers_name_the_moderation_state(void **state)
{
    (void)state;
    begin();
    control = 0;
    assert_true(feed_record(&feed, SLICE("1 5 5 7 0\n"), 0));
    assert_int_equal(control, 7);
    expect_fetch(UINT64_MAX, 0);
    assert_true(feed_fetched(&feed, SLICE("1 5 5 8 0\n"), 1));
    assert_int_equal(control, 8);
    feed_deinit(&feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_its_position),
        cmocka_unit_test(in_order),
        cmocka_unit_test(doubled_and_overlapping),
        cmocka_unit_test(out_of_order_joins_without_a_fetch),
        cmocka_unit_test(lost_record_is_fetched),
        cmocka_unit_test(heartbeat_shows_a_gap),
        cmocka_unit_test(lagging_database),
        cmocka_unit_test(silence_means_polling),
        cmocka_unit_test(redis_lost_and_back),
        cmocka_unit_test(reorder_buffer_is_bounded),
        cmocka_unit_test(malformed),
        cmocka_unit_test(restarted_database),
        cmocka_unit_test(fetches_alone_are_believed_later),
        cmocka_unit_test(random_weather),
        cmocka_unit_test(records_and_answers_name_the_moderation_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
