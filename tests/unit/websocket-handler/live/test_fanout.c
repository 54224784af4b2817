#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "live/fanout.h"
#include "metrics.h"
#include "websocket-handler/fake_conn.h"
#include "websocket-handler/random_nostr.h"

static struct fanout *fanout;
static const struct readers nobody;

static int setup(void **state)
{
    static bool open;

    (void)state;
    if (!open)
        websocket_handler_metrics_open(1);
    open = true;
    clock_freeze_unix(5000);
    fanout = fanout_new(8, MIB);
    return fanout ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    fanout_free(fanout);
    clock_freeze_unix(0);
    return 0;
}

static void subscribe(struct subscriber *s, struct conn *c, const struct readers *readers,
                      const char *filter)
{
    struct arena arena;
    struct filter f;

    *s = (struct subscriber){
        .conn = c, .readers = readers, .prefix = "[\"EVENT\",\"s\",", .prefix_len = 13};
    arena_init(&arena, MIB);
    read_filter(slice_str(filter), &arena, &f);
    assert_true(fanout_register(fanout, s, &f, 1));
    arena_deinit(&arena);
}

static void publish(uint64_t seq, uint64_t number, int kind, const char *tags)
{
    struct buf text;

    buf_init(&text, MIB);
    add_event(&text, number, 1, 1000, kind, tags);
    fanout_event(fanout, seq, buf_slice(&text));
    buf_deinit(&text);
}

/* The first digits of the ids that c was sent, e.g. "05 07". */
static void expect_sent(struct conn *c, const char *expected)
{
    char ids[1024] = "";
    size_t n = 0;

    for (const char *line = fake_conn_take(c); *line; line = strchr(line, '\n') + 1) {
        assert_memory_equal(line, "[\"EVENT\",\"s\",{\"id\":\"", 20);
        assert_memory_equal(strchr(line, '\n') - 2, "}]", 2);
        n += (size_t)snprintf(ids + n, sizeof ids - n, "%s%.2s", n ? " " : "", line + 20);
    }
    assert_string_equal(ids, expected);
}

static void seam(void **state)
{
    struct conn *c = fake_conn_open(0);
    struct subscriber s;

    (void)state;
    publish(1, 1, 1, "[]"); /* before the subscription: the query finds it */
    subscribe(&s, c, &nobody, "{\"kinds\":[1]}");
    publish(2, 2, 1, "[]");
    publish(3, 3, 7, "[]");
    publish(0, 4, 1, "[]"); /* outside the numbering: always from the ring */
    publish(4, 5, 1, "[]");
    expect_sent(c, "");
    assert_int_equal(fanout_replay(fanout, &s, 2), REPLAY_LIVE); /* 2 was in the answer */
    expect_sent(c, "04 05");
    publish(5, 6, 1, "[]");
    expect_sent(c, "06");
    assert_true(fanout->ring.next - fanout->ring.first == 0); /* nobody needs it any more */
    fanout_unregister(fanout, &s);
    publish(6, 7, 1, "[]");
    expect_sent(c, "");
}

/* The query's database was ahead of the feed: what the feed brings later must not be sent twice. */
static void snapshot_ahead_of_the_feed(void **state)
{
    struct conn *c = fake_conn_open(0);
    struct subscriber s;

    (void)state;
    subscribe(&s, c, &nobody, "{}");
    assert_int_equal(fanout_replay(fanout, &s, 10), REPLAY_LIVE);
    publish(9, 9, 1, "[]");
    publish(10, 10, 1, "[]");
    publish(11, 11, 1, "[]");
    expect_sent(c, "0b");
    fanout_reset(fanout); /* the numbering began anew */
    publish(3, 3, 1, "[]");
    expect_sent(c, "03");
    fanout_unregister(fanout, &s);
}

static void ring_too_short(void **state)
{
    struct conn *c = fake_conn_open(0);
    struct subscriber s;

    (void)state;
    subscribe(&s, c, &nobody, "{}");
    for (uint64_t i = 1; i <= 20; i++)
        publish(i, i, 1, "[]");
    assert_int_equal(fanout_replay(fanout, &s, 2), REPLAY_LOST);
    expect_sent(c, "");
    assert_true(s.snapshot == 2);
    fanout_reposition(fanout, &s); /* and a query after 2 */
    publish(21, 21, 1, "[]");
    publish(22, 22, 1, "[]");
    assert_int_equal(fanout_replay(fanout, &s, 21), REPLAY_LIVE);
    expect_sent(c, "16");
    fanout_unregister(fanout, &s);
}

static void congested_replay(void **state)
{
    struct conn *c = fake_conn_open(0), *other = fake_conn_open(1);
    struct subscriber s, t;

    (void)state;
    subscribe(&s, c, &nobody, "{}");
    publish(1, 1, 1, "[]");
    subscribe(&t, other, &nobody, "{}");
    publish(2, 2, 1, "[]");
    c->congested = true;
    assert_int_equal(fanout_replay(fanout, &s, 0), REPLAY_CONGESTED);
    expect_sent(c, "");
    publish(3, 3, 1, "[]");
    c->congested = false;
    assert_int_equal(fanout_replay(fanout, &s, 0), REPLAY_LIVE);
    expect_sent(c, "01 02 03");
    assert_int_equal(fanout_replay(fanout, &t, 0), REPLAY_LIVE);
    expect_sent(other, "02 03");
    fanout_unregister(fanout, &s);
    fanout_unregister(fanout, &t);
}

/* What was deleted while the query ran is not shown from the ring. */
static void deleted_in_the_ring(void **state)
{
    struct conn *c = fake_conn_open(0);
    struct subscriber s;

    (void)state;
    subscribe(&s, c, &nobody, "{\"kinds\":[1]}");
    publish(1, 1, 1, "[]");
    publish(2, 2, 1, "[]");
    publish(3, 3, 5,
            "[[\"e\",\"0100000000000000a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5\"]]");
    assert_int_equal(fanout_replay(fanout, &s, 0), REPLAY_LIVE);
    expect_sent(c, "02");
    fanout_unregister(fanout, &s);
}

static void private_kinds(void **state)
{
    struct conn *c = fake_conn_open(0), *other = fake_conn_open(1);
    struct readers party = {0};
    struct pubkey key;
    struct subscriber s, t;
    static const char wrap[] =
        "[[\"p\",\"0300000000000000a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5\"]]";

    (void)state;
    key_of_number(3, key.b);
    subscribe(&s, c, &party, "{}");
    subscribe(&t, other, &nobody, "{\"kinds\":[1,1059]}");
    publish(1, 1, 1059, wrap);
    assert_int_equal(fanout_replay(fanout, &s, 0), REPLAY_LIVE);
    assert_int_equal(fanout_replay(fanout, &t, 0), REPLAY_LIVE);
    publish(2, 2, 1059, wrap);
    expect_sent(c, "");
    expect_sent(other, "");
    party = (struct readers){&key, 1}; /* authenticates on the open subscription */
    publish(3, 3, 1059, wrap);
    publish(4, 4, 1, "[]");
    expect_sent(c, "03 04");
    expect_sent(other, "04");
    fanout_unregister(fanout, &s);
    fanout_unregister(fanout, &t);
}

static void expired_and_doubled_ephemeral(void **state)
{
    struct conn *c = fake_conn_open(0);
    struct subscriber s;

    (void)state;
    subscribe(&s, c, &nobody, "{}");
    publish(1, 1, 1, "[[\"expiration\",\"5000\"]]");
    assert_int_equal(fanout_replay(fanout, &s, 0), REPLAY_LIVE);
    publish(2, 2, 1, "[[\"expiration\",\"5000\"]]");
    publish(3, 3, 1, "[[\"expiration\",\"5001\"]]");
    publish(0, 4, 20001, "[]");
    publish(0, 4, 20001, "[]");
    publish(0, 5, 20001, "[]");
    expect_sent(c, "03 04 05");
    fanout_unregister(fanout, &s);
}

static void bans_act_on_the_ring_and_on_what_comes(void **state)
{
    struct conn *c = fake_conn_open(0);
    struct control_state bans = {0};
    uint8_t banned_event[32], author[32];
    struct subscriber s;

    (void)state;
    key_of_number(2, banned_event);
    key_of_number(1, author);
    assert_true(key_set_add(&bans.banned_events, banned_event));
    key_set_seal(&bans.banned_events);
    subscribe(&s, c, &nobody, "{}");
    publish(1, 1, 1, "[]");
    publish(2, 2, 1, "[]");
    fanout_set_control(fanout, &bans);
    publish(3, 3, 1, "[]");
    publish(2, 2, 1, "[]");
    assert_int_equal(fanout_replay(fanout, &s, 0), REPLAY_LIVE);
    publish(4, 2, 1, "[]");
    publish(5, 4, 1, "[]");
    expect_sent(c, "01 03 04");
    assert_true(key_set_add(&bans.banned, author)); /* of all of them */
    key_set_seal(&bans.banned);
    fanout_set_control(fanout, &bans);
    publish(6, 5, 1, "[]");
    publish(0, 6, 20001, "[]");
    expect_sent(c, "");
    fanout_set_control(fanout, &control_nothing);
    publish(7, 7, 1, "[]");
    expect_sent(c, "07");
    fanout_unregister(fanout, &s);
    key_set_deinit(&bans.banned);
    key_set_deinit(&bans.banned_events);
}

static void once_per_subscription(void **state)
{
    struct conn *c = fake_conn_open(0);
    struct arena arena;
    struct filter f[3];
    struct subscriber s = {
        .conn = c, .readers = &nobody, .prefix = "[\"EVENT\",\"s\",", .prefix_len = 13};

    (void)state;
    arena_init(&arena, MIB);
    read_filter(SLICE("{\"kinds\":[1]}"), &arena, &f[0]);
    read_filter(SLICE("{\"#t\":[\"x\",\"y\"]}"), &arena, &f[1]);
    read_filter(SLICE("{}"), &arena, &f[2]);
    assert_true(fanout_register(fanout, &s, f, 3));
    arena_deinit(&arena);
    assert_int_equal(fanout_replay(fanout, &s, 0), REPLAY_LIVE);
    publish(1, 1, 1, "[[\"t\",\"x\"],[\"t\",\"y\"],[\"t\"]]");
    expect_sent(c, "01");
    fanout_unregister(fanout, &s);
}

/* 200 subscribers that all match: our own cost per delivery, without sockets. */
static void cost_of_a_delivery(void **state)
{
    enum { N = 200, EVENTS = 500 };
    static struct subscriber s[N];
    uint64_t began, took;

    (void)state;
    for (size_t i = 0; i < FAKE_CONNS; i++)
        fake_conn_open((uint32_t)i);
    for (size_t i = 0; i < N; i++) {
        subscribe(&s[i], &fake_conns[i % FAKE_CONNS], &nobody, "{\"kinds\":[1]}");
        assert_int_equal(fanout_replay(fanout, &s[i], 0), REPLAY_LIVE);
    }
    began = clock_mono_us();
    for (uint64_t i = 1; i <= EVENTS; i++) {
        publish(i, i, 1, "[[\"t\",\"x\"]]");
        for (size_t k = 0; k < FAKE_CONNS; k++)
            fake_conns[k].sent.len = 0;
    }
    took = clock_mono_us() - began;
    print_message("%.3f us per delivery\n", (double)took / N / EVENTS);
    for (size_t i = 0; i < N; i++)
        fanout_unregister(fanout, &s[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(seam, setup, teardown),
        cmocka_unit_test_setup_teardown(snapshot_ahead_of_the_feed, setup, teardown),
        cmocka_unit_test_setup_teardown(ring_too_short, setup, teardown),
        cmocka_unit_test_setup_teardown(congested_replay, setup, teardown),
        cmocka_unit_test_setup_teardown(deleted_in_the_ring, setup, teardown),
        cmocka_unit_test_setup_teardown(private_kinds, setup, teardown),
        cmocka_unit_test_setup_teardown(expired_and_doubled_ephemeral, setup, teardown),
        cmocka_unit_test_setup_teardown(bans_act_on_the_ring_and_on_what_comes, setup, teardown),
        cmocka_unit_test_setup_teardown(once_per_subscription, setup, teardown),
        cmocka_unit_test_setup_teardown(cost_of_a_delivery, setup, teardown),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    for (size_t i = 0; i < FAKE_CONNS; i++)
        buf_deinit(&fake_conns[i].sent);
    return failed;
}
