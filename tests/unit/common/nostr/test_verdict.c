#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "nostr/verdict.h"

static const struct {
    enum verdict verdict;
    bool ok;
    const char *prefix, *name;
} rows[] = {
    {VERDICT_ACCEPTED, true, "", "accepted"},
    {VERDICT_DUPLICATE, true, "duplicate", "duplicate"},
    {VERDICT_STALE, false, "duplicate", "stale"},
    {VERDICT_INVALID, false, "invalid", "invalid"},
    {VERDICT_BLOCKED, false, "blocked", "blocked"},
    {VERDICT_RESTRICTED, false, "restricted", "restricted"},
    {VERDICT_AUTH_REQUIRED, false, "auth-required", "auth-required"},
    {VERDICT_POW, false, "pow", "pow"},
    {VERDICT_RATE_LIMITED, false, "rate-limited", "rate-limited"},
    {VERDICT_MUTE, false, "mute", "mute"},
    {VERDICT_UNSUPPORTED, false, "unsupported", "unsupported"},
    {VERDICT_ERROR, false, "error", "error"},
};

static void verdicts_have_their_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(verdict_is_ok(rows[i].verdict), rows[i].ok);
        assert_string_equal(verdict_prefix(rows[i].verdict), rows[i].prefix);
        assert_string_equal(verdict_name(rows[i].verdict), rows[i].name);
    }
}

/* A metric label must tell the verdicts apart. */
static void names_are_unique(void **state)
{
    (void)state;
    assert_int_equal(ARRAY_LEN(rows), VERDICT_ERROR + 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(rows[i].name, rows[k].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_have_their_words),
        cmocka_unit_test(names_are_unique),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
