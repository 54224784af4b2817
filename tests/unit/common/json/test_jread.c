#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "json/jread.h"

/* A literal with its length, so that rows may contain NUL. */
#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, MIB);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_deinit(&arena);
    return 0;
}

static void start(struct jread *r, const char *text)
{
    arena_reset(&arena);
    jread_init(r, slice_str(text), &arena);
}

static const struct {
    const char *name;
    struct slice text, expected;
} strings[] = {
    {"empty", TEXT("\"\""), TEXT("")},
    {"plain", TEXT("\"abc\""), TEXT("abc")},
    {"white space before", TEXT(" \t\r\n\"abc\""), TEXT("abc")},
    {"longer than a word", TEXT("\"0123456789abcdefghij\""), TEXT("0123456789abcdefghij")},
    {"DEL is plain", TEXT("\"\x7f\""), TEXT("\x7f")},
    {"all escapes", TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), TEXT("\"\\/\b\f\n\r\t")},
    {"\\u of one, two, three bytes", TEXT("\"\\u0041\\u00e9\\u20AC\""),
     TEXT("A\xc3\xa9\xe2\x82\xac")},
    {"surrogate pair", TEXT("\"\\uD83D\\uDE00\""), TEXT("\xf0\x9f\x98\x80")},
    {"highest character", TEXT("\"\\udbff\\udfff\""), TEXT("\xf4\x8f\xbf\xbf")},
    {"NUL", TEXT("\"a\\u0000b\""), TEXT("a\0b")},
    {"text around escapes", TEXT("\"ab\\ncd\\\\\""), TEXT("ab\ncd\\")},
    {"bytes of UTF-8",
     TEXT("\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\""),
     TEXT("\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80")},
};

static void strings_are_decoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        struct jread r;
        struct slice s;

        arena_reset(&arena);
        jread_init(&r, strings[i].text, &arena);
        if (!jread_string(&r, &s) || !jread_end(&r))
            fail_msg("%s: %s", strings[i].name, r.error);
        if (!slice_eq(s, strings[i].expected))
            fail_msg("%s: got " SLICE_FMT, strings[i].name, SLICE_ARG(s));
    }
}

static void plain_strings_are_not_copied(void **state)
{
    struct jread r;
    struct slice s;

    (void)state;
    start(&r, "\"abc\"");
    assert_true(jread_string(&r, &s));
    assert_ptr_equal(s.ptr, r.start + 1);
    assert_int_equal(arena.used, 0);
}

static void malformed_strings_are_refused(void **state)
{
    static const struct slice rows[] = {
        TEXT(""),
        TEXT("\""),
        TEXT("\"abc"),
        TEXT("\"abc\\"),
        TEXT("\"abc\\\""),
        TEXT("\"\\x\""),
        TEXT("\"\\\0\""),
        TEXT("\"\\u\""),
        TEXT("\"\\u12\""),
        TEXT("\"\\u12g4\""),
        TEXT("\"\\u-123\""),
        TEXT("\"\\U0041\""),
        TEXT("\"\\ud800\""), /* lone high surrogate */
        TEXT("\"\\ud800x\""),
        TEXT("\"\\ud800\\n123456\""),
        TEXT("\"\\ud800\\u0041\""),
        TEXT("\"\\ud800\\ud800\""),
        TEXT("\"\\udc00\""), /* lone low surrogate */
        TEXT("\"\\ud83d\\ude0"),
        TEXT("\"\n\""), /* bare control characters */
        TEXT("\"12345678\x1f\""),
        TEXT("\"a\0b\""),
        TEXT("\"\x80\""), /* continuation byte alone */
        TEXT("\"\xc3\""), /* cut short */
        TEXT("\"\xe2\x82\""),
        TEXT("\"\xf0\x9f\x98\""),
        TEXT("\"\xf0\x9f\x98"),
        TEXT("\"\xc0\x80\""), /* overlong */
        TEXT("\"\xc1\xbf\""),
        TEXT("\"\xe0\x9f\xbf\""),
        TEXT("\"\xf0\x8f\xbf\xbf\""),
        TEXT("\"\xed\xa0\x80\""),     /* surrogate as UTF-8 */
        TEXT("\"\xf4\x90\x80\x80\""), /* above U+10FFFF */
        TEXT("\"\xf5\x80\x80\x80\""),
        TEXT("\"\xff\""),
        TEXT("'abc'"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct jread r;
        struct slice s;

        arena_reset(&arena);
        jread_init(&r, rows[i], &arena);
        if (jread_string(&r, &s) || !r.error)
            fail_msg("row %zu was read", i);
        jread_init(&r, rows[i], &arena);
        if (jread_skip(&r, NULL) || !r.error)
            fail_msg("row %zu was skipped", i);
    }
}

static void a_full_arena_is_an_error(void **state)
{
    struct arena tiny;
    struct jread r;
    struct slice s;

    (void)state;
    arena_init(&tiny, 4);
    jread_init(&r, SLICE("\"1234\\n\""), &tiny);
    assert_false(jread_string(&r, &s));
    assert_non_null(r.error);
    arena_deinit(&tiny);
}

static void integers_are_plain(void **state)
{
    static const struct {
        const char *text;
        bool good;
        int64_t value;
    } rows[] = {
        {"0", true, 0},
        {" 17 ", true, 17},
        {"-1", true, -1},
        {"-0", true, 0},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"99999999999999999999999", false, 0},
        {"18446744073709551616", false, 0},
        {"01", false, 0},
        {"-01", false, 0},
        {"00", false, 0},
        {"-", false, 0},
        {"+1", false, 0},
        {"1.0", false, 0},
        {"1.", false, 0},
        {"1e3", false, 0},
        {"1E3", false, 0},
        {".5", false, 0},
        {"0x1", false, 0},
        {"\"1\"", false, 0},
        {"", false, 0},
        {"null", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct jread r;
        int64_t value;

        start(&r, rows[i].text);
        /* "0x1" is a zero with something behind it. */
        if ((jread_int(&r, &value) && jread_end(&r)) != rows[i].good)
            fail_msg("%s", rows[i].text);
        if (rows[i].good)
            assert_int_equal(value, rows[i].value);
    }
}

static void literals_are_read(void **state)
{
    struct jread r;
    bool value;

    (void)state;
    start(&r, "[true,false,null]");
    assert_true(jread_array(&r));
    assert_true(jread_item(&r));
    assert_true(jread_bool(&r, &value) && value);
    assert_true(jread_item(&r));
    assert_true(jread_bool(&r, &value) && !value);
    assert_true(jread_item(&r));
    assert_true(jread_null(&r));
    assert_false(jread_item(&r));
    assert_true(jread_end(&r));
    start(&r, "tru");
    assert_false(jread_bool(&r, &value));
    start(&r, "nul");
    assert_false(jread_null(&r));
    start(&r, "True");
    assert_false(jread_bool(&r, &value));
}

static void peek_consumes_nothing(void **state)
{
    static const struct {
        const char *text;
        enum jtype type;
    } rows[] = {
        {" {", J_OBJECT}, {"[", J_ARRAY}, {"\"", J_STRING}, {"-", J_NUMBER}, {"7", J_NUMBER},
        {"t", J_TRUE},    {"f", J_FALSE}, {"n", J_NULL},    {"", J_NONE},    {"+", J_NONE},
        {"}", J_NONE},    {",", J_NONE},  {"N", J_NONE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct jread r;

        start(&r, rows[i].text);
        assert_int_equal(jread_peek(&r), rows[i].type);
        assert_int_equal(jread_peek(&r), rows[i].type);
        assert_true(jread_ok(&r));
    }
}

static void objects_and_arrays_are_walked(void **state)
{
    struct jread r;
    struct slice key, s;
    int64_t n, sum = 0;

    (void)state;
    start(&r, " { \"a\" : [ 1 , 2 , [ ] , 3 ] , \"\\u0062\" : { } , \"c\" : \"x\" } ");
    assert_true(jread_object(&r));
    assert_true(jread_key(&r, &key) && slice_eq(key, SLICE("a")));
    assert_true(jread_array(&r));
    while (jread_item(&r)) {
        if (jread_peek(&r) == J_ARRAY) {
            assert_true(jread_array(&r));
            assert_false(jread_item(&r));
            continue;
        }
        assert_true(jread_int(&r, &n));
        sum += n;
    }
    assert_true(jread_ok(&r));
    assert_int_equal(sum, 6);
    assert_true(jread_key(&r, &key) && slice_eq(key, SLICE("b")));
    assert_true(jread_object(&r));
    assert_false(jread_key(&r, &key));
    assert_true(jread_key(&r, &key) && slice_eq(key, SLICE("c")));
    assert_true(jread_string(&r, &s) && slice_eq(s, SLICE("x")));
    assert_false(jread_key(&r, &key));
    assert_true(jread_end(&r));
}

static void a_failed_reader_stays_failed(void **state)
{
    struct jread r;
    struct slice s;
    int64_t n;

    (void)state;
    start(&r, "[1,\"a\"]");
    assert_true(jread_array(&r));
    assert_true(jread_item(&r));
    assert_false(jread_string(&r, &s));
    assert_string_equal(r.error, "expected a string");
    assert_ptr_equal(r.pos, r.start + 1);
    assert_false(jread_int(&r, &n));
    assert_false(jread_item(&r));
    assert_false(jread_skip(&r, NULL));
    assert_false(jread_end(&r));
    assert_int_equal(jread_peek(&r), J_NONE);
    assert_false(jread_fail(&r, "another"));
    assert_string_equal(r.error, "expected a string");
}

static void well_formed_values_are_skipped(void **state)
{
    static const char *const rows[] = {
        "{}",
        "[]",
        "0",
        "-0",
        "-0.5e+10",
        "1E-2",
        "12.50",
        "true",
        "false",
        "null",
        "\"\\ud83d\\ude00\"",
        "[[],{},[{}],{\"a\":[]}]",
        "{\"a\":{\"b\":{\"c\":[1,2,{\"d\":null}]}},\"a\":1}",
        "[ 1 , \"]\" , { \"}\" : \"[\" } ]",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct jread r;
        struct slice raw;

        start(&r, rows[i]);
        if (!jread_skip(&r, &raw) || !jread_end(&r))
            fail_msg("%s: %s", rows[i], r.error);
        assert_true(slice_eq(raw, slice_str(rows[i])));
        assert_int_equal(arena.used, 0);
    }
}

static void malformed_values_are_not_skipped(void **state)
{
    static const char *const rows[] = {
        "",         " ",       "[",        "{",         "]",
        "}",        "[1",      "[1,",      "[1,]",      "[,1]",
        "[1 2]",    "[1;2]",   "{\"a\"}",  "{\"a\":}",  "{\"a\":1,}",
        "{,}",      "{1:2}",   "{a:1}",    "{\"a\" 1}", "{\"a\":1 \"b\":2}",
        "[}",       "{]",      "[1}",      "{\"a\":1]", "tru",
        "nulL",     "-",       "1.",       "1.e1",      ".1",
        "1e",       "1e+",     "01",       "+1",        "NaN",
        "Infinity", "// x\n1", "/* x */1", "'a'",       "\xef\xbb\xbf[]",
        "[1]]",     "{}{}",    "1 1",      "truefalse", "[tru]",
        "[01]",     "[1.]",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct jread r;

        start(&r, rows[i]);
        if (jread_skip(&r, NULL) && jread_end(&r))
            fail_msg("accepted: %s", rows[i]);
    }
}

static void skipping_is_bounded_in_depth(void **state)
{
    char text[67] = "";
    struct jread r;

    (void)state;
    memset(text, '[', 32);
    memset(text + 32, ']', 32);
    start(&r, text);
    assert_true(jread_skip(&r, NULL) && jread_end(&r));
    memset(text, '[', 33);
    memset(text + 33, ']', 33);
    start(&r, text);
    assert_false(jread_skip(&r, NULL));
    assert_string_equal(r.error, "the text is nested too deeply");
}

static void mixed_brackets_keep_their_kind(void **state)
{
    struct jread r;

    (void)state;
    start(&r, "[[[{\"a\":[{\"b\":1},[2]]}]]]");
    assert_true(jread_skip(&r, NULL) && jread_end(&r));
    start(&r, "[[[{\"a\":[{\"b\":1},[2}]}]]]");
    assert_false(jread_skip(&r, NULL));
}

static void skipping_within_a_walk(void **state)
{
    struct jread r;
    struct slice key, raw;

    (void)state;
    start(&r, "{\"a\": [1, {\"x\": 2}] ,\"b\":3}");
    assert_true(jread_object(&r));
    assert_true(jread_key(&r, &key));
    assert_true(jread_skip(&r, &raw));
    assert_true(slice_eq(raw, SLICE("[1, {\"x\": 2}]")));
    assert_true(jread_key(&r, &key) && slice_eq(key, SLICE("b")));
    assert_true(jread_skip(&r, NULL));
    assert_false(jread_key(&r, &key));
    assert_true(jread_end(&r));
}

static void no_text_at_all(void **state)
{
    struct jread r;

    (void)state;
    jread_init(&r, (struct slice){NULL, 0}, &arena);
    assert_true(jread_end(&r));
    assert_int_equal(jread_peek(&r), J_NONE);
    assert_false(jread_object(&r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_decoded),
        cmocka_unit_test(plain_strings_are_not_copied),
        cmocka_unit_test(malformed_strings_are_refused),
        cmocka_unit_test(a_full_arena_is_an_error),
        cmocka_unit_test(integers_are_plain),
        cmocka_unit_test(literals_are_read),
        cmocka_unit_test(peek_consumes_nothing),
        cmocka_unit_test(objects_and_arrays_are_walked),
        cmocka_unit_test(a_failed_reader_stays_failed),
        cmocka_unit_test(well_formed_values_are_skipped),
        cmocka_unit_test(malformed_values_are_not_skipped),
        cmocka_unit_test(skipping_is_bounded_in_depth),
        cmocka_unit_test(mixed_brackets_keep_their_kind),
        cmocka_unit_test(skipping_within_a_walk),
        cmocka_unit_test(no_text_at_all),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
