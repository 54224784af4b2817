#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conn/conn_table.h"

/* The table only passes pointers through. */
static struct conn *fake(uintptr_t n)
{
    return (struct conn *)(n * 16 + 16);
}

static void a_name_finds_its_connection_until_it_goes(void **state)
{
    struct conn_table t = {0};
    struct conn_handle handles[1000];

    (void)state;
    for (uint32_t i = 0; i < ARRAY_LEN(handles); i++)
        assert_true(conn_table_add(&t, fake(i), &handles[i]));
    for (uint32_t i = 0; i < ARRAY_LEN(handles); i++)
        assert_ptr_equal(conn_table_find(&t, handles[i]), fake(i));
    assert_int_equal(t.n_used, 1000);
    conn_table_remove(&t, handles[500]);
    assert_null(conn_table_find(&t, handles[500]));
    assert_int_equal(t.n_used, 999);
    conn_table_deinit(&t);
}

static void an_old_name_does_not_find_the_next_one(void **state)
{
    struct conn_table t = {0};
    struct conn_handle old, new;

    (void)state;
    assert_true(conn_table_add(&t, fake(1), &old));
    conn_table_remove(&t, old);
    assert_true(conn_table_add(&t, fake(2), &new));
    assert_int_equal(old.slot, new.slot);
    assert_null(conn_table_find(&t, old));
    assert_ptr_equal(conn_table_find(&t, new), fake(2));
    conn_table_deinit(&t);
}

static void nonsense_finds_nothing(void **state)
{
    struct conn_table t = {0};
    struct conn_handle h;

    (void)state;
    assert_null(conn_table_find(&t, (struct conn_handle){0, 0}));
    assert_true(conn_table_add(&t, fake(1), &h));
    assert_null(conn_table_find(&t, (struct conn_handle){0, 0}));
    assert_null(conn_table_find(&t, (struct conn_handle){h.slot, h.generation + 1}));
    assert_null(conn_table_find(&t, (struct conn_handle){UINT32_MAX, h.generation}));
    conn_table_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_finds_its_connection_until_it_goes),
        cmocka_unit_test(an_old_name_does_not_find_the_next_one),
        cmocka_unit_test(nonsense_finds_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
