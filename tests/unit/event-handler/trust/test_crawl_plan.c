#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trust/crawl_plan.h"

enum { N = 6, NOW = 1700000000 };

static const int kinds[] = {3};

struct fixture {
    struct pubkey pubkeys[N];
    struct crawl_authors authors;
    struct crawl_request request;
    const char *stored[N];
    size_t n_lookups;
    struct crawl_plan seeds, plan;
};

static const char *outbox(const struct pubkey *author, void *ctx)
{
    struct fixture *f = ctx;

    f->n_lookups++;
    return f->stored[author->b[0]];
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    for (int i = 0; i < N; i++)
        f->pubkeys[i].b[0] = (uint8_t)i;
    f->request = (struct crawl_request){.authors = f->pubkeys,
                                        .n_authors = N,
                                        .kinds = kinds,
                                        .n_kinds = 1,
                                        .seeds = "wss://seed.example",
                                        .outbox = outbox,
                                        .ctx = f};
    *state = f;
    return crawl_authors_init(&f->authors, f->pubkeys, N, kinds, 1) ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    crawl_authors_deinit(&f->authors);
    crawl_plan_deinit(&f->seeds);
    crawl_plan_deinit(&f->plan);
    free(f);
    return 0;
}

static void plan(struct fixture *f, size_t max)
{
    assert_true(crawl_plan_seeds(&f->seeds, &f->request));
    assert_true(crawl_plan_outbox(&f->plan, &f->request, &f->authors, &f->seeds, max, NOW));
}

static void expect_task(const struct fixture *f, size_t i, const char *url, const char *authors)
{
    char text[64] = "";

    assert_true(i < f->plan.n);
    assert_string_equal(f->plan.task[i].url, url);
    assert_false(f->plan.task[i].seed);
    for (size_t k = 0; k < f->plan.task[i].n; k++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%u",
                 f->plan.task[i].authors[k]);
    assert_string_equal(text, authors);
}

static void test_seeds(void **state)
{
    struct fixture *f = *state;

    f->request.seeds = "wss://B.example/, ws://a.example:8008\nwss://b.example:443 bad";
    assert_true(crawl_plan_seeds(&f->seeds, &f->request));
    assert_int_equal(f->seeds.n, 2);
    assert_string_equal(f->seeds.task[0].url, "wss://b.example");
    assert_string_equal(f->seeds.task[1].url, "ws://a.example:8008");
    assert_true(f->seeds.task[0].seed);
    assert_null(f->seeds.task[0].authors);
    assert_int_equal(f->seeds.task[0].n, N);
}

static void test_those_for_the_most_come_first(void **state)
{
    struct fixture *f = *state;

    f->stored[0] = "wss://one.example,wss://two.example";
    f->stored[1] = "wss://two.example wss://seed.example"; /* which was asked already */
    f->stored[2] = "wss://three.example,wss://TWO.example,wss://two.example/";
    f->stored[3] = "wss://one.example,rubbish,,http://x";
    plan(f, 100);
    assert_int_equal(f->plan.n, 3);
    expect_task(f, 0, "wss://two.example", "012");
    expect_task(f, 1, "wss://one.example", "03");
    expect_task(f, 2, "wss://three.example", "2");
}

static void test_at_most_so_many(void **state)
{
    struct fixture *f = *state;

    f->stored[0] = "wss://one.example,wss://two.example";
    f->stored[1] = "wss://two.example,wss://three.example";
    plan(f, 1);
    assert_int_equal(f->plan.n, 1);
    expect_task(f, 0, "wss://two.example", "01");
}

static void test_one_author_names_few(void **state)
{
    struct fixture *f = *state;

    f->stored[0] = "wss://a.b,wss://c.d,wss://e.f,wss://g.h,wss://i.j,wss://k.l";
    plan(f, 100);
    assert_int_equal(f->plan.n, 4);
}

static void test_who_was_found_needs_no_relay(void **state)
{
    struct fixture *f = *state;
    struct event ev = {.created_at = 1};

    for (size_t i = 0; i < N; i++)
        f->stored[i] = "wss://one.example";
    crawl_authors_note(&f->authors, 0, 0, &ev);
    f->authors.relays[1] = strdup("wss://two.example"); /* said in this crawl */
    plan(f, 100);
    assert_int_equal(f->n_lookups, N - 2);
    expect_task(f, 0, "wss://one.example", "2345");
    expect_task(f, 1, "wss://two.example", "1");
}

static void test_health(void **state)
{
    struct fixture *f = *state;

    f->request.health = relay_health_new();
    f->stored[0] = f->stored[1] = "wss://bad.example,wss://good.example,wss://unknown.example";
    relay_health_note(f->request.health, "wss://good.example", RELAY_CONDUCT_GOOD, NOW - 10);
    relay_health_note(f->request.health, "wss://bad.example", RELAY_CONDUCT_FAILED, NOW - 10);
    plan(f, 100);
    assert_int_equal(f->plan.n, 2);
    expect_task(f, 0, "wss://good.example", "01");
    expect_task(f, 1, "wss://unknown.example", "01");
    crawl_plan_deinit(&f->plan);
    crawl_plan_deinit(&f->seeds);

    f->request.impatient = true;
    plan(f, 100);
    assert_int_equal(f->plan.n, 3);
    expect_task(f, 2, "wss://bad.example", "01");
    relay_health_free(f->request.health);
}

static void test_without_anything(void **state)
{
    struct fixture *f = *state;

    f->request.outbox = NULL;
    plan(f, 100);
    assert_int_equal(f->plan.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_seeds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_those_for_the_most_come_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_at_most_so_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_author_names_few, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_was_found_needs_no_relay, setup, teardown),
        cmocka_unit_test_setup_teardown(test_health, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_anything, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
