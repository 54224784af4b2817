#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"

static void assert_text(const struct buf *b, const char *expected)
{
    assert_int_equal(b->len, strlen(expected));
    assert_memory_equal(b->ptr ? b->ptr : "", expected, b->len);
}

static void everything_appends(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, KIB);
    buf_add(&b, NULL, 0);
    assert_text(&b, "");
    buf_add_str(&b, "a");
    buf_add_char(&b, 'b');
    buf_add_slice(&b, SLICE("cd"));
    buf_add_slice(&b, (struct slice){NULL, 0});
    buf_printf(&b, "-%s-%d", "x", 7);
    assert_text(&b, "abcd-x-7");
    assert_false(b.failed);
    buf_reset(&b);
    assert_text(&b, "");
    buf_deinit(&b);
}

static void numbers_are_decimal(void **state)
{
    static const struct {
        int64_t n;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-1, "-1"},
        {1700000000, "1700000000"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };
    struct buf b;

    (void)state;
    buf_init(&b, 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_reset(&b);
        buf_add_i64(&b, rows[i].n);
        assert_text(&b, rows[i].text);
    }
    buf_reset(&b);
    buf_add_u64(&b, UINT64_MAX);
    assert_text(&b, "18446744073709551615");
    buf_deinit(&b);
}

static void the_cap_holds_to_the_byte(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 6);
    buf_add_str(&b, "1234");
    buf_printf(&b, "%d", 56); /* its terminator needs no room of ours */
    assert_text(&b, "123456");
    assert_false(b.failed);
    buf_add_char(&b, '7');
    assert_true(b.failed);
    assert_text(&b, "123456");
    buf_deinit(&b);
}

static void after_a_failure_nothing_is_added(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 4);
    buf_add_str(&b, "abc");
    buf_add_str(&b, "de");
    buf_add_char(&b, 'd'); /* would fit */
    buf_add_i64(&b, 1);
    buf_printf(&b, "%d", 1);
    assert_null(buf_reserve(&b, 1));
    assert_true(b.failed);
    assert_text(&b, "abc");
    buf_reset(&b);
    buf_add_str(&b, "abcd");
    assert_false(b.failed);
    assert_text(&b, "abcd");
    buf_deinit(&b);
}

static void huge_requests_fail(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, KIB);
    buf_add_char(&b, 'x');
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_true(b.failed);
    buf_deinit(&b);
}

static void it_grows_byte_by_byte_and_at_once(void **state)
{
    struct buf b;
    char *p;

    (void)state;
    buf_init(&b, 100000);
    for (int i = 0; i < 50000; i++)
        buf_add_char(&b, (char)('a' + i % 26));
    p = buf_reserve(&b, 50000);
    assert_non_null(p);
    memset(p, '!', 50000);
    b.len += 50000;
    assert_false(b.failed);
    assert_int_equal(b.len, 100000);
    assert_true(b.room <= b.cap);
    for (int i = 0; i < 50000; i++)
        assert_int_equal(b.ptr[i], 'a' + i % 26);
    buf_deinit(&b);
}

static void a_cap_of_nothing_takes_nothing(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 0);
    assert_non_null(buf_reserve(&b, 0));
    buf_add_char(&b, 'x');
    assert_true(b.failed);
    assert_int_equal(b.len, 0);
    buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_appends),
        cmocka_unit_test(numbers_are_decimal),
        cmocka_unit_test(the_cap_holds_to_the_byte),
        cmocka_unit_test(after_a_failure_nothing_is_added),
        cmocka_unit_test(huge_requests_fail),
        cmocka_unit_test(it_grows_byte_by_byte_and_at_once),
        cmocka_unit_test(a_cap_of_nothing_takes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
