#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pretty.h"

static void test_documents(void **state)
{
    static const struct {
        const char *json, *expected; /* expected NULL: refused */
    } rows[] = {
        {"{}", "{}"},
        {" [ ] ", "[]"},
        {"\"a\\u001b\"", "\"a\\u001b\""},
        {"{\"a\":[1, 2,3],\"b\":{\"c\":null,\"d\":{}}}",
         "{\n  \"a\": [1, 2, 3],\n  \"b\": {\n    \"c\": null,\n    \"d\": {}\n  }\n}"},
        {"[{\"a\":-1.5e3},true]", "[{\n  \"a\": -1.5e3\n}, true]"},
        {"{\"a\\\"\":1}", "{\n  \"a\\\"\": 1\n}"},
        {"{\"a\":1,}", NULL},
        {"{} {}", NULL},
        {"", NULL},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *error = NULL;
        struct buf out;

        buf_init(&out, KIB);
        if (pretty_json(slice_str(rows[i].json), &out, &error) != (rows[i].expected != NULL))
            fail_msg("%s: %s", rows[i].json, error ? error : "accepted");
        assert_int_equal(error == NULL, rows[i].expected != NULL);
        if (rows[i].expected && !slice_eq(buf_slice(&out), slice_str(rows[i].expected)))
            fail_msg("%s became " SLICE_FMT, rows[i].json, SLICE_ARG(buf_slice(&out)));
        buf_deinit(&out);
    }
}

static void test_what_does_not_fit(void **state)
{
    const char *error;
    struct buf out;

    (void)state;
    buf_init(&out, 4);
    assert_false(pretty_json(SLICE("{\"a\":1}"), &out, &error));
    assert_string_equal(error, "the text is too large");
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_what_does_not_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
