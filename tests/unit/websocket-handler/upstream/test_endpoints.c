#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "metrics.h"
#include "upstream/endpoints.h"
#include "upstream/host_watch.h"

/* Names are looked up by the test: it says what each stands for. */
struct host_watch {
    char host[256];
    host_found_fn *found;
    void *owner;
};

static struct host_watch watches[4];
static unsigned n_watches, n_closed;

struct host_watch *host_watch_new(uv_loop_t *loop, const char *host, host_found_fn *found,
                                  void *owner)
{
    struct host_watch *hw = &watches[n_watches++];

    (void)loop;
    snprintf(hw->host, sizeof hw->host, "%s", host);
    hw->found = found;
    hw->owner = owner;
    return hw;
}

void host_watch_close(struct host_watch *hw)
{
    n_closed += hw != NULL;
}

static uv_loop_t loop;
static struct endpoints all;
static unsigned n_up_calls;
static char left[256];

static void on_up(struct endpoints *endpoints)
{
    assert_ptr_equal(endpoints, &all);
    n_up_calls++;
}

static void on_leave(struct endpoint *ep)
{
    strcat(left, ep->base);
}

static const struct endpoints_ops ops = {.up = on_up, .leave = on_leave};

static int setup(void **state)
{
    static bool open;

    (void)state;
    if (!open)
        websocket_handler_metrics_open(1);
    open = true;
    uv_loop_init(&loop);
    n_watches = n_closed = n_up_calls = 0;
    left[0] = '\0';
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    endpoints_close(&all);
    assert_int_equal(n_closed, n_watches);
    return uv_loop_close(&loop);
}

/* The name of watch i stands for these now. */
static void found(unsigned i, const char *a, const char *b)
{
    const char *const text[] = {a, b};
    struct ip list[2];
    unsigned n = 0;

    while (n < 2 && text[n]) {
        assert_true(ip_parse(slice_str(text[n]), &list[n]));
        n++;
    }
    watches[i].found(watches[i].owner, list, n);
}

static const char *choose(uint32_t tried)
{
    struct endpoint *ep = endpoints_choose(&all, tried);

    return ep ? ep->base : "nobody";
}

static void lists(void **state)
{
    static const struct {
        const char *list, *first; /* NULL: refused; else the address, or the name */
    } rows[] = {
        {"192.0.2.1", "http://192.0.2.1:8009"},
        {"192.0.2.1:1", "http://192.0.2.1:1"},
        {"2001:db8::1", "http://[2001:db8::1]:8009"},
        {"[2001:db8::1]", "http://[2001:db8::1]:8009"},
        {" [2001:db8::1]:65535 ,", "http://[2001:db8::1]:65535"},
        {"event-handler", "event-handler"},
        {"event-handler:9", "event-handler"},
        {"", NULL},
        {" , ", NULL},
        {"a:", NULL},
        {"a:0", NULL},
        {"a:65536", NULL},
        {"a:9x", NULL},
        {":9", NULL},
        {"[::1", NULL},
        {"[::1]9", NULL},
        {"[]", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool good = endpoints_open(&all, &loop, rows[i].list, 8009, &ops);

        if (good != (rows[i].first != NULL))
            fail_msg("\"%s\"", rows[i].list);
        if (good)
            assert_string_equal(n_watches ? watches[0].host : choose(0), rows[i].first);
        teardown(state);
        setup(state);
    }
}

static void at_most_32_hosts(void **state)
{
    char list[40 * 12] = "";

    (void)state;
    for (int i = 0; i < 33; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "192.0.2.%d,", i);
    assert_false(endpoints_open(&all, &loop, list, 8009, &ops));
}

/* Each address of a name is an endpoint, and equals take turns. */
static void one_name_several_addresses(void **state)
{
    const char *reason;

    (void)state;
    assert_true(endpoints_open(&all, &loop, "handlers", 8009, &ops));
    assert_string_equal(choose(0), "nobody");
    assert_false(endpoints_ready(&all, &reason));
    found(0, "192.0.2.1", "192.0.2.2");
    assert_int_equal(all.n_up, 2);
    assert_int_equal(n_up_calls, 2);
    assert_string_equal(choose(0), "http://192.0.2.1:8009");
    assert_string_equal(choose(0), "http://192.0.2.2:8009");
    assert_string_equal(choose(0), "http://192.0.2.1:8009");
    found(0, "192.0.2.2", "192.0.2.1"); /* the same in another order */
    assert_int_equal(all.n_up, 2);
    assert_int_equal(n_up_calls, 2);
    assert_string_equal(left, "");
}

static void busy_and_degraded_come_later(void **state)
{
    struct endpoint *first;

    (void)state;
    assert_true(endpoints_open(&all, &loop, "192.0.2.1,192.0.2.2", 8009, &ops));
    first = endpoints_choose(&all, 0);
    endpoint_begin(first);
    assert_string_equal(choose(0), "http://192.0.2.2:8009");
    assert_string_equal(choose(0), "http://192.0.2.2:8009");
    endpoint_enter(endpoints_choose(&all, 0), ENDPOINT_DEGRADED);
    assert_string_equal(choose(0), first->base);
    assert_string_equal(choose(endpoint_bit(first)), "http://192.0.2.2:8009");
    endpoint_enter(first, ENDPOINT_DOWN);
    assert_string_equal(choose(0), "http://192.0.2.2:8009");
    assert_int_equal(all.n_up, 1);
    endpoint_end(first);
}

/* A replica that goes is left; its place is free once its last call has ended. */
static void leaving(void **state)
{
    struct endpoint *first;

    (void)state;
    assert_true(endpoints_open(&all, &loop, "handlers", 8009, &ops));
    found(0, "192.0.2.1", NULL);
    first = endpoints_choose(&all, 0);
    endpoint_begin(first);
    found(0, "192.0.2.2", NULL);
    assert_string_equal(left, "http://192.0.2.1:8009");
    assert_string_equal(choose(0), "http://192.0.2.2:8009");
    assert_string_equal(choose(0), "http://192.0.2.2:8009");
    assert_non_null(first->host);
    found(0, "192.0.2.2", "192.0.2.1"); /* back before that */
    assert_int_equal(all.n_up, 2);
    assert_string_equal(choose(endpoint_bit(endpoints_choose(&all, endpoint_bit(first)))),
                        "http://192.0.2.1:8009");
    found(0, "192.0.2.2", NULL);
    endpoint_end(first);
    assert_null(first->host);
    found(0, "192.0.2.2", "192.0.2.3");
    assert_string_equal(first->base, "http://192.0.2.3:8009");
}

static void last_one_leaves(void **state)
{
    (void)state;
    assert_true(endpoints_open(&all, &loop, "a,b", 8009, &ops));
    assert_int_equal(n_watches, 2);
    found(0, "192.0.2.1", NULL);
    found(1, "192.0.2.1", NULL); /* two names for one address are two */
    assert_int_equal(all.n_up, 2);
    endpoint_enter(endpoints_choose(&all, 0), ENDPOINT_DOWN);
    endpoint_enter(endpoints_choose(&all, 0), ENDPOINT_DOWN);
    assert_int_equal(all.n_up, 0);
    assert_int_equal(all.outage_ms, uv_now(&loop));
    found(0, "192.0.2.9", NULL);
    assert_string_equal(choose(0), "http://192.0.2.9:8009");
}

static void no_place_left(void **state)
{
    struct ip list[HOST_ADDRESSES];

    (void)state;
    assert_true(endpoints_open(&all, &loop, "192.0.2.200, many", 8009, &ops));
    for (unsigned i = 0; i < HOST_ADDRESSES; i++) {
        assert_true(ip_parse(SLICE("192.0.2.0"), &list[i]));
        list[i].b[15] = (uint8_t)(i + 1);
    }
    watches[0].found(watches[0].owner, list, HOST_ADDRESSES);
    assert_int_equal(all.n_up, MAX_ENDPOINTS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(lists),         TEST(at_most_32_hosts), TEST(one_name_several_addresses),
        TEST(leaving),       TEST(last_one_leaves),  TEST(busy_and_degraded_come_later),
        TEST(no_place_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
