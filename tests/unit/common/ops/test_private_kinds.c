#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nostr/kind.h"
#include "ops/private_kinds.h"

static void check_names_what_is_wrong(void **state)
{
    static const struct {
        const char *text, *error; /* NULL: fine */
    } rows[] = {
        {"", NULL},
        {"30078", NULL},
        {"1000-1255", NULL},
        {"1000-1256", "names 257 kinds, the most are 256"},
        {"1,x", "\"x\": must be a kind or a range such as 10000-19999"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf error;

        buf_init(&error, KIB);
        assert_int_equal(private_kinds_check(rows[i].text, &error), rows[i].error == NULL);
        buf_add_char(&error, '\0');
        assert_string_equal(error.ptr, rows[i].error ? rows[i].error : "");
        buf_deinit(&error);
    }
}

static void configured_kinds_are_private(void **state)
{
    (void)state;
    private_kinds_configure(" 30078, 1000-1254");
    assert_true(kind_is_private(30078));
    assert_false(kind_is_private(1256));
    private_kinds_configure("30078");
    assert_true(kind_is_private(30078));
    assert_false(kind_is_private(1000));
    private_kinds_configure("");
    assert_false(kind_is_private(30078));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_names_what_is_wrong),
        cmocka_unit_test(configured_kinds_are_private),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
