#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>

#include <cmocka.h>

#include "limit/limiter.h"

enum { PER_MINUTE, SMALL, NONE };
static const struct limit_class classes[] = {
    [PER_MINUTE] = {"per_minute", 600, 60000},
    [SMALL] = {"small", 3, 1000},
    [NONE] = {"none", 0, 1000},
};

static const struct slice alice = {"alice", 5}, bob = {"bob", 3};

static struct limiter *make(size_t max)
{
    struct limiter *l = limiter_new(classes, ARRAY_LEN(classes), max);

    assert_non_null(l);
    return l;
}

static bool take(struct limiter *l, unsigned class, struct slice who, double cost, uint64_t now)
{
    uint64_t wait;

    return limiter_take(l, class, who, cost, now, &wait);
}

/* How many tokens can be taken one by one at that moment. */
static int drain(struct limiter *l, unsigned class, struct slice who, uint64_t now)
{
    int n = 0;

    while (take(l, class, who, 1, now))
        n++;
    return n;
}

static void a_bucket_alone(void **state)
{
    struct limiter *l = make(100);
    uint64_t wait = 0;

    (void)state;
    assert_int_equal(drain(l, SMALL, alice, 1000), 3);
    assert_int_equal(drain(l, SMALL, bob, 1000), 3);
    assert_false(limiter_take(l, SMALL, alice, 1, 1000, &wait));
    assert_in_range(wait, 333, 334);
    /* Trying does not make it longer. */
    for (int i = 0; i < 1000; i++)
        assert_false(take(l, SMALL, alice, 1, 1001));
    assert_true(take(l, SMALL, alice, 1, 1000 + wait));
    assert_int_equal(drain(l, SMALL, alice, 100000), 3);
    for (int i = 0; i < 1000; i++)
        assert_true(take(l, NONE, alice, 1e9, 1000));
    limiter_free(l);
}

static void costs_larger_than_a_bucket_and_debts(void **state)
{
    struct limiter *l = make(100);
    uint64_t wait = 0;

    (void)state;
    assert_true(take(l, SMALL, alice, 5, 1000));
    assert_false(limiter_take(l, SMALL, alice, 1, 1000, &wait));
    assert_int_equal(wait, 1000);
    limiter_charge(l, SMALL, bob, 100, 1000);
    assert_false(limiter_take(l, SMALL, bob, 1, 1000, &wait));
    assert_in_range(wait, 1333, 1334); /* the debt is at most one bucket */
    assert_false(limiter_take(l, SMALL, bob, 9, 1000, &wait));
    assert_in_range(wait, 2000, 2001);
    limiter_free(l);
}

static void refunds(void **state)
{
    struct limiter *l = make(100);

    (void)state;
    assert_true(take(l, SMALL, alice, 3, 1000));
    limiter_refund(l, SMALL, alice, 2);
    assert_int_equal(drain(l, SMALL, alice, 1000), 2);
    limiter_refund(l, SMALL, alice, 50);
    assert_int_equal(drain(l, SMALL, alice, 1000), 3);
    limiter_refund(l, SMALL, bob, 1); /* who is not known */
    assert_int_equal(limiter_subjects(l), 1);
    limiter_free(l);
}

static void memory_is_bounded(void **state)
{
    struct limiter *l = make(50);

    (void)state;
    assert_int_equal(drain(l, SMALL, alice, 1000), 3);
    for (uint32_t i = 0; i < 1000; i++)
        assert_true(take(l, SMALL, slice_of((const char *)&i, sizeof i), 1, 1000));
    assert_int_equal(limiter_subjects(l), 50);
    assert_true(take(l, SMALL, alice, 1, 1000)); /* it had to be forgotten */
    limiter_expire(l, 2999);
    assert_int_equal(limiter_subjects(l), 50);
    limiter_expire(l, 3000);
    assert_int_equal(limiter_subjects(l), 0);
    limiter_free(l);
}

/* ---- several processes ---- */

static struct shared { /* what the script keeps in Redis, for one subject */
    double level;
    uint64_t at;
    int trips;
} redis = {600, 0, 0};

static int64_t spend(struct shared *s, const struct lease *lease, uint64_t now)
{
    double full = (double)lease->amount;

    s->level = fmin(s->level + (double)(now - s->at) * full / (double)lease->period_ms, full);
    s->at = now;
    s->level = fmax(s->level - lease->spent, -full);
    s->trips++;
    return (int64_t)floor(s->level * 1000);
}

static void synchronise(struct limiter *l, uint64_t now)
{
    struct lease leases[LEASE_BATCH];
    int64_t values[LEASE_BATCH];
    size_t n = limiter_collect(l, leases, LEASE_BATCH);

    for (size_t i = 0; i < n; i++)
        values[i] = spend(&redis, &leases[i], now);
    limiter_settle(l, leases, values, n, now);
}

static void a_rate_holds_across_processes(void **state)
{
    struct limiter *l[3] = {make(10), make(10), make(10)};
    int accepted = 0;

    (void)state;
    redis = (struct shared){600, 0, 0};
    /* Ten minutes; each process is offered far more than the whole rate. */
    for (uint64_t now = 0; now < 600000; now += 20) {
        for (int i = 0; i < 3; i++) {
            for (int j = 0; j < 5; j++)
                accepted += take(l[i], PER_MINUTE, alice, 1, now);
            synchronise(l[i], now);
        }
    }
    /* A bucket and ten minutes' worth, and at most a slice per process on top. */
    assert_in_range(accepted, 6600 - 180, 6600 + 180);
    assert_in_range(redis.trips, accepted / 62, accepted / 30); /* one per slice of 60 */
    for (int i = 0; i < 3; i++)
        limiter_free(l[i]);
}

static void a_burst_before_the_first_answer_is_paid_back(void **state)
{
    struct limiter *a = make(10), *b = make(10);
    uint64_t wait = 0;

    (void)state;
    redis = (struct shared){600, 0, 0};
    assert_int_equal(drain(a, PER_MINUTE, alice, 0), 600);
    assert_int_equal(drain(b, PER_MINUTE, alice, 0), 600);
    synchronise(a, 0);
    synchronise(b, 0);
    assert_false(limiter_take(b, PER_MINUTE, alice, 1, 0, &wait));
    assert_in_range(wait, 60000, 60200);
    limiter_free(a);
    limiter_free(b);
}

static void away_and_flushed(void **state)
{
    struct limiter *l = make(10);
    struct lease leases[4];
    int64_t full = 600 * 1000;

    (void)state;
    assert_int_equal(drain(l, PER_MINUTE, alice, 0), 600);
    assert_true(limiter_wants_lease(l));
    assert_int_equal(limiter_collect(l, leases, 4), 1);
    assert_false(limiter_wants_lease(l));
    assert_true(leases[0].spent == 600);
    assert_string_equal(leases[0].class_name, "per_minute");
    limiter_give_back(l, leases, 1); /* Redis is away: the rate holds here alone */
    assert_int_equal(drain(l, PER_MINUTE, alice, 0), 0);
    assert_int_equal(drain(l, PER_MINUTE, alice, 60000), 600);
    assert_int_equal(limiter_collect(l, leases, 4), 1);
    assert_true(leases[0].spent == 600);        /* and is not reported without end */
    limiter_settle(l, leases, &full, 1, 60000); /* Redis has forgotten everything */
    assert_int_equal(drain(l, PER_MINUTE, alice, 60000), 0);
    limiter_free(l);
}

static void leases_of_who_has_gone(void **state)
{
    struct limiter *l = make(1);
    struct lease lease;
    int64_t value = 0;

    (void)state;
    assert_int_equal(drain(l, SMALL, alice, 0), 3);
    assert_int_equal(limiter_collect(l, &lease, 1), 1);
    assert_true(take(l, SMALL, bob, 1, 0));
    limiter_settle(l, &lease, &value, 1, 0);
    limiter_give_back(l, &lease, 1);
    assert_int_equal(limiter_subjects(l), 1);
    limiter_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_alone),
        cmocka_unit_test(costs_larger_than_a_bucket_and_debts),
        cmocka_unit_test(refunds),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(a_rate_holds_across_processes),
        cmocka_unit_test(a_burst_before_the_first_answer_is_paid_back),
        cmocka_unit_test(away_and_flushed),
        cmocka_unit_test(leases_of_who_has_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
