#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conn/timer_wheel.h"

static struct timer_wheel wheel;

struct item {
    struct timer timer;
    int fired;
    uint64_t rearm; /* tick to arm again at when fired, or 0 */
    struct item *cancel;
};

static void on_timer(struct timer *t)
{
    struct item *item = container_of(t, struct item, timer);

    item->fired++;
    if (item->cancel)
        timer_cancel(&item->cancel->timer);
    if (item->rearm)
        timer_arm(&wheel, t, item->rearm);
}

static void start(struct item *item)
{
    *item = (struct item){0};
    timer_init(&item->timer);
}

static void fires_once_at_its_tick(void **state)
{
    static const uint64_t distances[] = {1, 2, 255, 256, 257, 1000, 100000};
    struct item item;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(distances); i++) {
        timer_wheel_init(&wheel, 7);
        start(&item);
        timer_arm(&wheel, &item.timer, 7 + distances[i]);
        for (uint64_t tick = 8; tick < 7 + distances[i]; tick++)
            timer_wheel_advance(&wheel, tick, on_timer);
        assert_int_equal(item.fired, 0);
        timer_wheel_advance(&wheel, 7 + distances[i], on_timer);
        assert_int_equal(item.fired, 1);
        timer_wheel_advance(&wheel, 7 + 3 * distances[i], on_timer);
        assert_int_equal(item.fired, 1);
    }
}

static void a_long_sleep_misses_nothing(void **state)
{
    struct item items[600];

    (void)state;
    timer_wheel_init(&wheel, 0);
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        start(&items[i]);
        timer_arm(&wheel, &items[i].timer, i + 1);
    }
    timer_wheel_advance(&wheel, 500, on_timer);
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        assert_int_equal(items[i].fired, i + 1 <= 500);
    timer_wheel_advance(&wheel, 600, on_timer);
    assert_int_equal(items[599].fired, 1);
}

static void the_past_means_the_next_tick(void **state)
{
    struct item item;

    (void)state;
    timer_wheel_init(&wheel, 100);
    start(&item);
    timer_arm(&wheel, &item.timer, 3);
    timer_wheel_advance(&wheel, 101, on_timer);
    assert_int_equal(item.fired, 1);
}

static void arming_again_moves_it(void **state)
{
    struct item item;

    (void)state;
    timer_wheel_init(&wheel, 0);
    start(&item);
    timer_arm(&wheel, &item.timer, 5);
    timer_arm(&wheel, &item.timer, 10);
    timer_wheel_advance(&wheel, 9, on_timer);
    assert_int_equal(item.fired, 0);
    timer_cancel(&item.timer);
    timer_cancel(&item.timer);
    timer_wheel_advance(&wheel, 20, on_timer);
    assert_int_equal(item.fired, 0);
}

static void a_callback_may_arm_and_cancel(void **state)
{
    struct item first, second;

    (void)state;
    timer_wheel_init(&wheel, 0);
    start(&first);
    start(&second);
    first.rearm = 1; /* in the past: the next tick, not this one again */
    first.cancel = &second;
    timer_arm(&wheel, &first.timer, 1);
    timer_arm(&wheel, &second.timer, 1);
    timer_wheel_advance(&wheel, 1, on_timer);
    assert_int_equal(first.fired, 1);
    assert_int_equal(second.fired, 0);
    first.rearm = 0;
    timer_wheel_advance(&wheel, 2, on_timer);
    assert_int_equal(first.fired, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_once_at_its_tick),
        cmocka_unit_test(a_long_sleep_misses_nothing),
        cmocka_unit_test(the_past_means_the_next_tick),
        cmocka_unit_test(arming_again_moves_it),
        cmocka_unit_test(a_callback_may_arm_and_cancel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
