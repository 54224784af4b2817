#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "query/turns.h"

static void join(struct turns *t, struct turn *turn, const char *name)
{
    assert_int_equal(turns_join(t, turn, slice_str(name)), OK);
    turns_wait(t, turn);
}

static void leave(struct turns *t, struct turn *turn)
{
    turns_done(t, turn);
    turns_leave(t, turn);
}

static void clients_take_turns(void **state)
{
    struct turn a[3], b[1], nobody[1];
    struct turns t;

    (void)state;
    turns_init(&t, 10, 10);
    for (int i = 0; i < 3; i++)
        join(&t, &a[i], "a");
    join(&t, b, "b");
    join(&t, nobody, "");
    assert_int_equal(t.n_waiting, 5);
    assert_ptr_equal(turns_take(&t), &a[0]);
    assert_ptr_equal(turns_take(&t), b);
    assert_ptr_equal(turns_take(&t), nobody);
    assert_ptr_equal(turns_take(&t), &a[1]);
    turns_done(&t, &a[0]); /* it wants another page */
    turns_wait(&t, &a[0]);
    assert_ptr_equal(turns_take(&t), &a[2]);
    assert_ptr_equal(turns_take(&t), &a[0]);
    assert_null(turns_take(&t));
    assert_int_equal(t.n_waiting, 0);
    for (int i = 0; i < 3; i++)
        leave(&t, &a[i]);
    leave(&t, b);
    leave(&t, nobody);
    turns_deinit(&t);
}

static void nobody_has_more_than_a_share(void **state)
{
    struct turn a[4], b[1], nobody[3];
    struct turns t;

    (void)state;
    turns_init(&t, 2, 10);
    for (int i = 0; i < 4; i++)
        join(&t, &a[i], "a");
    assert_ptr_equal(turns_take(&t), &a[0]);
    assert_ptr_equal(turns_take(&t), &a[1]);
    assert_null(turns_take(&t));
    join(&t, b, "b");
    assert_ptr_equal(turns_take(&t), b);
    for (int i = 0; i < 3; i++) {
        join(&t, &nobody[i], "");
        assert_ptr_equal(turns_take(&t), &nobody[i]);
    }
    leave(&t, &a[1]);
    assert_ptr_equal(turns_take(&t), &a[2]);
    assert_null(turns_take(&t));
    assert_ptr_equal(turns_evict(&t), &a[3]);
    assert_null(turns_evict(&t));
    turns_leave(&t, &a[3]);
    leave(&t, &a[0]);
    leave(&t, &a[2]);
    leave(&t, b);
    for (int i = 0; i < 3; i++)
        leave(&t, &nobody[i]);
    turns_deinit(&t);
}

static void nobody_fills_the_queue(void **state)
{
    struct turn a[3], b, nobody[3];
    struct turns t;

    (void)state;
    turns_init(&t, 1, 2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(turns_join(&t, &a[i], SLICE("a")), OK);
    assert_int_equal(turns_join(&t, &a[2], SLICE("a")), ERR_BUSY);
    assert_int_equal(turns_join(&t, &b, SLICE("b")), OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(turns_join(&t, &nobody[i], SLICE("")), OK);
    turns_leave(&t, &a[0]);
    assert_int_equal(turns_join(&t, &a[2], SLICE("a")), OK);
    turns_leave(&t, &a[1]);
    turns_leave(&t, &a[2]);
    turns_leave(&t, &b);
    for (int i = 0; i < 3; i++)
        turns_leave(&t, &nobody[i]);
    turns_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_take_turns),
        cmocka_unit_test(nobody_has_more_than_a_share),
        cmocka_unit_test(nobody_fills_the_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
