#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nostr/history.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define GOOD "{\"kinds\":[3],\"authors\":[\"" A "\"],\"search\":\"history:true\"}"

/* Readers are a, unless `reader` says otherwise: 0 nobody, 'b' somebody else. */
static const struct {
    const char *filters;
    int reader;
    bool asked;
    enum verdict verdict;
} rows[] = {
    {GOOD, 'a', true, VERDICT_ACCEPTED},
    {GOOD, 0, true, VERDICT_AUTH_REQUIRED},
    {GOOD, 'b', true, VERDICT_RESTRICTED},
    {"{\"kinds\":[0,3],\"authors\":[\"" A
     "\"],\"search\":\"  history:true \",\"since\":1,\"until\":9,"
     "\"limit\":3}",
     'a', true, VERDICT_ACCEPTED},
    {"{\"kinds\":[3],\"authors\":[\"" A "\"],\"search\":\"history:true fox\"}", 'a', true,
     VERDICT_INVALID},
    {"{\"kinds\":[3],\"authors\":[\"" A "\"],\"search\":\"language:en history:true\"}", 'a', true,
     VERDICT_INVALID},
    {"{\"authors\":[\"" A "\"],\"search\":\"history:true\"}", 'a', true, VERDICT_INVALID},
    {"{\"kinds\":[3],\"search\":\"history:true\"}", 'a', true, VERDICT_INVALID},
    {"{\"kinds\":[3],\"authors\":[\"" A "\",\"" B "\"],\"search\":\"history:true\"}", 'a', true,
     VERDICT_INVALID},
    {"{\"kinds\":[3],\"authors\":[\"" A "\"],\"ids\":[\"" A "\"],\"search\":\"history:true\"}", 'a',
     true, VERDICT_INVALID},
    {"{\"kinds\":[3],\"authors\":[\"" A "\"],\"#t\":[\"x\"],\"search\":\"history:true\"}", 'a',
     true, VERDICT_INVALID},
    {GOOD ",{\"kinds\":[1]}", 'a', true, VERDICT_INVALID},
    {"{\"search\":\"history:false\"}", 'a', false, VERDICT_ACCEPTED},
    {"{\"search\":\"history:truely\"}", 'a', false, VERDICT_ACCEPTED},
    {"{\"search\":\"the history\"}", 'a', false, VERDICT_ACCEPTED},
    {"{\"kinds\":[3]}", 'a', false, VERDICT_ACCEPTED},
};

static void test_rows(void **state)
{
    static const struct filter_limits limits = {100, 1000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct filter *filters;
        struct pubkey reader;
        struct arena arena;
        const char *text;
        bool unsupported;
        size_t n;

        arena_init(&arena, MIB);
        memset(reader.b, rows[i].reader == 'b' ? 0xbb : 0xaa, sizeof reader.b);
        assert_true(filter_list_parse(slice_str(rows[i].filters), &limits, 10, &arena, &filters, &n,
                                      &text, &unsupported));
        if (history_asked(filters, n) != rows[i].asked)
            fail_msg("%s", rows[i].filters);
        if (rows[i].asked &&
            history_judge(filters, n, &reader, rows[i].reader != 0, &text) != rows[i].verdict)
            fail_msg("%s: %s", rows[i].filters, text);
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
