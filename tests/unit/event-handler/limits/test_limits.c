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
    struct limits_event event = {.sender = person(n), .tier = tier};
    uint32_t seconds;

    for (int i = 0; i < 100; i++) {
        *last = limits_take_event(limits, &event, &seconds);
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

/* One event more by somebody of whom nothing was heard yet, for these n. */
static enum limits_result send_to(const struct pubkey *to, size_t n, uint32_t *seconds)
{
    static uint8_t senders = 100;
    struct limits_event event = {
        .sender = person(senders++), .tier = TIER_KNOWN, .wrapped = to, .n_wrapped = n};

    return limits_take_event(limits, &event, seconds);
}

static void recipients(void **state)
{
    struct pubkey alice = person(1), bob = person(2), both[] = {bob, alice};
    uint32_t seconds = 0;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(send_to(&alice, 1, &seconds), LIMITS_OK);
    assert_int_equal(send_to(&alice, 1, &seconds), LIMITS_RECIPIENT);
    assert_in_range(seconds, 1100, 1201);
    for (int i = 0; i < 10; i++)
        assert_int_equal(send_to(both, 2, &seconds), LIMITS_RECIPIENT);
    for (int i = 0; i < 3; i++)
        assert_int_equal(send_to(&bob, 1, &seconds), LIMITS_OK);
}

/* What is refused for its recipient is not charged to its sender either. */
static void refusals_cost_nothing(void **state)
{
    struct pubkey alice = person(1);
    struct limits_event wrap = {
        .sender = person(2), .tier = TIER_GUEST, .wrapped = &alice, .n_wrapped = 1};
    enum limits_result last;
    uint32_t seconds;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(send_to(&alice, 1, &seconds), LIMITS_OK);
    for (int i = 0; i < 20; i++)
        assert_int_equal(limits_take_event(limits, &wrap, &seconds), LIMITS_RECIPIENT);
    assert_int_equal(publish(2, TIER_GUEST, &last), 2);
    assert_int_equal(publish(3, TIER_GUEST, &last), 2);
    assert_int_equal(publish(4, TIER_GUEST, &last), 1);
}

static void switched_off(void **state)
{
    struct config off = config;
    struct pubkey alice = person(1);
    struct limits_event event = {
        .sender = alice, .tier = TIER_GUEST, .wrapped = &alice, .n_wrapped = 1};
    struct limits *none;
    uint32_t seconds;

    (void)state;
    off.shared.rate_limits = false;
    assert_int_equal(limits_start(&off, &none), OK);
    assert_null(none);
    for (int i = 0; i < 100; i++)
        assert_int_equal(limits_take_event(none, &event, &seconds), LIMITS_OK);
    limits_stop(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(by_tier, setup, teardown),
        cmocka_unit_test_setup_teardown(guests_together, setup, teardown),
        cmocka_unit_test_setup_teardown(recipients, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals_cost_nothing, setup, teardown),
        cmocka_unit_test(switched_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
