#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ask.h"

static void test_filters(void **state)
{
    static const struct {
        const char *filter;
        int64_t limit;
        const char *expected; /* NULL: refused */
    } rows[] = {
        {"{}", -1, "{}"},
        {"{}", 0, "{\"limit\":0}"},
        {" { \"kinds\" : [ 1 ] , \"#t\":[\"a\\nb\"] } ", -1,
         "{\"kinds\":[ 1 ],\"#t\":[\"a\\nb\"]}"},
        {"{\"limit\":5,\"kinds\":[1]}", -1, "{\"limit\":5,\"kinds\":[1]}"},
        {"{\"limit\":5,\"kinds\":[1]}", 7, "{\"kinds\":[1],\"limit\":7}"},
        {"{\"limit\":5}", 7, "{\"limit\":7}"},
        {"{\"li\\u006dit\":5}", 7, "{\"limit\":7}"},
        {"{\"a\\\"b\":1}", -1, "{\"a\\\"b\":1}"},
        {"[]", -1, NULL},
        {"{", -1, NULL},
        {"{}{}", -1, NULL},
        {"{\"kinds\":}", 3, NULL},
        {"", -1, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;

        buf_init(&out, KIB);
        if (ask_write_filter(&out, slice_str(rows[i].filter), rows[i].limit) !=
            (rows[i].expected != NULL))
            fail_msg("%s", rows[i].filter);
        if (rows[i].expected && !slice_eq(buf_slice(&out), slice_str(rows[i].expected)))
            fail_msg("%s became " SLICE_FMT, rows[i].filter, SLICE_ARG(buf_slice(&out)));
        buf_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_filters)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
