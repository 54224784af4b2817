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
    log_open("unit", "info", LOG_LOGFMT);
    capture_begin(&captured);
    log_warn("batcher", "upstream refused batch", "n=%d status=%d", 32, 503);
    assert_matches(capture_end(&captured),
                   STAMP "level=warn svc=unit mod=batcher msg=\"upstream refused batch\" "
                         "n=32 status=503\n$");
}

static void test_no_further_pairs(void **state)
{
    (void)state;
    log_open("unit", "info", LOG_LOGFMT);
    capture_begin(&captured);
    log_info("main", "ready", "");
    assert_matches(capture_end(&captured), STAMP "level=info svc=unit mod=main msg=\"ready\"\n$");
}

static void test_lines_below_the_level_are_left_out(void **state)
{
    (void)state;
    log_open("unit", "warn", LOG_LOGFMT);
    capture_begin(&captured);
    log_info("main", "hidden", "");
    log_debug("main", "hidden", "");
    assert_string_equal(capture_end(&captured), "");
    assert_true(log_enabled(LOG_ERROR, "main"));
    assert_true(log_enabled(LOG_WARN, "main"));
    assert_false(log_enabled(LOG_INFO, "main"));
    log_open("unit", "debug", LOG_LOGFMT);
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
    log_open("unit", "info", LOG_LOGFMT);
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

static void test_levels_of_modules(void **state)
{
    struct buf error;

    (void)state;
    log_open("unit", "warn,conn=debug, live=error", LOG_LOGFMT);
    assert_true(log_enabled(LOG_DEBUG, "conn"));
    assert_false(log_enabled(LOG_WARN, "live"));
    assert_true(log_enabled(LOG_WARN, "main"));
    assert_false(log_enabled(LOG_INFO, "main"));
    log_set_levels("debug");
    assert_true(log_enabled(LOG_DEBUG, "live"));
    log_set_levels("nonsense"); /* the old ones stay */
    assert_true(log_enabled(LOG_DEBUG, "live"));

    buf_init(&error, KIB);
    assert_true(log_levels_check("INFO,conn=Debug", &error));
    assert_false(log_levels_check("info,conn=loud", &error));
    assert_true(
        slice_eq(buf_slice(&error), SLICE("\"conn=loud\": must be error, warn, info or debug, or "
                                          "<module>=<level> (at most 16)")));
    assert_false(log_levels_check("=info", &error));
    buf_deinit(&error);
}

static void test_json(void **state)
{
    static const char text[] = "a \"b\"\\ \n\x01 c=d";
    char quoted[64];

    (void)state;
    log_open("unit", "info", LOG_JSON);
    capture_begin(&captured);
    log_warn("conn", "a client left", "n=%d name=%s reason=%s odd=1a neg=-5", 7, "x",
             log_quote(text, sizeof text - 1, quoted, sizeof quoted));
    assert_matches(
        capture_end(&captured),
        "^\\{\"ts\":\"[0-9T:.-]+Z\",\"level\":\"warn\",\"svc\":\"unit\",\"mod\":\"conn\","
        "\"msg\":\"a client left\",\"n\":7,\"name\":\"x\",\"reason\":\"a \\\\\"b\\\\\""
        "\\\\\\\\ \\\\n\\\\u0001 c=d\",\"odd\":\"1a\",\"neg\":-5\\}\n$");
    capture_begin(&captured);
    log_info("main", "ready", "");
    assert_matches(capture_end(&captured), "\"msg\":\"ready\"\\}\n$");
    log_open("unit", "info", LOG_LOGFMT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_is_logfmt),
        cmocka_unit_test(test_no_further_pairs),
        cmocka_unit_test(test_lines_below_the_level_are_left_out),
        cmocka_unit_test(test_levels_of_modules),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_an_overlong_line_is_cut_and_ended),
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_gate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
