/* Filters from JSON: what is accepted, what is refused, and in which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "nostr/filter.h"

#define TIMES8(s) s s s s s s s s
#define TIMES63(s) TIMES8(s s s s s s s) s s s s s s s
#define A63 TIMES63("a")
#define A64 A63 "a"
#define B64 TIMES63("b") "b"
#define UPPER TIMES63("A") "A"

static const struct filter_limits limits = {.max_values = 5, .max_search_bytes = 100};
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

static bool parse(const char *json, struct filter *f, const char **error, bool *unsupported)
{
    struct jread r;

    *error = NULL;
    arena_reset(&arena);
    jread_init(&r, slice_str(json), &arena);
    return filter_parse(&r, &limits, &arena, f, error, unsupported) && jread_end(&r);
}

static void parse_ok(const char *json, struct filter *f)
{
    const char *error;
    bool unsupported;

    if (!parse(json, f, &error, &unsupported))
        fail_msg("%s: %s", json, error ? error : "text is left");
    assert_false(unsupported);
}

static void test_refused(void **state)
{
    static const struct {
        const char *json, *error;
        bool unsupported;
    } rows[] = {
        {"[]", "each filter must be a JSON object", false},
        {"null", "each filter must be a JSON object", false},
        {"\"x\"", "each filter must be a JSON object", false},
        {"{\"ids\":\"" A64 "\"}", "ids must be a list of 64-digit lower-case hex strings", false},
        {"{\"ids\":[5]}", "ids must be a list of 64-digit lower-case hex strings", false},
        {"{\"ids\":[\"" A63 "\"]}", "ids must be a list of 64-digit lower-case hex strings", false},
        {"{\"ids\":[\"" UPPER "\"]}", "ids must be a list of 64-digit lower-case hex strings",
         false},
        {"{\"ids\":[\"" A64 "a\"]}", "ids must be a list of 64-digit lower-case hex strings",
         false},
        {"{\"authors\":[null]}", "authors must be a list of 64-digit lower-case hex strings",
         false},
        {"{\"authors\":[\"" A64 "\",\"" UPPER "\"]}",
         "authors must be a list of 64-digit lower-case hex strings", false},
        {"{\"authors\":{}}", "authors must be a list of 64-digit lower-case hex strings", false},
        {"{\"kinds\":1}", "kinds must be a list of integers", false},
        {"{\"kinds\":[1.5]}", "kinds must be a list of integers", false},
        {"{\"kinds\":[1e3]}", "kinds must be a list of integers", false},
        {"{\"kinds\":[\"1\"]}", "kinds must be a list of integers", false},
        {"{\"kinds\":[null]}", "kinds must be a list of integers", false},
        {"{\"kinds\":[1,2,3,4,5,6]}", "kinds has too many values", false},
        {"{\"#t\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"]}", "#t has too many values", false},
        {"{\"since\":\"1\"}", "since must be an integer", false},
        {"{\"since\":1.0}", "since must be an integer", false},
        {"{\"until\":true}", "until must be an integer", false},
        {"{\"until\":[1]}", "until must be an integer", false},
        {"{\"limit\":-1}", "limit must be an integer, 0 or more", false},
        {"{\"limit\":-99999999999999999999}", "limit must be an integer, 0 or more", false},
        {"{\"limit\":1.5}", "limit must be an integer, 0 or more", false},
        {"{\"limit\":\"5\"}", "limit must be an integer, 0 or more", false},
        {"{\"search\":5}", "search must be a string", false},
        {"{\"search\":[\"x\"]}", "search must be a string", false},
        {"{\"#e\":[\"zz\"]}", "#e must be a list of 64-digit lower-case hex strings", false},
        {"{\"#p\":[\"" UPPER "\"]}", "#p must be a list of 64-digit lower-case hex strings", false},
        {"{\"#t\":\"x\"}", "#t must be a list of strings", false},
        {"{\"#t\":[1]}", "#t must be a list of strings", false},
        {"{\"#Z\":[null]}", "#Z must be a list of strings", false},
        {"{\"kinds\":[1],\"kinds\":[2]}", "kinds is given twice", false},
        {"{\"#t\":[\"x\"],\"#t\":[\"y\"]}", "#t is given twice", false},
        {"{\"foo\":1}", "the filter has a member that this relay does not know", true},
        {"{\"#\":[\"x\"]}", "the filter has a member that this relay does not know", true},
        {"{\"#emoji\":[\"x\"]}", "the filter has a member that this relay does not know", true},
        {"{\"#1\":[\"x\"]}", "the filter has a member that this relay does not know", true},
        {"{\"&t\":[\"x\"]}", "the filter has a member that this relay does not know", true},
        {"{\"IDS\":[]}", "the filter has a member that this relay does not know", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct filter f;
        const char *error;
        bool unsupported;

        if (parse(rows[i].json, &f, &error, &unsupported))
            fail_msg("accepted: %s", rows[i].json);
        assert_string_equal(error, rows[i].error);
        assert_int_equal(unsupported, rows[i].unsupported);
    }
}

static void test_malformed_text(void **state)
{
    static const char *const rows[] = {
        "",
        "{",
        "{\"ids\":[",
        "{\"ids\":[\"" A64 "\"",
        "{\"since\":1",
        "{\"since\":-}",
        "{\"a\" 1}",
        "{\"search\":\"\xff\"}",
        "{\"search\":\"\\ud800\"}",
        "{\"kinds\":[1,]}",
        "{,}",
        "{\"since\":01}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct filter f;
        const char *error;
        bool unsupported;

        if (parse(rows[i], &f, &error, &unsupported))
            fail_msg("accepted: %s", rows[i]);
        assert_non_null(error);
    }
}

static void test_presence(void **state)
{
    static const struct {
        const char *json;
        uint32_t has;
    } rows[] = {
        {"{}", 0},
        {" { } ", 0},
        {"{\"ids\":null,\"authors\":null,\"kinds\":null,\"since\":null,\"until\":null,\"limit\":"
         "null,"
         "\"search\":null,\"#t\":null,\"foo\":null}",
         0},
        {"{\"ids\":[\"" A64 "\"]}", FILTER_IDS},
        {"{\"authors\":[\"" A64 "\"]}", FILTER_AUTHORS},
        {"{\"kinds\":[0]}", FILTER_KINDS},
        {"{\"kinds\":[70000,1,-1]}", FILTER_KINDS},
        {"{\"since\":0}", FILTER_SINCE},
        {"{\"until\":0}", FILTER_UNTIL},
        {"{\"limit\":0}", FILTER_LIMIT},
        {"{\"search\":\"x\"}", FILTER_SEARCH},
        {"{\"search\":\"\"}", 0},
        {"{\"since\":1,\"until\":1}", FILTER_SINCE | FILTER_UNTIL},
        {"{\"since\":2,\"until\":1}", FILTER_SINCE | FILTER_UNTIL | FILTER_NOTHING},
        {"{\"ids\":[]}", FILTER_IDS | FILTER_NOTHING},
        {"{\"authors\":[]}", FILTER_AUTHORS | FILTER_NOTHING},
        {"{\"kinds\":[]}", FILTER_KINDS | FILTER_NOTHING},
        {"{\"kinds\":[65536,-1,99999999999999999999]}", FILTER_KINDS | FILTER_NOTHING},
        {"{\"#t\":[]}", FILTER_NOTHING},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct filter f;

        parse_ok(rows[i].json, &f);
        if (f.has != rows[i].has)
            fail_msg("%s: has %x", rows[i].json, f.has);
    }
}

static void test_lists_are_sorted_and_unique(void **state)
{
    struct filter f;

    (void)state;
    parse_ok("{\"ids\":[\"" B64 "\",\"" A64 "\",\"" B64 "\"],\"kinds\":[65535,-3,0,7,0],"
             "\"#t\":[\"b\",\"aa\",\"b\",\"\",\"\\u0000\"],\"#e\":[\"" A64 "\"]}",
             &f);
    assert_int_equal(f.n_ids, 2);
    assert_int_equal(f.ids[0].b[0], 0xaa);
    assert_int_equal(f.ids[1].b[31], 0xbb);
    assert_int_equal(f.n_kinds, 3);
    assert_int_equal(f.kinds[0], 0);
    assert_int_equal(f.kinds[1], 7);
    assert_int_equal(f.kinds[2], 65535);
    assert_int_equal(f.n_tags, 2);
    assert_int_equal(f.tags[0].letter, 't');
    assert_int_equal(f.tags[1].letter, 'e');
    assert_int_equal(f.tags[0].n, 4);
    assert_true(slice_eq(f.tags[0].first, SLICE("b")));
    assert_true(slice_eq(f.tags[0].value[0], SLICE("")));
    assert_true(slice_eq(f.tags[0].value[1], SLICE("\0")));
    assert_true(slice_eq(f.tags[0].value[2], SLICE("b")));
    assert_true(slice_eq(f.tags[0].value[3], SLICE("aa")));
}

static void test_numbers(void **state)
{
    struct filter f;

    (void)state;
    parse_ok("{\"since\":-5,\"until\":99999999999999999999999,\"limit\":18446744073709551615}", &f);
    assert_int_equal(f.since, -5);
    assert_true(f.until == INT64_MAX);
    assert_true(f.limit == INT64_MAX);
    parse_ok("{\"since\":-9223372036854775809,\"until\":9223372036854775807,\"limit\":-0}", &f);
    assert_true(f.since == -INT64_MAX);
    assert_true(f.until == INT64_MAX);
    assert_int_equal(f.limit, 0);
}

static void test_escapes_are_decoded(void **state)
{
    struct filter f;

    (void)state;
    parse_ok("{\"\\u0023t\":[\"\\\"\\u00e4\\n\"],\"search\":\"a\\tb\",\"\\u006bind\\u0073\":[1]}",
             &f);
    assert_int_equal(f.n_tags, 1);
    assert_true(slice_eq(f.tags[0].first, SLICE("\"\xc3\xa4\n")));
    assert_true(slice_eq(f.search, SLICE("a\tb")));
    assert_int_equal(f.kinds[0], 1);
}

static void test_all_letters(void **state)
{
    static const char letters[] = "abcdfghijklmnoqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char json[52 * 12];
    size_t n = 0;
    struct filter f;

    (void)state;
    for (size_t i = 0; letters[i]; i++)
        n += (size_t)snprintf(json + n, sizeof json - n, "%c\"#%c\":[\"\"]", i ? ',' : '{',
                              letters[i]);
    snprintf(json + n, sizeof json - n, "}");
    parse_ok(json, &f);
    assert_int_equal(f.n_tags, 50);
    for (size_t i = 0; letters[i]; i++)
        assert_int_equal(f.tags[i].letter, letters[i]);
    for (size_t i = 0; letters[i]; i++) {
        char bad[16], start[4] = {'#', letters[i], ' ', '\0'};
        const char *error;
        bool unsupported;

        snprintf(bad, sizeof bad, "{\"#%c\":1}", letters[i]);
        assert_false(parse(bad, &f, &error, &unsupported));
        assert_memory_equal(error, start, 3);
    }
}

static void test_search_bounds(void **state)
{
    char json[256];
    struct filter f;
    const char *error;
    bool unsupported;

    (void)state;
    snprintf(json, sizeof json, "{\"search\":\"%0100d\"}", 0);
    parse_ok(json, &f);
    snprintf(json, sizeof json, "{\"search\":\"%0101d\"}", 0);
    assert_false(parse(json, &f, &error, &unsupported));
    assert_string_equal(error, "search is too long");
    for (int words = FILTER_MAX_SEARCH_WORDS; words <= FILTER_MAX_SEARCH_WORDS + 1; words++) {
        char *at = json + sprintf(json, "{\"search\":\"");

        for (int i = 0; i < words; i++)
            at += sprintf(at, "x ");
        sprintf(at, "\"}");
        assert_int_equal(parse(json, &f, &error, &unsupported), words == FILTER_MAX_SEARCH_WORDS);
    }
    assert_string_equal(error, "search has too many words");
}

static void test_long_lists(void **state)
{
    enum { VALUES = 3000 };
    const struct filter_limits wide = {.max_values = VALUES, .max_search_bytes = 0};
    struct filter f;
    struct jread r;
    struct buf json;
    const char *error;
    bool unsupported;

    (void)state;
    buf_init(&json, MIB);
    for (int i = 0; i < VALUES; i++)
        buf_printf(&json, "%s%d", i ? "," : "{\"kinds\":[", VALUES - 1 - i);
    buf_add_str(&json, "]}");
    jread_init(&r, buf_slice(&json), &arena);
    assert_true(filter_parse(&r, &wide, &arena, &f, &error, &unsupported));
    assert_int_equal(f.n_kinds, VALUES);
    for (int i = 0; i < VALUES; i++)
        assert_int_equal(f.kinds[i], i);
    buf_deinit(&json);
}

static void test_no_memory(void **state)
{
    struct arena small;
    struct filter f, *list;
    struct jread r;
    const char *error;
    bool unsupported;
    size_t n;

    (void)state;
    arena_init(&small, 100);
    jread_init(&r, SLICE("{\"ids\":[\"" A64 "\"]}"), &small);
    assert_false(filter_parse(&r, &limits, &small, &f, &error, &unsupported));
    assert_string_equal(error, "the filters are too large");
    assert_false(
        filter_list_parse(SLICE("{}"), &limits, 10, &small, &list, &n, &error, &unsupported));
    assert_string_equal(error, "the filters are too large");
    arena_deinit(&small);
}

static void test_filter_list(void **state)
{
    static const struct {
        const char *body;
        size_t n; /* 0: refused */
        const char *error;
        bool unsupported;
    } rows[] = {
        {"{}", 1, NULL, false},
        {" {} , {\"limit\":1}\n,\t{} ", 3, NULL, false},
        {"{},{},{},{},{},{}", 6, NULL, false},
        {"{},{},{},{},{},{},{}", 0, "too many filters", false},
        {"", 0, "at least one filter is needed", false},
        {"  ", 0, "at least one filter is needed", false},
        {"{},", 0, "each filter must be a JSON object", false},
        {",{}", 0, "each filter must be a JSON object", false},
        {"{}{}", 0, "a comma is missing between two filters", false},
        {"[{}]", 0, "each filter must be a JSON object", false},
        {"{},5", 0, "each filter must be a JSON object", false},
        {"{},{\"kinds\":1}", 0, "kinds must be a list of integers", false},
        {"{},{\"foo\":1}", 0, "the filter has a member that this relay does not know", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct filter *list;
        const char *error;
        bool unsupported;
        size_t n;
        bool ok = filter_list_parse(slice_str(rows[i].body), &limits, 6, &arena, &list, &n, &error,
                                    &unsupported);

        if (ok != (rows[i].n > 0))
            fail_msg("%s: %s", rows[i].body, ok ? "accepted" : error);
        assert_int_equal(unsupported, rows[i].unsupported);
        if (ok)
            assert_int_equal(n, rows[i].n);
        else
            assert_string_equal(error, rows[i].error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_malformed_text),
        cmocka_unit_test(test_presence),    cmocka_unit_test(test_lists_are_sorted_and_unique),
        cmocka_unit_test(test_numbers),     cmocka_unit_test(test_escapes_are_decoded),
        cmocka_unit_test(test_all_letters), cmocka_unit_test(test_search_bounds),
        cmocka_unit_test(test_long_lists),  cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_filter_list),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
