/* Lists of kinds as operators write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ops/kind_set.h"

static void test_kinds(void **state)
{
    static const struct {
        const char *text;
        int in, out;
    } rows[] = {
        {"1", 1, 0},
        {"0,1, 3", 3, 2},
        {" 10000-19999 ", 10000, 20000},
        {"10000-19999", 19999, 9999},
        {"7\n65535", 65535, 65534},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kind_set set;
        struct buf error;

        buf_init(&error, KIB);
        assert_true(kind_set_parse(slice_str(rows[i].text), &set, &error));
        assert_true(kind_set_has(&set, rows[i].in));
        assert_false(kind_set_has(&set, rows[i].out));
        assert_false(kind_set_has(&set, -1));
        assert_false(kind_set_has(&set, 65536));
        assert_false(set.empty);
        buf_deinit(&error);
    }
}

static void test_bad_kinds(void **state)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"1,x", "\"x\": must be a kind or a range such as 10000-19999"},
        {"1,-2", "\"-2\": must be a kind or a range such as 10000-19999"},
        {"70000", "\"70000\": a kind is a number from 0 to 65535"},
        {"5-4", "\"5-4\": the range ends before it begins"},
        {"5-", "\"5-\": must be a kind or a range such as 10000-19999"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf error;

        buf_init(&error, KIB);
        assert_false(kind_set_check(rows[i].text, &error));
        assert_true(slice_eq(buf_slice(&error), slice_str(rows[i].error)));
        buf_deinit(&error);
    }
}

static void test_kind_set_changes(void **state)
{
    struct kind_set set;
    struct buf error;

    (void)state;
    buf_init(&error, KIB);
    assert_true(kind_set_parse(SLICE(""), &set, &error));
    assert_true(set.empty);
    kind_set_add(&set, 7);
    assert_false(set.empty);
    kind_set_remove(&set, 7);
    assert_true(set.empty);
    buf_deinit(&error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_bad_kinds),
        cmocka_unit_test(test_kind_set_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
