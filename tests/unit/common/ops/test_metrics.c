#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ops/metrics.h"

enum { EVENTS, CLIENTS, SECONDS, N_METRICS };

static const char *const results[] = {"stored", "duplicate", NULL};
static const struct metric_def defs[N_METRICS] = {
    [EVENTS] = {"tandem_events_total", METRIC_COUNTER, "Events by result.", "result", results},
    [CLIENTS] = {"tandem_clients", METRIC_GAUGE, "Connected clients.", NULL, NULL},
    [SECONDS] = {"tandem_query_seconds", METRIC_HISTOGRAM, "Time of a query.", NULL, NULL},
};

static void test_updates_before_open_go_nowhere(void **state)
{
    struct buf out;
    (void)state;

    metric_add(EVENTS, 0, 1);
    metric_set(CLIENTS, 0, 1);
    metric_observe(SECONDS, 0, 1);
    assert_int_equal(metric_get(EVENTS, 0), 0);
    buf_init(&out, 64 * KIB);
    metrics_write(&out);
    assert_int_equal(out.len, 0);
    buf_deinit(&out);
}

static void test_labels_are_apart(void **state)
{
    (void)state;
    metrics_open(defs, N_METRICS, 3);
    metric_add(EVENTS, 0, 2);
    metric_add(EVENTS, 1, 5);
    metric_set(CLIENTS, 0, 7);
    metric_add(CLIENTS, 0, -3);
    assert_int_equal(metric_get(EVENTS, 0), 2);
    assert_int_equal(metric_get(EVENTS, 1), 5);
    assert_int_equal(metric_get(CLIENTS, 0), 4);
}

/* A worker process writes to its own row, and everybody sees the sum. */
static void in_worker(unsigned worker, void (*work)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        metrics_attach(worker);
        work();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void count_some(void)
{
    metric_add(EVENTS, 0, 10);
    metric_set(CLIENTS, 0, 100);
}

static void do_nothing(void)
{
}

static void test_workers_are_summed_and_a_new_one_keeps_counters(void **state)
{
    (void)state;
    in_worker(1, count_some);
    in_worker(2, count_some);
    assert_int_equal(metric_get(EVENTS, 0), 22);
    assert_int_equal(metric_get(CLIENTS, 0), 204);
    in_worker(2, do_nothing); /* its successor starts without clients, but nothing was uncounted */
    assert_int_equal(metric_get(EVENTS, 0), 22);
    assert_int_equal(metric_get(CLIENTS, 0), 104);
}

static void *count_many(void *unused)
{
    for (int i = 0; i < 100000; i++)
        metric_add(EVENTS, 1, 1);
    return unused;
}

static void test_threads_lose_nothing(void **state)
{
    pthread_t threads[4];
    int64_t before = metric_get(EVENTS, 1);
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(metric_get(EVENTS, 1), before + 400000);
}

static void assert_has_line(const struct buf *out, const char *line)
{
    const char *at = strstr(out->ptr, line);

    if (!at || at[strlen(line)] != '\n' || (at != out->ptr && at[-1] != '\n'))
        fail_msg("no line \"%s\" in:\n%s", line, out->ptr);
}

static void test_exposition(void **state)
{
    struct buf out;
    (void)state;

    metric_observe(SECONDS, 0, 0);
    metric_observe(SECONDS, 0, 100); /* a bound belongs to its bucket */
    metric_observe(SECONDS, 0, 101);
    metric_observe(SECONDS, 0, 30000000); /* above all bounds */
    assert_int_equal(metric_get(SECONDS, 0), 4);
    buf_init(&out, 64 * KIB);
    metrics_write(&out);
    buf_add_char(&out, '\0');
    assert_false(out.failed);
    assert_has_line(&out, "# HELP tandem_events_total Events by result.");
    assert_has_line(&out, "# TYPE tandem_events_total counter");
    assert_has_line(&out, "tandem_events_total{result=\"stored\"} 22");
    assert_has_line(&out, "tandem_events_total{result=\"duplicate\"} 400005");
    assert_has_line(&out, "# TYPE tandem_clients gauge");
    assert_has_line(&out, "tandem_clients 104");
    assert_has_line(&out, "# TYPE tandem_query_seconds histogram");
    assert_has_line(&out, "tandem_query_seconds_bucket{le=\"0.0001\"} 2");
    assert_has_line(&out, "tandem_query_seconds_bucket{le=\"0.00025\"} 3");
    assert_has_line(&out, "tandem_query_seconds_bucket{le=\"10\"} 3");
    assert_has_line(&out, "tandem_query_seconds_bucket{le=\"+Inf\"} 4");
    assert_has_line(&out, "tandem_query_seconds_sum 30.000201");
    assert_has_line(&out, "tandem_query_seconds_count 4");
    buf_deinit(&out);
}

/* In order: there is one registry in a process. */
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_updates_before_open_go_nowhere),
        cmocka_unit_test(test_labels_are_apart),
        cmocka_unit_test(test_workers_are_summed_and_a_new_one_keeps_counters),
        cmocka_unit_test(test_threads_lose_nothing),
        cmocka_unit_test(test_exposition),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
