/* The pool with plugins of one line of shell each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "config.h"
#include "plugin/plugin_pool.h"

enum { JOBS_MOST = 1200 };

/* The id stands behind "id": of the event, which is all that the test's events have. */
#define ANSWER(rest)                                                                               \
    "while read -r line; do id=${line#*id\\\":\\\"}; id=${id%%\\\"*}; " rest "; done"
#define ACCEPT "echo \"{\\\"id\\\":\\\"$id\\\",\\\"action\\\":\\\"accept\\\"}\""

static struct {
    struct config cfg;
    struct plugin_pool *pool;
    struct event_id id[JOBS_MOST];
    struct pubkey author[JOBS_MOST];
    struct plugin_job job[JOBS_MOST];
    char text[JOBS_MOST][80];
    atomic_size_t next, done; /* places in order: taken, written */
    size_t order[JOBS_MOST];
} t;

static void on_done(struct plugin_job *job, void *ctx)
{
    size_t i = (size_t)(job - t.job);

    assert_ptr_equal(ctx, &t);
    t.order[atomic_fetch_add(&t.next, 1)] = i;
    atomic_fetch_add(&t.done, 1);
}

static void start(const char *command, int64_t workers, int64_t timeout_ms, bool accept)
{
    memset(&t.cfg, 0, sizeof t.cfg);
    atomic_store(&t.next, 0);
    atomic_store(&t.done, 0);
    t.cfg.policy_plugin = (char *)command;
    t.cfg.policy_plugin_workers = workers;
    t.cfg.policy_plugin_timeout_ms = timeout_ms;
    t.cfg.policy_plugin_on_failure = accept ? PLUGIN_FAILURE_ACCEPTS : PLUGIN_FAILURE_REJECTS;
    t.cfg.shared.max_event_bytes = 65536;
    t.pool = plugin_pool_start(&t.cfg, on_done, &t);
    assert_non_null(t.pool);
}

static void stop(void)
{
    plugin_pool_stop(t.pool);
    plugin_pool_free(t.pool);
    /* No child is left, neither running nor a zombie. */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static bool ask(size_t i, char author)
{
    char *out = t.text[i];

    memset(t.id[i].b, (int)(i & 0xff), sizeof t.id[i].b);
    memset(t.author[i].b, author, sizeof t.author[i].b);
    out = stpcpy(out, "{\"id\":\"");
    for (size_t k = 0; k < 32; k++)
        out += sprintf(out, "%02x", t.id[i].b[k]);
    strcpy(out, "\"}");
    t.job[i] = (struct plugin_job){
        .question = {.event = slice_str(t.text[i])}, .id = &t.id[i], .author = &t.author[i]};
    return plugin_pool_ask(t.pool, &t.job[i]);
}

static void await(size_t n)
{
    for (int i = 0; i < 1000 && atomic_load(&t.done) < n; i++)
        poll(NULL, 0, 10);
    assert_int_equal(atomic_load(&t.done), n);
}

static void test_answers_in_order(void **state)
{
    (void)state;
    start(ANSWER(ACCEPT), 3, 5000, false);
    for (size_t i = 0; i < 60; i++)
        assert_true(ask(i, (char)('a' + i % 4)));
    await(60);
    for (size_t i = 0; i < 60; i++) {
        size_t newest = t.order[i];

        assert_int_equal(t.job[i].reply.action, PLUGIN_ACCEPT);
        for (size_t k = 0; k < i; k++) /* of one author: none before an older one */
            assert_false(t.order[k] % 4 == newest % 4 && t.order[k] > newest);
    }
    stop();
}

static void expect_failure(size_t i)
{
    assert_int_equal(t.job[i].reply.action, PLUGIN_REJECT);
    assert_int_equal(t.job[i].reply.verdict, VERDICT_ERROR);
}

static void test_failures(void **state)
{
    static const char *const commands[] = {"exit 1",
                                           "/nonexistent/program",
                                           "exec sleep 60",
                                           ANSWER("echo nonsense"),
                                           "yes",
                                           "exec >&-; sleep 60",
                                           "trap '' TERM; while :; do sleep 1; done"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        start(commands[i], 1, 200, false);
        assert_true(ask(0, 'a'));
        await(1);
        expect_failure(0);
        stop();
        start(commands[i], 1, 200, true);
        assert_true(ask(0, 'a'));
        await(1);
        assert_int_equal(t.job[0].reply.action, PLUGIN_ACCEPT);
        stop();
    }
}

/* One author's plugin hangs; another's does not wait for it. */
static void test_others_do_not_wait(void **state)
{
    uint64_t start_ms;
    size_t quick = 0;

    (void)state;
    start(ANSWER("case $id in 00*) sleep 60;; *) " ACCEPT ";; esac"), 2, 3000, false);
    assert_true(ask(0, 'a'));
    start_ms = clock_mono_ms();
    for (size_t i = 1; i <= 20; i++)
        assert_true(ask(i, (char)('b' + i)));
    while (clock_mono_ms() - start_ms < 1500)
        poll(NULL, 0, 10);
    quick = atomic_load(&t.done);
    assert_true(quick > 0 && quick < 21); /* those of the other process */
    await(21);
    expect_failure(0);
    stop();
}

static void test_bounded(void **state)
{
    bool is_taken[JOBS_MOST]; /* the first leaves the queue whenever its thread gets to it */
    size_t taken = 0;

    (void)state;
    start("exec sleep 60", 1, 5000, true);
    for (size_t i = 0; i < JOBS_MOST; i++)
        taken += is_taken[i] = ask(i, 'a');
    assert_true(taken >= 1000 && taken <= 1001);
    plugin_pool_stop(t.pool); /* what waits is answered, with an error whatever the setting */
    assert_int_equal(atomic_load(&t.done), taken);
    for (size_t i = 0; i < JOBS_MOST; i++) {
        if (is_taken[i])
            expect_failure(i);
    }
    assert_false(ask(0, 'a'));
    plugin_pool_free(t.pool);
}

/* The processes of a plugin's own go with it. */
static void test_group_ends(void **state)
{
    (void)state;
    start("sleep 59.123 & " ANSWER(ACCEPT), 1, 5000, false);
    assert_true(ask(0, 'a'));
    await(1);
    stop();
    for (int i = 0; i < 100 && system("pgrep -f 'sleep 59[.]123' > /dev/null") == 0; i++)
        poll(NULL, 0, 20);
    assert_int_not_equal(system("pgrep -f 'sleep 59[.]123' > /dev/null"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_in_order),   cmocka_unit_test(test_failures),
        cmocka_unit_test(test_others_do_not_wait), cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_group_ends),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
