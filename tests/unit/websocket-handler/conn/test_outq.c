#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "conn/outq.h"

static struct outq_pool pool;

static void add(struct outq *q, const char *text)
{
    char *p = outq_add(q, &pool, strlen(text));

    assert_non_null(p);
    memcpy(p, text, strlen(text));
}

static void add_shared(struct outq *q, const char *text, struct refbuf *body)
{
    char *p = outq_add_shared(q, &pool, strlen(text), body);

    assert_non_null(p);
    memcpy(p, text, strlen(text));
}

/* Writes the queue out, at most step bytes and max pieces at a time, and compares. */
static void assert_drains(struct outq *q, const char *expected, size_t step, size_t max)
{
    size_t at = 0, total = strlen(expected);

    assert_int_equal(q->bytes, total);
    while (q->bytes > 0) {
        struct iovec pieces[8];
        size_t n = outq_gather(q, pieces, max), taken = 0;

        assert_true(n >= 1 && n <= max);
        for (size_t i = 0; i < n && taken < step; i++) {
            size_t len = pieces[i].iov_len < step - taken ? pieces[i].iov_len : step - taken;

            assert_true(pieces[i].iov_len > 0);
            assert_memory_equal(pieces[i].iov_base, expected + at, len);
            at += len;
            taken += len;
        }
        outq_consume(q, &pool, taken);
    }
    assert_int_equal(at, total);
    assert_null(q->first);
    assert_null(q->last);
}

static void fill(struct outq *q, struct refbuf *body)
{
    add(q, "one,");
    add(q, "two,");
    add_shared(q, "head:", body);
    add_shared(q, "again:", body);
    add(q, "end");
}

static void bytes_come_out_in_order_however_they_are_written(void **state)
{
    static const char expected[] = "one,two,head:BODYagain:BODYend";
    struct refbuf *body = refbuf_new(SLICE("BODY"));
    struct outq q = {0};

    (void)state;
    for (size_t step = 1; step <= sizeof(expected); step++) {
        for (size_t max = 1; max <= 8; max++) {
            fill(&q, body);
            assert_drains(&q, expected, step, max);
            assert_int_equal(body->refs, 1);
        }
    }
    refbuf_unref(body);
}

static void small_messages_share_a_piece(void **state)
{
    struct iovec pieces[8];
    struct outq q = {0};

    (void)state;
    for (int i = 0; i < 100; i++)
        add(&q, "0123456789");
    assert_int_equal(outq_gather(&q, pieces, 8), 1);
    assert_int_equal(pieces[0].iov_len, 1000);
    outq_clear(&q, &pool);
    assert_int_equal(q.bytes, 0);
    assert_int_equal(pool.n_spare, 1); /* the chunk waits for the next message */
}

static void large_messages_are_whole(void **state)
{
    static char text[100001];
    struct outq q = {0};

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    add(&q, "a");
    add(&q, text);
    assert_int_equal(q.bytes, sizeof(text));
    outq_clear(&q, &pool);
}

static void clearing_releases_bodies(void **state)
{
    struct refbuf *body = refbuf_new(SLICE("BODY"));
    struct outq q = {0};

    (void)state;
    fill(&q, body);
    assert_int_equal(body->refs, 3);
    outq_consume(&q, &pool, 14); /* into the first body */
    outq_clear(&q, &pool);
    assert_int_equal(body->refs, 1);
    refbuf_unref(body);
}

static int teardown(void **state)
{
    (void)state;
    outq_pool_deinit(&pool);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(bytes_come_out_in_order_however_they_are_written, teardown),
        cmocka_unit_test_teardown(small_messages_share_a_piece, teardown),
        cmocka_unit_test_teardown(large_messages_are_whole, teardown),
        cmocka_unit_test_teardown(clearing_releases_bodies, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
