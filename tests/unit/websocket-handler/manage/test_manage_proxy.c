#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "manage/manage_proxy.h"
#include "upstream/handler_client.h"

/* Between a fake event handler and fake connections. */

enum { AT_A_TIME = 16 };

static struct {
    struct handler_sink *sink;
    char body[64];
} asked[64];
static unsigned n_asked, n_cancelled;

struct handler_call *handler_call_start(struct handler_client *hc,
                                        const struct handler_request *req,
                                        struct handler_sink *sink)
{
    (void)hc;
    assert_int_equal(req->route, HANDLER_MANAGE);
    asked[n_asked].sink = sink;
    snprintf(asked[n_asked].body, sizeof asked[0].body, SLICE_FMT, SLICE_ARG(req->body));
    return (struct handler_call *)asked[n_asked++].sink;
}

void handler_call_cancel(struct handler_call *call)
{
    (void)call;
    n_cancelled++;
}

static char answered[256]; /* "<slot> <status> <json>" */

void conn_rpc_answer(struct conn_handle h, int status, struct slice json)
{
    snprintf(answered, sizeof answered, "%u %d " SLICE_FMT, (unsigned)h.slot, status,
             SLICE_ARG(json));
}

static void done(unsigned i, const struct handler_result *r)
{
    asked[i].sink->ops->done(asked[i].sink, r);
}

static bool ask(uint32_t slot)
{
    char text[] = "envelope";
    bool good = manage_proxy_ops.ask((struct conn_handle){slot, 1}, SLICE(text));

    text[0] = 'x'; /* it was borrowed */
    return good;
}

static int setup(void **state)
{
    (void)state;
    n_asked = n_cancelled = 0;
    manage_proxy_open(NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    manage_proxy_close();
    return 0;
}

static void answers_go_to_whom_they_belong(void **state)
{
    (void)state;
    assert_true(ask(1) && ask(2) && ask(3) && ask(4));
    assert_string_equal(asked[0].body, "envelope");
    done(1,
         &(struct handler_result){.body = SLICE("{\"status\":403,\"body\":{\"error\":\"no\"}}")});
    assert_string_equal(answered, "2 403 {\"error\":\"no\"}");
    done(0, &(struct handler_result){.err = ERR_BUSY, .status = 503, .sentence = "busy \"x\""});
    assert_string_equal(answered, "1 503 {\"error\":\"busy \\\"x\\\"\"}");
    done(2, &(struct handler_result){.body = SLICE("nonsense")});
    assert_string_equal(answered,
                        "3 503 {\"error\":\"the event handler's answer was not understood\"}");
    manage_proxy_ops.cancel((struct conn_handle){4, 2}); /* somebody else */
    assert_int_equal(n_cancelled, 0);
    manage_proxy_ops.cancel((struct conn_handle){4, 1});
    assert_int_equal(n_cancelled, 1);
}

static void only_so_many_at_a_time(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < AT_A_TIME; i++)
        assert_true(ask(i));
    assert_false(ask(99));
    done(0, &(struct handler_result){.body = SLICE("{\"status\":200,\"body\":{}}")});
    assert_true(ask(99));
    for (uint32_t i = 1; i < AT_A_TIME; i++)
        manage_proxy_ops.cancel((struct conn_handle){i, 1});
    manage_proxy_ops.cancel((struct conn_handle){99, 1});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_go_to_whom_they_belong, setup, teardown),
        cmocka_unit_test_setup_teardown(only_so_many_at_a_time, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
