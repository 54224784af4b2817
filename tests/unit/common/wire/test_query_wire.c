/* Query requests and end lines, both directions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/query_wire.h"

#define TIMES8(s) s s s s s s s s
#define A64 TIMES8(TIMES8("a"))
#define B64 TIMES8(TIMES8("b"))

static const struct query_request_limits limits = {
    .filter = {.max_values = 10, .max_search_bytes = 100},
    .max_filters = 3,
};
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

static bool parse(const char *json, struct query_request *q, const char **error)
{
    *error = NULL;
    arena_reset(&arena);
    return query_request_parse(slice_str(json), &limits, &arena, q, error);
}

/* Each text is what the writer makes of itself. */
static void test_round_trip(void **state)
{
    static const char *const rows[] = {
        "{\"filters\":[{}],\"readers\":[],\"min_seq\":0}",
        "{\"filters\":[{\"kinds\":[1,7],\"limit\":5},{\"ids\":[]}],\"readers\":[\"" B64 "\",\"" A64
        "\"],"
        "\"min_seq\":18446744073709551615}",
        "{\"filters\":[{\"#t\":[\"b\",\"a\"]},{},{}],\"readers\":[\"" A64
        "\"],\"min_seq\":12,\"after\":0}",
        "{\"filters\":[{}],\"readers\":[],\"min_seq\":0,\"client\":\"2001:db8::\"}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct query_request q;
        const char *error;
        struct buf out;

        if (!parse(rows[i], &q, &error))
            fail_msg("%s: %s", rows[i], error);
        buf_init(&out, 64 * KIB);
        query_request_write(&out, &q);
        assert_true(slice_eq(buf_slice(&out), slice_str(rows[i])));
        buf_deinit(&out);
    }
}

static void test_members(void **state)
{
    struct query_request q;
    const char *error;

    (void)state;
    assert_true(parse(" { \"after\" : 9 , \"filters\" : [ { } , { } ] } ", &q, &error));
    assert_int_equal(q.n_filters, 2);
    assert_int_equal(q.n_readers, 0);
    assert_int_equal(q.min_seq, 0);
    assert_true(q.has_after && q.after == 9);
    assert_true(parse("{\"readers\":[ \"" A64 "\" , \"" B64 "\" ],\"filters\":[{}],\"min_seq\":3}",
                      &q, &error));
    assert_int_equal(q.n_readers, 2);
    assert_int_equal(q.readers[1].b[31], 0xbb);
    assert_false(q.has_after);
}

static void test_refused(void **state)
{
    static const struct {
        const char *json, *error; /* NULL: any */
    } rows[] = {
        {"", "the query must be a JSON object"},
        {"[]", "the query must be a JSON object"},
        {"{}", "filters is missing"},
        {"{\"min_seq\":1}", "filters is missing"},
        {"{\"filters\":[]}", "at least one filter is needed"},
        {"{\"filters\":{}}", "filters must be a list of objects"},
        {"{\"filters\":null}", "filters must be a list of objects"},
        {"{\"filters\":[{},{},{},{}]}", "too many filters"},
        {"{\"filters\":[{\"kinds\":1}]}", "kinds must be a list of integers"},
        {"{\"filters\":[{\"foo\":1}]}", "the filter has a member that this relay does not know"},
        {"{\"filters\":[{}],\"readers\":\"" A64 "\"}",
         "readers must be a list of 64-digit lower-case hex strings"},
        {"{\"filters\":[{}],\"readers\":[5]}",
         "readers must be a list of 64-digit lower-case hex strings"},
        {"{\"filters\":[{}],\"readers\":[\"a\",\"b\",\"c\"]}",
         "readers must be a list of 64-digit lower-case hex strings"},
        {"{\"filters\":[{}],\"min_seq\":-1}", "min_seq must be an integer, 0 or more"},
        {"{\"filters\":[{}],\"min_seq\":\"1\"}", "min_seq must be an integer, 0 or more"},
        {"{\"filters\":[{}],\"min_seq\":1.5}", "min_seq must be an integer, 0 or more"},
        {"{\"filters\":[{}],\"min_seq\":18446744073709551616}",
         "min_seq must be an integer, 0 or more"},
        {"{\"filters\":[{}],\"after\":null}", "after must be an integer, 0 or more"},
        {"{\"filters\":[{}],\"client\":1}",
         "client must be a string of at most 64 plain characters"},
        {"{\"filters\":[{}],\"client\":\"a b\"}",
         "client must be a string of at most 64 plain characters"},
        {"{\"filters\":[{}],\"client\":\"" A64 "a\"}",
         "client must be a string of at most 64 plain characters"},
        {"{\"filters\":[{}],\"limit\":1}", "the query has an unknown member"},
        {"{\"filters\":[{}],\"filters\":[{}]}", "a member of the query is given twice"},
        {"{\"filters\":[{}]} x", "something follows the query"},
        {"{\"filters\":[{}]", NULL},
        {"{\"filters\":[{}", NULL},
        {"{\"filters\":[{}],\"readers\":[\"" A64 "\"", NULL},
        {"{\"filters\":[{}],}", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct query_request q;
        const char *error;

        if (parse(rows[i].json, &q, &error))
            fail_msg("accepted: %s", rows[i].json);
        assert_non_null(error);
        if (rows[i].error)
            assert_string_equal(error, rows[i].error);
    }
}

static void test_end_lines(void **state)
{
    static const struct query_end rows[] = {
        {.seq = 0},
        {.seq = 12, .more = true},
        {.seq = UINT64_MAX, .hidden = true},
        {.seq = 5, .more = true, .hidden = true, .cost_ms = 1234},
    };
    struct query_end got;
    struct buf out;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_init(&out, KIB);
        query_end_write(&out, &rows[i]);
        assert_int_equal(out.ptr[out.len - 1], '\n');
        assert_true(query_end_parse(slice_of(out.ptr, out.len - 1), &got));
        assert_true(got.seq == rows[i].seq && got.more == rows[i].more &&
                    got.hidden == rows[i].hidden && got.cost_ms == rows[i].cost_ms);
        for (size_t n = 0; n < out.len - 1; n++)
            assert_false(query_end_parse(slice_of(out.ptr, n), &got));
        buf_deinit(&out);
    }
    assert_false(query_end_parse(SLICE("{\"id\":\"" A64 "\",\"pubkey\":\"" B64 "\"}"), &got));
    assert_false(query_end_parse(
        SLICE("{\"end\":true,\"seq\":1,\"more\":false,\"hidden\":false,\"cost\":0} "), &got));
    assert_false(query_end_parse(
        SLICE("{\"end\":true,\"seq\":,\"more\":false,\"hidden\":false,\"cost\":0}"), &got));
    assert_false(query_end_parse(
        SLICE("{\"end\":false,\"seq\":1,\"more\":false,\"hidden\":false,\"cost\":0}"), &got));
}

static void test_counts(void **state)
{
    static const struct {
        const char *body;
        const char *json; /* NULL: refused */
        uint64_t cost_ms;
    } rows[] = {
        {"{\"count\":3}\n{\"cost\":17}\n", "{\"count\":3}", 17},
        {"{\"count\":3}\n", "{\"count\":3}", 0},
        {"{\"count\":3}", NULL, 0},
        {"\n{\"cost\":17}\n", NULL, 0},
        {"[3]\n{\"cost\":17}\n", NULL, 0},
        {"{\"count\":3}\n{\"cost\":17}", NULL, 0},
        {"{\"count\":3}\n{\"cost\":-1}\n", NULL, 0},
        {"{\"count\":3}\n{\"cost\":1}\n\n", NULL, 0},
        {"", NULL, 0},
    };
    struct slice json;
    uint64_t cost;
    struct buf out;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (query_count_parse(slice_str(rows[i].body), &json, &cost) != (rows[i].json != NULL))
            fail_msg("%s", rows[i].body);
        if (rows[i].json)
            assert_true(slice_eq(json, slice_str(rows[i].json)) && cost == rows[i].cost_ms);
    }
    buf_init(&out, KIB);
    query_cost_write(&out, 17);
    assert_true(slice_eq(buf_slice(&out), SLICE("{\"cost\":17}\n")));
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_members),
        cmocka_unit_test(test_refused),    cmocka_unit_test(test_end_lines),
        cmocka_unit_test(test_counts),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
