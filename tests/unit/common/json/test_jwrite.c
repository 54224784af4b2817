#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "json/jread.h"
#include "json/jwrite.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static void strings_are_escaped(void **state)
{
    static const struct {
        struct slice s, expected;
    } rows[] = {
        {TEXT(""), TEXT("\"\"")},
        {TEXT("plain"), TEXT("\"plain\"")},
        {TEXT("0123456789abcdef0123456789"), TEXT("\"0123456789abcdef0123456789\"")},
        {TEXT("\b\t\n\f\r\"\\"), TEXT("\"\\b\\t\\n\\f\\r\\\"\\\\\"")},
        {TEXT("a\0b\x01\x0b\x1f"), TEXT("\"a\\u0000b\\u0001\\u000b\\u001f\"")},
        {TEXT("/<>&'\x7f"), TEXT("\"/<>&'\x7f\"")},
        {TEXT("\xc2\x80\xe2\x80\xa8\xf0\x9f\x98\x80"),
         TEXT("\"\xc2\x80\xe2\x80\xa8\xf0\x9f\x98\x80\"")},
        {TEXT("12345678\"12345678\n"), TEXT("\"12345678\\\"12345678\\n\"")},
    };
    struct buf b;

    (void)state;
    buf_init(&b, KIB);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_reset(&b);
        jwrite_string(&b, rows[i].s);
        if (!slice_eq(buf_slice(&b), rows[i].expected))
            fail_msg("row %zu: " SLICE_FMT, i, SLICE_ARG(buf_slice(&b)));
    }
    buf_reset(&b);
    jwrite_escaped(&b, SLICE("a\"b"));
    assert_true(slice_eq(buf_slice(&b), SLICE("a\\\"b")));
    buf_deinit(&b);
}

/* Every byte that may stand in a string, at each place in a word, comes back from the reader. */
static void what_is_written_can_be_read(void **state)
{
    struct arena arena;
    struct buf b;

    (void)state;
    arena_init(&arena, KIB);
    buf_init(&b, KIB);
    for (int c = 0; c < 0x80; c++) {
        for (size_t at = 0; at < 17; at++) {
            char text[17];
            struct jread r;
            struct slice back;

            memset(text, 'x', sizeof text);
            text[at] = (char)c;
            buf_reset(&b);
            arena_reset(&arena);
            jwrite_string(&b, slice_of(text, sizeof text));
            for (size_t i = 0; i < b.len; i++)
                assert_true((unsigned char)b.ptr[i] >= 0x20);
            jread_init(&r, buf_slice(&b), &arena);
            assert_true(jread_string(&r, &back) && jread_end(&r));
            assert_true(slice_eq(back, slice_of(text, sizeof text)));
        }
    }
    buf_deinit(&b);
    arena_deinit(&arena);
}

static void single_bytes_are_escaped_alike(void **state)
{
    char out[JWRITE_ESCAPE_MAX];

    (void)state;
    assert_int_equal(jwrite_escape_byte('a', out), 1);
    assert_int_equal(out[0], 'a');
    assert_int_equal(jwrite_escape_byte('\n', out), 2);
    assert_memory_equal(out, "\\n", 2);
    assert_int_equal(jwrite_escape_byte(0x1f, out), 6);
    assert_memory_equal(out, "\\u001f", 6);
    assert_int_equal(jwrite_escape_byte(0xff, out), 1);
}

static void a_full_buffer_fails(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 5);
    jwrite_string(&b, SLICE("abcd"));
    assert_true(b.failed);
    buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(what_is_written_can_be_read),
        cmocka_unit_test(single_bytes_are_escaped_alike),
        cmocka_unit_test(a_full_buffer_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
