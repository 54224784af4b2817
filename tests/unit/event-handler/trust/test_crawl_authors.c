#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trust/crawl_authors.h"

enum { N = 1000 };

static const int kinds[] = {3, 10000, 10002};

struct fixture {
    struct pubkey pubkeys[N];
    struct crawl_authors authors;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    for (int i = 0; i < N; i++) {
        f->pubkeys[i].b[0] = (uint8_t)i;
        f->pubkeys[i].b[31] = (uint8_t)(i >> 8);
    }
    f->pubkeys[N - 1] = f->pubkeys[7]; /* a double */
    *state = f;
    return crawl_authors_init(&f->authors, f->pubkeys, N, kinds, ARRAY_LEN(kinds)) ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    crawl_authors_deinit(&f->authors);
    free(f);
    return 0;
}

static void test_finding(void **state)
{
    struct fixture *f = *state;
    struct pubkey other = {{[5] = 1}};

    for (int i = 0; i < N - 1; i++)
        assert_int_equal(crawl_authors_find(&f->authors, &f->pubkeys[i]), i);
    assert_int_equal(crawl_authors_find(&f->authors, &f->pubkeys[N - 1]), 7);
    assert_int_equal(crawl_authors_find(&f->authors, &other), CRAWL_NOBODY);
    assert_int_equal(crawl_authors_kind(&f->authors, 3), 0);
    assert_int_equal(crawl_authors_kind(&f->authors, 10002), 2);
    assert_int_equal(crawl_authors_kind(&f->authors, 1), -1);
}

static void test_what_is_news(void **state)
{
    struct fixture *f = *state;
    struct event ev = {.created_at = 100, .id = {{5}}};

    assert_int_equal(crawl_authors_novelty(&f->authors, 3, 0, &ev), CRAWL_NEWS);
    crawl_authors_note(&f->authors, 3, 0, &ev);
    assert_int_equal(crawl_authors_novelty(&f->authors, 3, 0, &ev), CRAWL_OLD_NEWS);
    assert_int_equal(crawl_authors_novelty(&f->authors, 3, 1, &ev), CRAWL_NEWS);
    assert_int_equal(crawl_authors_novelty(&f->authors, 4, 0, &ev), CRAWL_NEWS);
    ev.id.b[0] = 6;
    assert_int_equal(crawl_authors_novelty(&f->authors, 3, 0, &ev), CRAWL_OLD_NEWS);
    ev.id.b[0] = 4; /* the lower id stays */
    assert_int_equal(crawl_authors_novelty(&f->authors, 3, 0, &ev), CRAWL_NEWS);
    ev.created_at = 99;
    assert_int_equal(crawl_authors_novelty(&f->authors, 3, 0, &ev), CRAWL_OLD_NEWS);
    ev.created_at = 101;
    assert_int_equal(crawl_authors_novelty(&f->authors, 3, 0, &ev), CRAWL_NEWS);
}

static void test_who_is_found(void **state)
{
    struct fixture *f = *state;
    struct event ev = {.created_at = 0};

    crawl_authors_note(&f->authors, 3, 1, &ev);
    assert_false(crawl_authors_found(&f->authors, 3));
    crawl_authors_note(&f->authors, 3, 0, &ev);
    ev.created_at = 1;
    crawl_authors_note(&f->authors, 3, 0, &ev);
    assert_true(crawl_authors_found(&f->authors, 3));
    assert_false(crawl_authors_found(&f->authors, 4));
    assert_int_equal(f->authors.n_found, 1);
}

static void test_relay_lists_are_kept(void **state)
{
    struct fixture *f = *state;
    struct slice items[] = {SLICE("r"), SLICE("wss://one.example")};
    struct tag tag = {items, 2};
    struct event ev = {.kind = 10002, .created_at = 1, .tag = &tag, .n_tags = 1};

    assert_null(f->authors.relays[3]);
    crawl_authors_note(&f->authors, 3, 2, &ev);
    assert_string_equal(f->authors.relays[3], "wss://one.example");
    ev.n_tags = 0;
    crawl_authors_note(&f->authors, 3, 2, &ev);
    assert_string_equal(f->authors.relays[3], "");
}

static void test_nobody_at_all(void **state)
{
    struct crawl_authors none;
    struct pubkey pk = {{0}};

    (void)state;
    assert_true(crawl_authors_init(&none, NULL, 0, kinds, 1));
    assert_int_equal(crawl_authors_find(&none, &pk), CRAWL_NOBODY);
    crawl_authors_deinit(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_finding, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_news, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_relay_lists_are_kept, setup, teardown),
        cmocka_unit_test(test_nobody_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
