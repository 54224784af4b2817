#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ops/backoff.h"

static void test_doubles_up_to_the_most_with_jitter(void **state)
{
    static const uint32_t full[] = {100, 200, 400, 800, 1000, 1000, 1000};
    (void)state;

    for (int round = 0; round < 200; round++) {
        struct backoff b;

        backoff_init(&b, 100, 1000);
        for (size_t i = 0; i < ARRAY_LEN(full); i++)
            assert_in_range(backoff_next(&b), full[i] / 2, full[i]);
    }
}

static void test_delays_differ(void **state)
{
    uint32_t least = UINT32_MAX, most = 0;
    (void)state;

    for (int i = 0; i < 200; i++) {
        struct backoff b;
        uint32_t delay;

        backoff_init(&b, 10000, 10000);
        delay = backoff_next(&b);
        least = delay < least ? delay : least;
        most = delay > most ? delay : most;
    }
    assert_true(most - least > 1000);
}

static void test_reset_starts_over(void **state)
{
    struct backoff b;
    (void)state;

    backoff_init(&b, 50, 60000);
    for (int i = 0; i < 20; i++)
        (void)backoff_next(&b);
    backoff_reset(&b);
    assert_in_range(backoff_next(&b), 25, 50);
}

static void test_large_bounds_do_not_overflow(void **state)
{
    struct backoff b;
    (void)state;

    backoff_init(&b, 1, UINT32_MAX);
    for (int i = 0; i < 64; i++)
        (void)backoff_next(&b);
    assert_in_range(backoff_next(&b), UINT32_MAX / 2, UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubles_up_to_the_most_with_jitter),
        cmocka_unit_test(test_delays_differ),
        cmocka_unit_test(test_reset_starts_over),
        cmocka_unit_test(test_large_bounds_do_not_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
