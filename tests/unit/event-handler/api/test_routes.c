/* Which handler gets what, and the token. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "api/request.h"

static void test_find(void **state)
{
    static const struct {
        const char *method, *path;
        request_fn *handler;
        unsigned refusal;
    } rows[] = {
        {"POST", "/v1/events", api_events, 0},
        {"POST", "/v1/query", api_query, 0},
        {"POST", "/v1/count", api_count, 0},
        {"GET", "/v1/feed", api_feed, 0},
        {"POST", "/v1/manage", api_manage, 0},
        {"GET", "/healthz", api_healthz, 0},
        {"GET", "/readyz", api_readyz, 0},
        {"GET", "/metrics", api_metrics, 0},
        {"GET", "/v1/events", NULL, 405},
        {"POST", "/v1/feed", NULL, 405},
        {"DELETE", "/healthz", NULL, 405},
        {"post", "/v1/query", NULL, 405},
        {"GET", "/", NULL, 404},
        {"GET", "/v1", NULL, 404},
        {"POST", "/v1/query/", NULL, 404},
        {"GET", "/healthz%00", NULL, 404},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned refusal;
        const struct route *r = route_find(rows[i].path, rows[i].method, &refusal);

        if ((r ? r->handler : NULL) != rows[i].handler || (!r && refusal != rows[i].refusal))
            fail_msg("%s %s", rows[i].method, rows[i].path);
        if (r && (strncmp(rows[i].path, "/v1/", 4) == 0) != r->internal)
            fail_msg("%s is open to everybody, or closed to probes", rows[i].path);
    }
}

static void test_token(void **state)
{
    static const struct {
        const char *header;
        bool ok;
    } rows[] = {
        {"Bearer secret", true},
        {NULL, false},
        {"", false},
        {"secret", false},
        {"Bearer", false},
        {"Bearer ", false},
        {"Bearer secre", false},
        {"Bearer secret1", false},
        {"Bearer Secret", false},
        {"bearer secret", false},
        {"Bearer  secret", false},
        {"Bearer secretsecret", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (request_token_ok(rows[i].header, "secret") != rows[i].ok)
            fail_msg("%s", rows[i].header ? rows[i].header : "no header");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
