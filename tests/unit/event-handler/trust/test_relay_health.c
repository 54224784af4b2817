#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "trust/relay_health.h"

enum { NOW = 1700000000 };

static int setup(void **state)
{
    *state = relay_health_new();
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    relay_health_free(*state);
    return 0;
}

static void test_strangers(void **state)
{
    assert_int_equal(relay_health_retry_at(*state, "wss://a", false), 0);
    assert_int_equal(relay_health_score(*state, "wss://a"), 50);
}

static void test_pauses_double(void **state)
{
    static const int64_t pauses[] = {60, 120, 240, 480, 960, 1920};

    for (size_t i = 0; i < ARRAY_LEN(pauses); i++) {
        relay_health_note(*state, "wss://a", RELAY_CONDUCT_FAILED, NOW);
        assert_int_equal(relay_health_retry_at(*state, "wss://a", false), NOW + pauses[i]);
        assert_int_equal(
            relay_health_retry_at(*state, "wss://a", true),
            NOW + (pauses[i] < RELAY_HEALTH_SEED_SECONDS ? pauses[i] : RELAY_HEALTH_SEED_SECONDS));
    }
    for (int i = 0; i < 100; i++)
        relay_health_note(*state, "wss://a", RELAY_CONDUCT_FAILED, NOW);
    assert_int_equal(relay_health_retry_at(*state, "wss://a", false),
                     NOW + RELAY_HEALTH_MOST_SECONDS);
    assert_true(relay_health_score(*state, "wss://a") < 5);
    relay_health_note(*state, "wss://a", RELAY_CONDUCT_GOOD, NOW);
    assert_int_equal(relay_health_retry_at(*state, "wss://a", false), 0);
}

static void test_hostility_counts_more(void **state)
{
    relay_health_note(*state, "wss://a", RELAY_CONDUCT_HOSTILE, NOW);
    assert_int_equal(relay_health_retry_at(*state, "wss://a", false), NOW + 1920);
    assert_int_equal(relay_health_score(*state, "wss://a"), 0);
    relay_health_note(*state, "wss://a", RELAY_CONDUCT_HOSTILE, NOW);
    assert_int_equal(relay_health_retry_at(*state, "wss://a", false),
                     NOW + RELAY_HEALTH_MOST_SECONDS);
}

static void test_scores(void **state)
{
    unsigned score = 50;

    for (int i = 0; i < 50; i++) {
        relay_health_note(*state, "wss://a", RELAY_CONDUCT_GOOD, NOW);
        assert_true(relay_health_score(*state, "wss://a") >= score);
        score = relay_health_score(*state, "wss://a");
    }
    assert_int_equal(score, 100);
    relay_health_note(*state, "wss://a", RELAY_CONDUCT_FAILED, NOW);
    assert_int_equal(relay_health_score(*state, "wss://a"), 75);
}

static void test_the_oldest_is_forgotten(void **state)
{
    char url[32];

    for (int i = 0; i <= RELAY_HEALTH_MOST; i++) {
        snprintf(url, sizeof(url), "wss://%d", i);
        relay_health_note(*state, url, RELAY_CONDUCT_FAILED, NOW + i);
    }
    assert_int_equal(relay_health_retry_at(*state, "wss://0", false), 0);
    assert_int_equal(relay_health_retry_at(*state, "wss://1", false), NOW + 1 + 60);
    assert_true(relay_health_retry_at(*state, url, false) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_strangers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pauses_double, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostility_counts_more, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scores, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_oldest_is_forgotten, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
