/* Limits of addresses and pubkeys, without Redis: this process holds them alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include "config.h"
#include "limit/limits.h"

static struct config config = {
    .shared = {.rate_limits = true,
               .redis_host = "127.0.0.1",
               .redis_port = 1,
               .redis_password = ""},
    .limit_connections = 3,
    .limit_subscriptions = 4,
    .limit_connects = 10,
    .limit_events = 10,
    .limit_bytes = 1000,
    .limit_queries = 20,
    .limit_key_queries = 5,
    .limit_trust_factor = 4,
};
static uv_loop_t loop;
static struct limits *limits;

static int setup(void **state)
{
    (void)state;
    uv_loop_init(&loop);
    return limits_start(&loop, &config, &limits) == OK && limits ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    uv_run(&loop, UV_RUN_NOWAIT);
    limits_stop(limits);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

static struct ip address(const char *text)
{
    struct ip ip;

    assert_true(ip_parse(slice_str(text), &ip));
    return ip;
}

static int take_all(enum limit_rate rate, const struct limit_who *who)
{
    uint32_t seconds = 0;
    int n = 0;

    while (n < 1000 && limits_take(limits, rate, who, 1, &seconds))
        n++;
    if (n < 1000)
        assert_in_range(seconds, 1, 60);
    return n;
}

static void addresses_and_tiers(void **state)
{
    struct ip a = address("192.0.2.1"), b = address("2001:db8::1"), same = address("2001:db8::2:1");
    struct ip c = address("192.0.2.3"), d = address("192.0.2.4");
    struct limit_who guest_a = {&a, NULL, TIER_GUEST}, guest_b = {&b, NULL, TIER_GUEST};
    struct limit_who neighbour = {&same, NULL, TIER_GUEST};
    struct limit_who trusted = {&c, NULL, TIER_TRUSTED}, admin = {&d, NULL, TIER_ADMIN};

    (void)state;
    assert_int_equal(take_all(LIMIT_IP_EVENTS, &guest_a), 10);
    assert_int_equal(take_all(LIMIT_IP_EVENTS, &guest_b), 10);
    assert_int_equal(take_all(LIMIT_IP_EVENTS, &neighbour), 0);
    assert_int_equal(take_all(LIMIT_IP_BYTES, &neighbour), 1000);
    assert_int_equal(take_all(LIMIT_IP_EVENTS, &trusted), 40);
    assert_int_equal(take_all(LIMIT_IP_EVENTS, &admin), 1000);
}

static void queries_of_addresses_and_pubkeys(void **state)
{
    struct ip a = address("192.0.2.1"), b = address("192.0.2.2");
    struct pubkey pk = {{1}};
    struct limit_who here = {&a, &pk, TIER_GUEST}, there = {&b, &pk, TIER_GUEST};
    struct limit_who nobody = {&a, NULL, TIER_GUEST};
    uint32_t seconds;

    (void)state;
    assert_true(limits_take_query(limits, &here, 3, &seconds));
    assert_true(limits_take_query(limits, &there, 2, &seconds));
    assert_false(limits_take_query(limits, &there, 1, &seconds));
    for (int i = 0; i < 100; i++) /* what the pubkey may not is not taken from the address */
        assert_false(limits_take_query(limits, &here, 1, &seconds));
    assert_true(limits_take_query(limits, &nobody, 17, &seconds));
    assert_false(limits_take_query(limits, &nobody, 1, &seconds));
    limits_charge_query(limits, &nobody, 20);
    assert_false(limits_take_query(limits, &nobody, 1, &seconds));
    assert_in_range(seconds, 60, 64);
}

static void open_things(void **state)
{
    struct ip a = address("192.0.2.1");
    struct limit_who guest = {&a, NULL, TIER_GUEST}, trusted = {&a, NULL, TIER_TRUSTED};

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(limits_enter(limits, LIMIT_IP_CONNECTIONS, &guest));
    assert_false(limits_enter(limits, LIMIT_IP_CONNECTIONS, &guest));
    assert_true(limits_enter(limits, LIMIT_IP_CONNECTIONS, &trusted));
    limits_leave(limits, LIMIT_IP_CONNECTIONS, &a);
    assert_false(limits_enter(limits, LIMIT_IP_CONNECTIONS, &guest));
    limits_leave(limits, LIMIT_IP_CONNECTIONS, &a);
    assert_true(limits_enter(limits, LIMIT_IP_CONNECTIONS, &guest));
    assert_true(limits_enter(limits, LIMIT_IP_SUBSCRIPTIONS, &guest));
}

static void switched_off(void **state)
{
    struct config off = config;
    struct ip a = address("192.0.2.1");
    struct limit_who guest = {&a, NULL, TIER_GUEST};
    struct limits *none;
    uint32_t seconds;

    (void)state;
    off.shared.rate_limits = false;
    assert_int_equal(limits_start(&loop, &off, &none), OK);
    assert_null(none);
    for (int i = 0; i < 100; i++) {
        assert_true(limits_take(none, LIMIT_IP_EVENTS, &guest, 1, &seconds));
        assert_true(limits_take_query(none, &guest, 1, &seconds));
        assert_true(limits_enter(none, LIMIT_IP_CONNECTIONS, &guest));
        limits_charge_query(none, &guest, 1);
    }
    limits_leave(none, LIMIT_IP_CONNECTIONS, &a);
    limits_stop(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(addresses_and_tiers, setup, teardown),
        cmocka_unit_test_setup_teardown(queries_of_addresses_and_pubkeys, setup, teardown),
        cmocka_unit_test_setup_teardown(open_things, setup, teardown),
        cmocka_unit_test(switched_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
