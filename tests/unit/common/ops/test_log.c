#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <regex.h>
#include <stdlib.h>

#include "base/slice.h"
#include "capture.h"
#include "ops/log.h"

static struct capture captured;

static void assert_matches(const char *text, const char *pattern)
{
    regex_t re;

    assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
    if (regexec(&re, text, 0, NULL, 0) != 0)
        fail_msg("\"%s\" does not match %s", text, pattern);
    regfree(&re);
}

#define STAMP "^ts=[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z "

static void test_a_line_is_logfmt(void **state)
{
    (void)state;
    log_open("unit", LOG_INFO);
    capture_begin(&captured);
    log_warn("batcher", "upstream refused batch", "n=%d status=%d", 32, 503);
    assert_matches(capture_end(&captured),
                   STAMP "level=warn svc=unit mod=batcher msg=\"upstream refused batch\" "
                         "n=32 status=503\n$");
}

static void test_no_further_pairs(void **state)
{
    (void)state;
    log_open("unit", LOG_INFO);
    capture_begin(&captured);
    log_info("main", "ready", "");
    assert_matches(capture_end(&captured), STAMP "level=info svc=unit mod=main msg=\"ready\"\n$");
}

static void test_lines_below_the_level_are_left_out(void **state)
{
    (void)state;
    log_open("unit", LOG_WARN);
    capture_begin(&captured);
    log_info("main", "hidden", "");
    log_debug("main", "hidden", "");
    assert_string_equal(capture_end(&captured), "");
    assert_true(log_enabled(LOG_ERROR));
    assert_true(log_enabled(LOG_WARN));
    assert_false(log_enabled(LOG_INFO));
    log_open("unit", LOG_DEBUG);
    capture_begin(&captured);
    log_debug("main", "shown", "");
    assert_non_null(strstr(capture_end(&captured), "level=debug"));
}

static void test_an_overlong_line_is_cut_and_ended(void **state)
{
    char *text = malloc(10000);
    const char *line;
    (void)state;

    memset(text, 'x', 9999);
    text[9999] = '\0';
    log_open("unit", LOG_INFO);
    capture_begin(&captured);
    log_info("main", "long", "text=%s", text);
    line = capture_end(&captured);
    assert_in_range(strlen(line), 1000, 2048);
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);

    capture_begin(&captured);
    log_info("main", text, "n=%d", 1);
    line = capture_end(&captured);
    assert_in_range(strlen(line), 1000, 2048);
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    free(text);
}

static void test_quote(void **state)
{
    static const struct {
        const char *name;
        struct slice text;
        size_t room;
        const char *want;
    } rows[] = {
        {"plain", SLICE("abc"), 64, "\"abc\""},
        {"empty", SLICE(""), 16, "\"\""},
        {"quotes and backslashes", SLICE("a\"b\\"), 64, "\"a\\\"b\\\\\""},
        {"a line's end cannot forge a line", SLICE("a\nlevel=error"), 64, "\"a\\nlevel=error\""},
        {"control bytes", SLICE("\x1b[2J\0"), 64, "\"\\x1b[2J\\x00\""},
        {"bytes above ASCII", SLICE("\xc3\xa9"), 64, "\"\\xc3\\xa9\""},
        {"as long as fits", SLICE("0123456789"), 16, "\"0123456789\""},
        {"shortened", SLICE("0123456789abc"), 16, "\"0123456789...\""},
    };
    char out[64];
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        memset(out, '#', sizeof(out));
        log_quote(rows[i].text.ptr, rows[i].text.len, out, rows[i].room);
        assert_string_equal(out, rows[i].want);
        for (size_t after = rows[i].room; after < sizeof(out); after++)
            assert_int_equal(out[after], '#');
    }
}

static void test_gate(void **state)
{
    struct log_gate gate = {0};
    uint32_t suppressed = 99;
    (void)state;

    assert_true(log_gate_open(&gate, 60000, &suppressed));
    assert_int_equal(suppressed, 0);
    assert_false(log_gate_open(&gate, 60000, &suppressed));
    assert_false(log_gate_open(&gate, 60000, &suppressed));
    gate.next_ms = 0; /* a minute later */
    assert_true(log_gate_open(&gate, 60000, &suppressed));
    assert_int_equal(suppressed, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_is_logfmt),
        cmocka_unit_test(test_no_further_pairs),
        cmocka_unit_test(test_lines_below_the_level_are_left_out),
        cmocka_unit_test(test_an_overlong_line_is_cut_and_ended),
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_gate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
