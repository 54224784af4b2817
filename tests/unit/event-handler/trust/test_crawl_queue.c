#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trust/crawl_queue.h"

enum { N = 100 };

static const int kinds[] = {3, 10002};

struct fixture {
    struct pubkey pubkeys[N];
    struct crawl_authors authors;
    struct crawl_queue queue;
    struct buf out;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    for (int i = 0; i < N; i++)
        f->pubkeys[i].b[31] = (uint8_t)i;
    *state = f;
    buf_init(&f->out, MIB);
    return crawl_authors_init(&f->authors, f->pubkeys, N, kinds, ARRAY_LEN(kinds)) ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    crawl_authors_deinit(&f->authors);
    buf_deinit(&f->out);
    free(f);
    return 0;
}

static bool ask(struct fixture *f)
{
    bool more;

    buf_reset(&f->out);
    more = crawl_queue_ask(&f->queue, "x", &f->out);
    buf_add_char(&f->out, '\0');
    return more;
}

/* How many authors the last question named, by their quotes. */
static size_t n_named(const struct fixture *f)
{
    const char *p = strstr(f->out.ptr, "\"authors\":["), *stop = p ? strchr(p, ']') : NULL;
    size_t n = 0;

    for (; p && p < stop; p++)
        n += *p == '"';
    return (n - 2) / 2;
}

static void give(struct fixture *f, size_t n, int64_t created_at)
{
    while (n-- > 0)
        assert_true(crawl_queue_event(&f->queue, created_at));
}

static void test_a_question(void **state)
{
    static const uint32_t list[] = {7, 3};
    struct fixture *f = *state;

    crawl_queue_init(&f->queue, &f->authors, list, ARRAY_LEN(list), false, 500);
    assert_true(ask(f));
    assert_string_equal(
        f->out.ptr,
        "[\"REQ\",\"x\",{\"kinds\":[3,10002],\"authors\":["
        "\"0000000000000000000000000000000000000000000000000000000000000007\","
        "\"0000000000000000000000000000000000000000000000000000000000000003\"],\"limit\":4}]");
    crawl_queue_eose(&f->queue);
    assert_false(ask(f));
    assert_int_equal(f->queue.n_asked, 2);
}

static void test_chunks(void **state)
{
    static const size_t sizes[] = {40, 40, 20};
    struct fixture *f = *state;

    crawl_queue_init(&f->queue, &f->authors, NULL, N, false, 40);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        assert_true(ask(f));
        assert_int_equal(n_named(f), sizes[i]);
        crawl_queue_eose(&f->queue);
    }
    assert_false(ask(f));
    assert_int_equal(f->queue.n_asked, N);
}

static void test_pages(void **state)
{
    struct fixture *f = *state;

    crawl_queue_init(&f->queue, &f->authors, NULL, N, false, 500);
    assert_true(ask(f));
    assert_null(strstr(f->out.ptr, "until"));
    give(f, 30, 1000);
    give(f, 1, 900);
    crawl_queue_eose(&f->queue);
    assert_true(ask(f)); /* there may be more, older ones */
    assert_non_null(strstr(f->out.ptr, "\"limit\":200,\"until\":900}"));
    give(f, 20, 800);
    crawl_queue_eose(&f->queue);
    assert_true(ask(f));
    give(f, 20, 800); /* no older ones come */
    crawl_queue_eose(&f->queue);
    assert_false(ask(f));
}

static void test_who_is_found_is_left_out(void **state)
{
    struct fixture *f = *state;
    struct event ev = {.created_at = 1};

    for (size_t i = 0; i < 50; i++)
        crawl_authors_note(&f->authors, i, 0, &ev);
    crawl_queue_init(&f->queue, &f->authors, NULL, N, true, 30);
    assert_true(ask(f));
    assert_int_equal(n_named(f), 30);
    give(f, 30, 5);
    for (size_t i = 50; i < 80; i++)
        crawl_authors_note(&f->authors, i, 0, &ev);
    crawl_queue_eose(&f->queue);
    assert_true(ask(f)); /* no further page: all of them have been found */
    assert_int_equal(n_named(f), 20);
    assert_int_equal(f->queue.n_asked, 50);
}

static void test_refusals(void **state)
{
    struct fixture *f = *state;

    crawl_queue_init(&f->queue, &f->authors, NULL, N, false, 500);
    for (size_t n = 50; n >= 3; n /= 2) {
        assert_true(ask(f));
        assert_true(crawl_queue_refused(&f->queue));
        assert_true(ask(f));
        assert_int_equal(n_named(f), n);
    }
    assert_true(crawl_queue_event(&f->queue, 1));
    crawl_queue_eose(&f->queue);
    assert_true(ask(f)); /* the small chunk is done; on with the next one */
    assert_int_equal(n_named(f), 3);
    assert_non_null(strstr(f->out.ptr, "0003\""));
    assert_int_equal(f->queue.n_asked, N);
    assert_false(crawl_queue_refused(&f->queue));
}

static void test_too_many_events(void **state)
{
    struct fixture *f = *state;
    size_t n = 0;

    crawl_queue_init(&f->queue, &f->authors, NULL, N, false, 10);
    assert_true(ask(f));
    while (crawl_queue_event(&f->queue, 1000 - (int64_t)n)) {
        if (++n % 20 == 0) { /* pages make no difference */
            crawl_queue_eose(&f->queue);
            assert_true(ask(f));
        }
        assert_true(n < 1000);
    }
    assert_true(n >= 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_question, setup, teardown),
        cmocka_unit_test_setup_teardown(test_chunks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_is_found_is_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_many_events, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
