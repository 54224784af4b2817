#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "retention/rules.h"

enum { DAY = 86400, NOW = 1000 * DAY };

static struct retention_rules rules;

static void read(const char *text)
{
    struct buf error;

    buf_init(&error, KIB);
    if (!retention_rules_parse(slice_str(text), &rules, &error))
        fail_msg("%s: %.*s", text, (int)error.len, error.ptr);
    buf_deinit(&error);
}

static void test_errors(void **state)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"friend:1:1d", "\"friend:1:1d\": a rule is TIER:KINDS:AGE, and TIER is"},
        {"*:1:1d, :1:1d", "\":1:1d\": a rule is TIER:KINDS:AGE, and TIER is"},
        {"guest", "\"guest\": a rule is TIER:KINDS:AGE, and KINDS are"},
        {"guest::1d", "KINDS are"},
        {"guest:1+:1d", "KINDS are"},
        {"guest:+1:1d", "KINDS are"},
        {"guest:7-1:1d", "KINDS are"},
        {"guest:65536:1d", "KINDS are"},
        {"guest:1-:1d", "KINDS are"},
        {"guest:01:1d", "KINDS are"},
        {"guest:1:", "AGE is"},
        {"guest:1:30", "AGE is"},
        {"guest:1:30w", "AGE is"},
        {"guest:1:-1d", "AGE is"},
        {"guest:1:36501d", "AGE is"},
        {"guest:1:1d:", "AGE is"},
        {"guest:1:99999999999999999999d", "AGE is"},
        {"guest:1+2+3+4+5+6+7+8+9+10+11+12+13+14+15+16+17:1d", "KINDS are"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf error;

        buf_init(&error, KIB);
        assert_false(retention_rules_check(rows[i].text, &error));
        buf_add_char(&error, '\0');
        if (!strstr(error.ptr, rows[i].error))
            fail_msg("%s: %s", rows[i].text, error.ptr);
        buf_deinit(&error);
    }
}

static void test_too_many(void **state)
{
    char text[RETENTION_RULES_MOST * 6 + 8] = "";
    struct buf error;

    (void)state;
    for (int i = 0; i <= RETENTION_RULES_MOST; i++)
        strcpy(text + i * 6, "*:1:0,");
    buf_init(&error, KIB);
    assert_false(retention_rules_check(text, &error));
    buf_deinit(&error);
}

static void test_doom(void **state)
{
    static const struct {
        const char *rules;
        enum tier tier;
        int kind, days;     /* old */
        const char *doomed; /* by this rule; NULL: it stays */
    } rows[] = {
        {"", TIER_GUEST, 1, 999, NULL},
        {"guest:*:30d", TIER_GUEST, 1, 31, "guest:*:30d"},
        {"guest:*:30d", TIER_GUEST, 1, 30, "guest:*:30d"},
        {"guest:*:30d", TIER_GUEST, 1, 29, NULL},
        {"guest:*:30d", TIER_KNOWN, 1, 31, NULL},
        {"guest:*:30d", TIER_MUTED, 1, 31, NULL},
        {"guest:*:30d", TIER_GUEST, 0, 31, "guest:*:30d"}, /* guests have no vital kinds */
        {"*:*:48h", TIER_ADMIN, 1, 2, "*:*:48h"},
        {"*:*:48h", TIER_ADMIN, 1, 1, NULL},
        {"*:9735:0", TIER_TRUSTED, 9735, 0, "*:9735:0"},
        {"known:1+6-7:1d", TIER_KNOWN, 6, 2, "known:1+6-7:1d"},
        {"known:1+6-7:1d", TIER_KNOWN, 5, 2, NULL},
        {"known:1+6-7:1d", TIER_KNOWN, 8, 2, NULL},
        /* the first that fits decides, also when the event is too young for it */
        {"*:1:10d, *:*:1d", TIER_KNOWN, 1, 5, NULL},
        {"*:1:10d, *:*:1d", TIER_KNOWN, 7, 5, "*:*:1d"},
        {"*:30023:keep *:*:1d", TIER_KNOWN, 30023, 500, NULL},
        /* what members cannot do without goes by its own name only */
        {"known:*:1d", TIER_KNOWN, 0, 9, NULL},
        {"known:0-7:1d", TIER_KNOWN, 3, 9, NULL},
        {"known:0-7:1d", TIER_KNOWN, 4, 9, "known:0-7:1d"},
        {"known:1+3:1d", TIER_KNOWN, 3, 9, "known:1+3:1d"},
        {"*:10002:1d", TIER_TRUSTED, 10002, 9, "*:10002:1d"},
        {"*:10000-19999:1d", TIER_TRUSTED, 10002, 9, NULL},
        {"*:10000-19999:1d", TIER_TRUSTED, 10050, 9, NULL},
        {"*:*:1d", TIER_ADMIN, 62, 9, NULL},
        {"*:*:1d", TIER_MUTED, 5, 9, "*:*:1d"},
        {"*:*:1d", TIER_ADMIN, 13534, 9, NULL}, /* the relay's own */
        {"*:*:1d", TIER_ADMIN, 33534, 9, NULL},
        {"*:*:1d", TIER_ADMIN, 8000, 9, "*:*:1d"},
        {"known:*:1d, known:5:2d", TIER_KNOWN, 5, 9, "known:5:2d"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct retention_rule *rule;

        read(rows[i].rules);
        rule = retention_rules_doom(&rules, rows[i].tier, rows[i].kind,
                                    NOW - (int64_t)rows[i].days * DAY, NOW);
        if (rule ? !rows[i].doomed || strcmp(rule->text, rows[i].doomed) != 0
                 : rows[i].doomed != NULL)
            fail_msg("%s: kind %d, %d days: %s", rows[i].rules, rows[i].kind, rows[i].days,
                     rule ? rule->text : "stays");
    }
}

static void test_horizon(void **state)
{
    (void)state;
    read("");
    assert_int_equal(retention_rules_horizon(&rules, NOW), -1);
    read("*:*:keep");
    assert_int_equal(retention_rules_horizon(&rules, NOW), -1);
    read("*:1:30d, *:*:keep, *:2:10d");
    assert_int_equal(retention_rules_horizon(&rules, NOW), NOW - 10 * DAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_doom),
        cmocka_unit_test(test_horizon),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
