/* The live record, both directions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/live_wire.h"

static void test_round_trip(void **state)
{
    static const char expected[] = "1 4 18446744073709551615 9 17\n"
                                   "5 {\"id\":\"a\"}\n"
                                   "0 {}\n";
    struct live_head head = {.prev = 4, .seq = UINT64_MAX, .control = 9, .sent_ms = 17};
    struct live_line line;
    struct slice rest;
    struct buf record;

    (void)state;
    buf_init(&record, KIB);
    live_head_write(&record, &head);
    live_line_write(&record, 5, SLICE("{\"id\":\"a\"}"));
    live_line_write(&record, 0, SLICE("{}"));
    assert_true(slice_eq(buf_slice(&record), SLICE(expected)));

    rest = buf_slice(&record);
    head = (struct live_head){0};
    assert_true(live_head_parse(&rest, &head));
    assert_true(head.prev == 4 && head.seq == UINT64_MAX && head.control == 9 &&
                head.sent_ms == 17);
    assert_true(live_line_next(&rest, &line));
    assert_true(line.seq == 5 && slice_eq(line.event, SLICE("{\"id\":\"a\"}")));
    assert_true(live_line_next(&rest, &line));
    assert_true(line.seq == 0 && slice_eq(line.event, SLICE("{}")));
    assert_false(live_line_next(&rest, &line));
    assert_int_equal(rest.len, 0);
    buf_deinit(&record);
}

static void test_heads(void **state)
{
    static const struct {
        const char *text;
        bool ok;
    } rows[] = {
        {"1 0 0 0 5\n", true},
        {"1 7 7 1 5\n", true},
        {"1 7 8 3 5\nrest", true},
        {"1 8 7 3 5\n", false},
        {"1 7 8 3 5", false},
        {"2 7 8 3 5\n", false},
        {"17 8 3 5\n", false},
        {"1 7 3 5\n", false},
        {"1 7 8 3\n", false},
        {"1 7 8 3 \n", false},
        {"1 7 8 3 4 5\n", false},
        {"1 7 8 3 5\r\n", false},
        {"1  7 8 3 5\n", false},
        {" 1 7 8 3 5\n", false},
        {"1 07 8 3 5\n", false},
        {"1 -7 8 3 5\n", false},
        {"1 7 18446744073709551616 3 5\n", false},
        {"1 7 8 18446744073709551616 5\n", false},
        {"1 7 99999999999999999999999 3 5\n", false},
        {"\n", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice rest = slice_str(rows[i].text);
        struct live_head head;

        if (live_head_parse(&rest, &head) != rows[i].ok)
            fail_msg("%s: expected %d", rows[i].text, rows[i].ok);
        if (!rows[i].ok)
            assert_int_equal(rest.len, strlen(rows[i].text));
    }
}

static void test_bad_lines(void **state)
{
    static const char *const rows[] = {
        "5 {}",    "5\n",    "5 \n",  "{}\n",  "5{}\n",   "x {}\n",
        "05 {}\n", "5 []\n", "5 {\n", "5 }\n", "5 {} \n", "\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice rest = slice_str(rows[i]);
        struct live_line line;

        if (live_line_next(&rest, &line))
            fail_msg("%s", rows[i]);
        assert_int_equal(rest.len, strlen(rows[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_bad_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
