#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "manage/manage_answer.h"

static void status_and_body(void **state)
{
    static const struct {
        const char *json;
        int status; /* 0: malformed */
        const char *body;
    } rows[] = {
        {"{\"status\":200,\"body\":{\"result\": true}}", 200, "{\"result\":true}"},
        {"{\"status\":401,\"body\":{\"error\":\"x\"},\"more\":1}", 401, "{\"error\":\"x\"}"},
        {"{\"status\":403,\"body\":{}}", 403, "{}"},
        {"{\"status\":400,\"body\":{}}", 400, "{}"},
        {"{\"status\":204,\"body\":{}}", 0, NULL},
        {"{\"status\":\"200\",\"body\":{}}", 0, NULL},
        {"{\"status\":200,\"body\":[]}", 0, NULL},
        {"{\"status\":200}", 0, NULL},
        {"{\"body\":{}}", 0, NULL},
        {"[]", 0, NULL},
        {"", 0, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf body;
        int status;

        buf_init(&body, KIB);
        if (manage_answer_parse(slice_str(rows[i].json), &status, &body)) {
            buf_add_char(&body, '\0');
            assert_int_equal(status, rows[i].status);
            assert_string_equal(body.ptr, rows[i].body);
        } else {
            assert_int_equal(rows[i].status, 0);
        }
        buf_deinit(&body);
    }
}

static void a_body_beyond_its_bound_is_malformed(void **state)
{
    struct buf body;
    int status;

    (void)state;
    buf_init(&body, 8);
    assert_false(manage_answer_parse(SLICE("{\"status\":200,\"body\":{\"result\":\"0123456789\"}}"),
                                     &status, &body));
    buf_deinit(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_and_body),
        cmocka_unit_test(a_body_beyond_its_bound_is_malformed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
