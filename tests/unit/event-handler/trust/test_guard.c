/* What a new generation is compared with, and what keeps it from being published. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "trust/guard.h"

static struct trust_table *old, *fresh;

static struct pubkey key(unsigned n)
{
    struct pubkey pk = {{(uint8_t)(n >> 8), (uint8_t)n}};

    return pk;
}

static void put(struct trust_table *t, unsigned who, uint8_t level, bool follows)
{
    struct trust_entry e = {.pubkey = key(who),
                            .level = level,
                            .trusted = level != TRUST_LEVEL_NONE,
                            .follows = follows,
                            .followers = level ? 3 : 0};

    assert_true(trust_table_put(t, &e));
}

/* Two admins, one of whom follows somebody, and people 10 to 10 + n - 1. */
static void people(struct trust_table *t, unsigned n)
{
    put(t, 1, 0, true);
    put(t, 2, 0, false);
    for (unsigned i = 0; i < n; i++)
        put(t, 10 + i, i == 0 ? 1 : 2, false);
}

static int set_up(void **state)
{
    (void)state;
    old = trust_table_new(300);
    fresh = trust_table_new(300);
    if (!old || !fresh)
        return -1;
    old->generation = 1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    trust_table_free(old);
    trust_table_free(fresh);
    return 0;
}

static void test_changes(void **state)
{
    (void)state;
    people(old, 50);
    people(fresh, 50);
    assert_int_equal(old->n_trusted, 52);
    assert_true(guard_same(old, fresh));
    assert_null(guard_fault(old, fresh));
    put(fresh, 11, TRUST_LEVEL_NONE, false);
    assert_int_equal(fresh->n_trusted, 51);
    assert_false(guard_same(old, fresh));
    assert_int_equal(guard_missing(old, fresh), 1);
    assert_int_equal(guard_missing(fresh, old), 0);
    put(fresh, 200, 2, false);
    assert_false(guard_same(old, fresh));
    assert_int_equal(guard_missing(fresh, old), 1);
}

static void test_guard_against_shrinking(void **state)
{
    (void)state;
    people(old, 98);
    people(fresh, 68);
    assert_null(guard_fault(old, fresh)); /* 30 of 100 */
    put(fresh, 77, TRUST_LEVEL_NONE, false);
    assert_string_equal(guard_fault(old, fresh), "it lost more than 30 % of its people");
    for (unsigned i = 0; i < 100; i++) /* however many are new */
        put(fresh, 300 + i, 2, false);
    assert_non_null(guard_fault(old, fresh));
    old->generation = 0; /* nothing was published before */
    assert_null(guard_fault(old, fresh));
}

static void test_a_small_circle_may_shrink(void **state)
{
    (void)state;
    people(old, 17);
    people(fresh, 1);
    assert_null(guard_fault(old, fresh));
}

static void test_guard_against_a_rootless_result(void **state)
{
    (void)state;
    people(old, 5);
    people(fresh, 0);
    assert_string_equal(guard_fault(old, fresh), "no admin follows anybody any more");
}

static void test_guard_against_an_emptied_list_of_one_admin(void **state)
{
    (void)state;
    people(old, 50);
    people(fresh, 50);
    put(old, 2, 0, true); /* the second admin followed somebody too */
    assert_string_equal(guard_fault(old, fresh), "the list of an admin is gone or empty");
    put(fresh, 2, TRUST_LEVEL_NONE, false); /* who is no admin any more need have none */
    assert_null(guard_fault(old, fresh));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_guard_against_shrinking, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_small_circle_may_shrink, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_guard_against_a_rootless_result, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_guard_against_an_emptied_list_of_one_admin, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
