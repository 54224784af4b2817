#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdlib.h>

#include "capture.h"
#include "options.h"

enum { MAX_ARGS = 16 };

/* Splits line at blanks and parses it; returns what was said on stderr. The options point into the
 * words. */
static bool parse(struct options *o, const char *line, struct capture *c)
{
    static char text[256];
    static char *argv[MAX_ARGS + 1];
    int argc = 1;
    char *rest = text;
    bool ok;

    strncpy(text, line, sizeof(text) - 1);
    for (char *word; (word = strsep(&rest, " ")) && argc < MAX_ARGS;)
        argv[argc++] = word;
    argv[argc] = NULL;
    capture_begin(c);
    ok = options_parse(o, argc, argv);
    capture_end(c);
    return ok;
}

static void test_any_order(void **state)
{
    static const char *const rows[] = {
        "--relay ws://r req --limit 3 {} --auth",
        "req --auth --relay=ws://r --limit=3 {}",
        "req {} --limit 3 --relay ws://r --auth",
        "req --limit 3 --relay ws://r --auth -- {}",
    };
    struct capture c;
    struct options o;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(parse(&o, rows[i], &c));
        assert_string_equal(o.command, "req");
        assert_int_equal(o.n_args, 1);
        assert_string_equal(o.args[0], "{}");
        assert_string_equal(o.relay, "ws://r");
        assert_int_equal(o.limit, 3);
        assert_true(o.auth);
        assert_true(options_check(&o, OPTION_RELAY | OPTION_LIMIT | OPTION_AUTH));
    }
}

static void test_defaults(void **state)
{
    struct capture c;
    struct options o;

    (void)state;
    unsetenv("TANDEM_RELAY");
    assert_true(parse(&o, "watch -", &c));
    assert_string_equal(o.relay, "ws://127.0.0.1:8008");
    assert_string_equal(o.args[0], "-");
    assert_int_equal(o.kind, 1);
    assert_int_equal(o.limit, -1);
    assert_int_equal(o.given, 0);
    setenv("TANDEM_RELAY", "ws://other", 1);
    assert_true(parse(&o, "watch", &c));
    assert_string_equal(o.relay, "ws://other");
    unsetenv("TANDEM_RELAY");
}

static void test_complaints(void **state)
{
    static const struct {
        const char *line, *words;
    } rows[] = {
        {"req --nothing", "--nothing: there is no such option"},
        {"req --limit", "--limit: N is missing"},
        {"req --limit 1x", "--limit: a number from 0 to 2147483647 is expected"},
        {"req --limit= x", "--limit: a number"},
        {"req --limit -1", "--limit: a number"},
        {"pub --kind 65536", "--kind: a number from 0 to 65535"},
        {"pub --pow 99999999999999999999", "--pow: a number from 1 to 64"},
        {"req --auth=yes", "--auth takes no value"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct capture c;
        struct options o;

        assert_false(parse(&o, rows[i].line, &c));
        if (!strstr(c.text, rows[i].words))
            fail_msg("%s: %s", rows[i].line, c.text);
    }
}

static void test_a_command_takes_its_own_options(void **state)
{
    struct capture c;
    struct options o;

    (void)state;
    assert_true(parse(&o, "info --window 3", &c));
    capture_begin(&c);
    assert_false(options_check(&o, OPTION_RELAY));
    assert_string_equal(capture_end(&c), "relayctl: info does not take --window\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_complaints),
        cmocka_unit_test(test_a_command_takes_its_own_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
