/* Budgets of pubkeys, tiers and recipients, without Redis: this process holds them alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include "config.h"
#include "limits/limits.h"

static struct config config = {
    .shared = {.rate_limits = true,
               .redis_host = "127.0.0.1",
               .redis_port = 1,
               .redis_password = ""},
    .limit_key_trusted = 8,
    .limit_key_known = 4,
    .limit_key_guest = 2,
    .limit_all_guest = 5,
    .limit_wraps_recipient = 3,
};
static struct limits *limits;

static int setup(void **state)
{
    (void)state;
    return limits_start(&config, &limits) == OK && limits ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    limits_stop(limits);
    return 0;
}

static struct pubkey person(uint8_t n)
{
    struct pubkey pk;

    memset(pk.b, n, sizeof pk.b);
    return pk;
}

/* How many events are taken until the first refusal, at most 100; *last is its reason. */
static int publish(uint8_t n, enum tier tier, enum limits_result *last)
{
    struct pubkey pk = person(n);
    uint32_t seconds;

    for (int i = 0; i < 100; i++) {
        *last = limits_take_event(limits, &pk, tier, &seconds);
        if (*last != LIMITS_OK) {
            assert_in_range(seconds, 1, 61);
            return i;
        }
    }
    return 100;
}

static void by_tier(void **state)
{
    enum limits_result last;

    (void)state;
    assert_int_equal(publish(1, TIER_ADMIN, &last), 100);
    assert_int_equal(publish(2, TIER_TRUSTED, &last), 8);
    assert_int_equal(publish(3, TIER_KNOWN, &last), 4);
    assert_int_equal(last, LIMITS_PUBKEY);
    assert_int_equal(publish(4, TIER_GUEST, &last), 2);
    assert_int_equal(publish(5, TIER_MUTED, &last), 2);
}

static void guests_together(void **state)
{
    enum limits_result last;

    (void)state;
    assert_int_equal(publish(1, TIER_GUEST, &last), 2);
    assert_int_equal(publish(2, TIER_GUEST, &last), 2);
    assert_int_equal(publish(3, TIER_GUEST, &last), 1);
    assert_int_equal(last, LIMITS_TIER);
    assert_int_equal(publish(4, TIER_GUEST, &last), 0);
    assert_int_equal(publish(4, TIER_KNOWN, &last), 4);
}

static void recipients(void **state)
{
    struct pubkey alice = person(1), bob = person(2);
    uint32_t seconds = 0;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(limits_take_recipient(limits, &alice, &seconds));
    assert_false(limits_take_recipient(limits, &alice, &seconds));
    assert_in_range(seconds, 1100, 1201);
    assert_true(limits_take_recipient(limits, &bob, &seconds));
}

static void switched_off(void **state)
{
    struct config off = config;
    struct pubkey alice = person(1);
    struct limits *none;
    uint32_t seconds;

    (void)state;
    off.shared.rate_limits = false;
    assert_int_equal(limits_start(&off, &none), OK);
    assert_null(none);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(limits_take_event(none, &alice, TIER_GUEST, &seconds), LIMITS_OK);
        assert_true(limits_take_recipient(none, &alice, &seconds));
    }
    limits_stop(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(by_tier, setup, teardown),
        cmocka_unit_test_setup_teardown(guests_together, setup, teardown),
        cmocka_unit_test_setup_teardown(recipients, setup, teardown),
        cmocka_unit_test(switched_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
