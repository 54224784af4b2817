#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "control/control.h"
#include "metrics.h"
#include "upstream/handler_client.h"

/* The watcher against a fake event handler, on a real loop. */

static struct handler_sink *asked; /* the fetch under way, or NULL */
static unsigned n_fetches;
static bool refuse;

struct handler_call *handler_call_start(struct handler_client *hc,
                                        const struct handler_request *req,
                                        struct handler_sink *sink)
{
    (void)hc;
    assert_int_equal(req->route, HANDLER_CONTROL);
    if (refuse)
        return NULL;
    assert_null(asked);
    asked = sink;
    n_fetches++;
    return (struct handler_call *)sink;
}

void handler_call_cancel(struct handler_call *call)
{
    if (call) {
        assert_ptr_equal(call, asked);
        asked = NULL;
    }
}

static uv_loop_t loop;
static struct control *control;
static uint64_t in_force;
static unsigned n_changes;

static void changed(struct control_watch *watch, const struct control_state *state)
{
    (void)watch;
    in_force = state->version;
    n_changes++;
    assert_ptr_equal(state, control_current(control));
}

static struct control_watch watch = {changed};

static void answer(const struct handler_result *r)
{
    struct handler_sink *sink = asked;

    assert_non_null(sink);
    asked = NULL;
    sink->ops->done(sink, r);
}

/* Turns the loop until the answer has been read. */
static void read_answer(void)
{
    while (loop.active_reqs.count > 0)
        uv_run(&loop, UV_RUN_ONCE);
}

static void send_version(unsigned version)
{
    char json[300];

    snprintf(json, sizeof json,
             "{\"version\":%u,\"self\":\"\",\"relay\":{\"name\":null,\"description\":null,"
             "\"icon\":null},\"blocked_ips\":[],\"banned_pubkeys\":[],\"banned_events\":[],"
             "\"wot\":{\"state\":\"off\",\"members\":0},\"policy\":[]}",
             version);
    answer(&(struct handler_result){.status = 200, .body = slice_str(json)});
}

static void answer_version(unsigned version)
{
    send_version(version);
    read_answer();
}

/* Turns the loop until a fetch has begun. */
static void expect_fetch(void)
{
    for (unsigned i = 0; !asked && i < 100; i++)
        uv_run(&loop, UV_RUN_ONCE);
    assert_non_null(asked);
}

static void expect_quiet(void)
{
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_null(asked);
}

static int setup(void **state)
{
    static bool open;

    (void)state;
    if (!open)
        websocket_handler_metrics_open(1);
    open = true;
    in_force = n_changes = n_fetches = 0;
    refuse = false;
    asked = NULL;
    assert_int_equal(uv_loop_init(&loop), 0);
    control = control_start(&loop, NULL, &watch);
    assert_non_null(control);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    control_stop(control);
    assert_null(asked);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

static bool ready(void)
{
    const char *reason;
    bool known = control_ready(control, &reason);

    assert_int_equal(known, reason == NULL);
    return known;
}

static void it_asks_at_start_and_for_newer_versions(void **state)
{
    (void)state;
    assert_non_null(asked);
    assert_false(ready());
    assert_int_equal(control_current(control)->version, 0);
    answer_version(3);
    assert_true(ready());
    assert_int_equal(in_force, 3);
    control_heard(control, 3);
    control_heard(control, 2);
    expect_quiet();
    control_heard(control, 4);
    expect_fetch();
    answer_version(4);
    assert_int_equal(in_force, 4);
    expect_quiet();
}

static void a_handler_that_is_behind_is_asked_again_and_not_believed(void **state)
{
    (void)state;
    answer_version(5);
    control_heard(control, 7);
    expect_fetch();
    answer_version(4);
    assert_int_equal(in_force, 5);
    assert_int_equal(n_changes, 1);
    expect_fetch();
    answer_version(6);
    assert_int_equal(in_force, 6);
    expect_fetch();
    answer_version(7);
    expect_quiet();
    assert_int_equal(n_fetches, 4);
}

static void news_during_a_fetch_lead_to_another(void **state)
{
    (void)state;
    control_heard(control, 9);
    expect_fetch();
    assert_int_equal(n_fetches, 1);
    answer_version(8);
    expect_fetch();
    answer_version(9);
    expect_quiet();
}

static void failures_are_retried_and_take_nothing_back(void **state)
{
    static const struct handler_result failures[] = {
        {.err = ERR_BUSY, .status = 503, .sentence = "x"},
        {.err = ERR_TIMEOUT, .sentence = "x"},
        {.err = OK, .status = 200, .body = {"{", 1}},
    };

    (void)state;
    answer_version(2);
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        control_heard(control, 3);
        expect_fetch();
        answer(&failures[i]);
        read_answer();
        assert_int_equal(control_current(control)->version, 2);
        assert_true(ready());
    }
    refuse = true;
    for (int i = 0; i < 3; i++)
        uv_run(&loop, UV_RUN_ONCE);
    refuse = false;
    expect_fetch();
    answer_version(3);
    assert_int_equal(in_force, 3);
}

static void a_handler_without_moderation_knows_nothing(void **state)
{
    static const struct handler_result not_found = {
        .err = ERR_INVALID, .status = 404, .sentence = "x"};

    (void)state;
    answer(&not_found);
    assert_true(ready());
    assert_int_equal(n_changes, 0);
    control_heard(control, 1);
    expect_fetch();
    answer_version(1);
    control_heard(control, 2);
    expect_fetch();
    answer(&not_found);
    assert_int_equal(control_current(control)->version, 1);
}

static void after_a_restore_lower_versions_count(void **state)
{
    (void)state;
    answer_version(50);
    control_restarted(control);
    expect_fetch();
    assert_int_equal(control_current(control)->version, 50);
    answer_version(4);
    assert_int_equal(in_force, 4);
    control_heard(control, 5);
    expect_fetch();
    answer_version(5);
    assert_int_equal(in_force, 5);
}

static void what_was_asked_before_the_restart_does_not_count(void **state)
{
    (void)state;
    answer_version(50);
    control_heard(control, 51);
    expect_fetch();
    control_restarted(control);
    assert_null(asked);
    expect_fetch();
    answer_version(4);
    assert_int_equal(in_force, 4);
}

static void an_answer_is_not_read_on_the_loop(void **state)
{
    (void)state;
    send_version(6);
    assert_int_equal(n_changes, 0);
    assert_false(ready());
    control_heard(control, 7); /* meanwhile: asks when the answer has been read */
    uv_run(&loop, UV_RUN_NOWAIT);
    read_answer();
    assert_int_equal(in_force, 6);
    expect_fetch();
    answer_version(7);
    assert_int_equal(in_force, 7);
}

static void what_is_read_during_a_restart_does_not_count(void **state)
{
    (void)state;
    send_version(50);
    control_restarted(control);
    read_answer();
    assert_int_equal(n_changes, 0);
    expect_fetch();
    answer_version(4);
    assert_int_equal(in_force, 4);
}

static void it_may_stop_while_an_answer_is_read(void **state)
{
    (void)state;
    send_version(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_asks_at_start_and_for_newer_versions, setup, teardown),
        cmocka_unit_test_setup_teardown(a_handler_that_is_behind_is_asked_again_and_not_believed,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(news_during_a_fetch_lead_to_another, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_asked_before_the_restart_does_not_count, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_answer_is_not_read_on_the_loop, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_read_during_a_restart_does_not_count, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(it_may_stop_while_an_answer_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(failures_are_retried_and_take_nothing_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_handler_without_moderation_knows_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(after_a_restore_lower_versions_count, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
