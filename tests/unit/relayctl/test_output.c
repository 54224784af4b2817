#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "output.h"

static void test_visible(void **state)
{
    static const struct {
        const char *text, *keep, *expected;
    } rows[] = {
        {"", "", ""},
        {"plain", "", "plain"},
        {"Gr\xc3\xbc\xc3\x9f"
         "e \xf0\x9f\x98\x80 \xe2\x82\xac",
         "",
         "Gr\xc3\xbc\xc3\x9f"
         "e \xf0\x9f\x98\x80 \xe2\x82\xac"},
        {"\x1b[31m\x07", "", "\\u001b[31m\\u0007"},
        {"a\nb\tc", "\n", "a\nb\\u0009c"},
        {"\x7f", "\n", "\\u007f"},
        {"\xc2\x9b"
         "2J\xc2\x80\xc2\xa0",
         "", "\\u009b2J\\u0080\xc2\xa0"},
        {"\x9b"
         "2J\xff",
         "", "\\u009b2J\\u00ff"},
        {"\xc2", "", "\\u00c2"},
        {"\xe2\x82", "", "\\u00e2\\u0082"},
        {"\xc0\x9b", "", "\\u00c0\\u009b"},
        {"\xe0\x82\x9b", "", "\\u00e0\\u0082\\u009b"},
        {"\xf0\x80\x82\x9b", "", "\\u00f0\\u0080\\u0082\\u009b"},
        {"\xf5\x80\x80\x80", "", "\\u00f5\\u0080\\u0080\\u0080"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;

        buf_init(&out, KIB);
        output_visible(&out, slice_str(rows[i].text), rows[i].keep);
        if (!slice_eq(buf_slice(&out), slice_str(rows[i].expected)))
            fail_msg("row %zu: " SLICE_FMT, i, SLICE_ARG(buf_slice(&out)));
        buf_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_visible)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
