#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "limit/census.h"

enum { CONNECTIONS, FEW, NONE };
static const struct census_class classes[] = {
    [CONNECTIONS] = {"connections", 100}, [FEW] = {"few", 2}, [NONE] = {"none", 0}};
static const struct slice alice = {"alice", 5};

static struct census *make(void)
{
    struct census *c = census_new(classes, ARRAY_LEN(classes));

    assert_non_null(c);
    return c;
}

static int fill(struct census *c, unsigned class, uint64_t now)
{
    int n = 0;

    while (n < 1000 && census_enter(c, class, alice, now))
        n++;
    return n;
}

/* Answers the one report of c. */
static int64_t answer(struct census *c, int64_t others, uint64_t now)
{
    struct lease lease;

    assert_int_equal(census_collect(c, &lease, 1), 1);
    census_settle(c, &lease, &others, 1, now);
    return lease.count;
}

static void alone(void **state)
{
    struct census *c = make();

    (void)state;
    assert_int_equal(fill(c, FEW, 0), 2);
    assert_false(census_enter(c, FEW, alice, 0));
    census_leave(c, FEW, alice);
    assert_true(census_enter(c, FEW, alice, 0));
    assert_false(census_enter(c, FEW, alice, 0));
    assert_int_equal(fill(c, NONE, 0), 1000);
    census_leave(c, NONE, alice);
    census_free(c);
}

static void privileged(void **state)
{
    struct census *c = make();

    (void)state;
    for (int i = 0; i < 3; i++)
        census_enter_freely(c, FEW, alice);
    assert_false(census_enter(c, FEW, alice, 0));
    census_leave(c, FEW, alice);
    assert_false(census_enter(c, FEW, alice, 0));
    census_leave(c, FEW, alice);
    assert_true(census_enter(c, FEW, alice, 0));
    census_free(c);
}

static void with_others(void **state)
{
    struct census *c = make();

    (void)state;
    for (int i = 0; i < 9; i++) {
        assert_true(census_enter(c, CONNECTIONS, alice, 0));
        assert_false(census_wants_report(c)); /* not a slice yet */
    }
    assert_true(census_enter(c, CONNECTIONS, alice, 0));
    assert_int_equal(answer(c, 85, 0), 10);
    assert_int_equal(fill(c, CONNECTIONS, 1), 5);
    assert_int_equal(answer(c, 0, 1), 15); /* a refusal asks whether the others have gone */
    assert_int_equal(fill(c, CONNECTIONS, 2), 85);
    census_free(c);
}

static void what_was_heard_of_the_others_expires(void **state)
{
    struct census *c = make();

    (void)state;
    assert_true(census_enter(c, FEW, alice, 0));
    answer(c, 1, 0);
    assert_false(census_enter(c, FEW, alice, COUNT_TTL_MS - 1));
    assert_true(census_enter(c, FEW, alice, COUNT_TTL_MS));
    census_free(c);
}

static void reports_are_renewed_and_withdrawn(void **state)
{
    struct census *c = make();
    struct lease lease;

    (void)state;
    assert_true(census_enter(c, FEW, alice, 0));
    assert_int_equal(answer(c, 0, 0), 1);
    assert_false(census_wants_report(c));
    census_renew(c);
    assert_int_equal(answer(c, 0, 0), 1);
    census_leave(c, FEW, alice);
    assert_int_equal(census_collect(c, &lease, 1), 1);
    assert_int_equal(lease.count, 0);
    census_give_back(c, &lease, 1); /* Redis is away */
    assert_int_equal(answer(c, 0, 0), 0);
    census_renew(c);
    assert_false(census_wants_report(c)); /* and alice is forgotten */
    census_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone),
        cmocka_unit_test(privileged),
        cmocka_unit_test(with_others),
        cmocka_unit_test(what_was_heard_of_the_others_expires),
        cmocka_unit_test(reports_are_renewed_and_withdrawn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
