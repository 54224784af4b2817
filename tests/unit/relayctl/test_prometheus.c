#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "prometheus.h"

static const char text[] = "# HELP a_total Words, with a_total 9 in them.\n"
                           "# TYPE a_total counter\n"
                           "a_total{kind=\"one\"} 3\n"
                           "a_total{host=\"x\",kind=\"two\"} 4 1700000000\n"
                           "a_total_more 100\n"
                           "plain 1.5\n"
                           "great 1e300\n"
                           "odd NaN\n"
                           "broken{kind=\"one\" 3\n"
                           "last 7";

static void test_sums(void **state)
{
    static const struct {
        const char *metric, *label;
        bool found;
        double sum;
    } rows[] = {
        {"a_total", NULL, true, 7},   {"a_total", "one", true, 3}, {"a_total", "two", true, 4},
        {"a_total", "on", false, 0},  {"plain", NULL, true, 1.5},  {"plain", "one", false, 0},
        {"great", NULL, true, 1e300}, {"odd", NULL, false, 0},     {"broken", NULL, false, 0},
        {"last", NULL, true, 7},      {"a_tota", NULL, false, 0},  {"absent", NULL, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double sum;

        if (prometheus_sum(SLICE(text), rows[i].metric, rows[i].label, &sum) != rows[i].found)
            fail_msg("%s %s", rows[i].metric, rows[i].label ? rows[i].label : "");
        assert_true(sum == rows[i].sum);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sums)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
