#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "base/clock.h"

static void the_wall_clock_is_the_systems(void **state)
{
    int64_t before = time(NULL);
    int64_t now = clock_unix();
    int64_t now_ms = clock_unix_ms();
    int64_t after = time(NULL);

    (void)state;
    /* time() may lag behind the precise clock by a tick. */
    assert_in_range(now, before, after + 1);
    assert_in_range(now_ms / 1000, before, after + 1);
    assert_in_range(clock_unix_us() / 1000, now_ms, now_ms + 1000);
}

static void the_wall_clock_is_finer_than_milliseconds(void **state)
{
    int fine = 0;

    (void)state;
    for (int i = 0; i < 10; i++)
        fine += clock_unix_us() % 1000 != 0;
    assert_true(fine > 0);
}

static void monotonic_time_does_not_go_back(void **state)
{
    uint64_t last = clock_mono_us();

    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_mono_us();

        assert_true(now >= last);
        last = now;
    }
    assert_true(clock_mono_ms() >= last / 1000);
}

static void time_can_be_frozen(void **state)
{
    (void)state;
    clock_freeze_unix(1700000000);
    assert_int_equal(clock_unix(), 1700000000);
    clock_freeze_unix(0);
    assert_true(clock_unix() > 1700000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wall_clock_is_the_systems),
        cmocka_unit_test(the_wall_clock_is_finer_than_milliseconds),
        cmocka_unit_test(monotonic_time_does_not_go_back),
        cmocka_unit_test(time_can_be_frozen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
