#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config.h"
#include "conn/plain_http.h"
#include "control/control_state.h"

#define HOST "Host: relay.example\r\n"

static struct config cfg = {
    .relay_name = "Test <relay>",
    .relay_description = "A & B",
    .relay_icon = "",
    .contact = "mailto:\"x\"@y",
    .max_message_bytes = 524288,
    .max_subscriptions = 200,
    .shared = {.admin_pubkey = "",
               .co_admin_pubkeys = "",
               .max_event_bytes = 262144,
               .max_event_tags = 5000,
               .max_limit = 5000,
               .default_limit = 500},
};

static enum health health;

static enum health probe(const struct gateway *gateway, const char **reason)
{
    (void)gateway;
    *reason = health == HEALTH_OK ? NULL : "a reason";
    return health;
}

static const struct health_check checks[] = {{"thing", probe}};

/* The answer to a request, terminated. */
static const char *answer(enum http_port port, const char *request, int *status)
{
    static char text[64 * 1024];
    struct site site;
    struct http_head head;
    struct buf out;
    const char *error;
    size_t used;

    assert_int_equal(site_init(&site, &cfg, NULL, checks, ARRAY_LEN(checks)), OK);
    assert_int_equal(http_head_parse(slice_str(request), &head, &used, &error), HTTP_HEAD_OK);
    buf_init(&out, sizeof(text) - 1);
    *status = plain_http_answer(&site, port, &head, &out);
    assert_false(out.failed);
    memcpy(text, out.ptr, out.len);
    text[out.len] = '\0';
    buf_deinit(&out);
    site_deinit(&site);
    return text;
}

static void one_answer_per_request(void **state)
{
    static const struct {
        const char *name;
        enum http_port port;
        const char *request;
        int status;
        const char *contains;
    } rows[] = {
        {"page", HTTP_PUBLIC, "GET / HTTP/1.1\r\n" HOST "Accept: text/html\r\n\r\n", 200,
         "text/html"},
        {"page without Accept", HTTP_PUBLIC, "GET / HTTP/1.1\r\n\r\n", 200, "ws://this-host"},
        {"NIP-11", HTTP_PUBLIC, "GET / HTTP/1.1\r\nAccept: application/nostr+json\r\n\r\n", 200,
         "\"limitation\":{"},
        {"NIP-11 in a list", HTTP_PUBLIC,
         "GET /?x HTTP/1.1\r\nAccept: text/html, application/nostr+json;q=0.9\r\n\r\n", 200,
         "Content-Type: application/nostr+json"},
        {"alive", HTTP_PUBLIC, "GET /healthz HTTP/1.1\r\n\r\n", 200, "ok\n"},
        {"ready", HTTP_PUBLIC, "GET /readyz HTTP/1.1\r\n\r\n", 200, "thing: ok\n"},
        {"metrics are not public", HTTP_PUBLIC, "GET /metrics HTTP/1.1\r\n\r\n", 404, ""},
        {"metrics", HTTP_METRICS, "GET /metrics HTTP/1.1\r\n\r\n", 200, "version=0.0.4"},
        {"status page", HTTP_METRICS, "GET / HTTP/1.1\r\n\r\n", 200, "Tandem status"},
        {"nothing else there", HTTP_METRICS, "GET /x HTTP/1.1\r\n\r\n", 404, ""},
        {"unknown path", HTTP_PUBLIC, "GET /favicon.ico HTTP/1.1\r\n\r\n", 404, "nothing here"},
        {"wrong method", HTTP_PUBLIC, "PUT / HTTP/1.1\r\n\r\n", 405,
         "Allow: GET, HEAD, POST, OPTIONS\r\n"},
        {"preflight", HTTP_PUBLIC, "OPTIONS / HTTP/1.1\r\nOrigin: https://a.example\r\n\r\n", 204,
         "Authorization"},
        {"preflight elsewhere", HTTP_PUBLIC, "OPTIONS /x HTTP/1.1\r\n\r\n", 404, ""},
    };

    (void)state;
    health = HEALTH_OK;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int status;
        const char *text = answer(rows[i].port, rows[i].request, &status);

        if (status != rows[i].status || !strstr(text, rows[i].contains))
            fail_msg("%s: %d\n%s", rows[i].name, status, text);
        assert_non_null(strstr(text, "Access-Control-Allow-Origin: *\r\n"));
        assert_non_null(strstr(text, "Access-Control-Allow-Headers: "));
        assert_non_null(strstr(text, "Access-Control-Allow-Methods: "));
        assert_non_null(strstr(text, "close\r\n"));
    }
}

static void head_is_get_without_the_body(void **state)
{
    int status;
    const char *text =
        answer(HTTP_PUBLIC, "HEAD / HTTP/1.1\r\nAccept: application/nostr+json\r\n\r\n", &status);

    (void)state;
    assert_int_equal(status, 200);
    assert_null(strstr(text, "Content-Length: 0"));
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
}

static void readiness_has_reasons(void **state)
{
    int status;

    (void)state;
    health = HEALTH_DEGRADED;
    assert_non_null(strstr(answer(HTTP_PUBLIC, "GET /readyz HTTP/1.1\r\n\r\n", &status),
                           "thing: degraded: a reason\n"));
    assert_int_equal(status, 200);
    health = HEALTH_DOWN;
    assert_non_null(strstr(answer(HTTP_PUBLIC, "GET /readyz HTTP/1.1\r\n\r\n", &status),
                           "thing: down: a reason\n"));
    assert_int_equal(status, 503);
}

static void the_page_shows_where_one_came_and_escapes_all_words(void **state)
{
    int status;
    const char *text = answer(
        HTTP_PUBLIC, "GET / HTTP/1.1\r\nHost: a\"b\r\nX-Forwarded-Proto: https\r\n\r\n", &status);

    (void)state;
    assert_non_null(strstr(text, "wss://a&quot;b"));
    assert_non_null(strstr(text, "Test &lt;relay&gt;"));
    assert_non_null(strstr(text, "A &amp; B"));
    assert_non_null(strstr(text, "mailto:&quot;x&quot;@y"));
    assert_null(strstr(text, "{{"));
    assert_non_null(strstr(text, "256 KiB"));
}

/* The page under a moderation state. */
static const char *page_of(const struct control_state *control)
{
    static char text[64 * 1024];
    struct site site;
    struct http_head head;
    struct buf out;
    const char *error;
    size_t used;

    assert_int_equal(site_init(&site, &cfg, NULL, checks, ARRAY_LEN(checks)), OK);
    site_set_control(&site, control);
    assert_int_equal(http_head_parse(SLICE("GET / HTTP/1.1\r\n" HOST "\r\n"), &head, &used, &error),
                     HTTP_HEAD_OK);
    buf_init(&out, sizeof(text) - 1);
    assert_int_equal(plain_http_answer(&site, HTTP_PUBLIC, &head, &out), 200);
    assert_false(out.failed);
    memcpy(text, out.ptr, out.len);
    text[out.len] = '\0';
    buf_deinit(&out);
    site_deinit(&site);
    return text;
}

static void the_page_says_what_the_admins_and_the_policy_say(void **state)
{
    struct control_state control = {.name = "\xc3\x84pfel",
                                    .icon = "https://example.com/i.png",
                                    .wot = WOT_NO_ADMIN,
                                    .sentence = {"Only <friends> may write."},
                                    .n_sentences = 1};
    const char *text = page_of(&control);

    (void)state;
    assert_non_null(strstr(text, "<h1>\xc3\x84pfel</h1>"));
    assert_non_null(strstr(text, ">\xc3\x84</span>"));
    assert_non_null(strstr(text, "<li>Only &lt;friends&gt; may write.</li>"));
    assert_non_null(strstr(text, "operator must set <code>ADMIN_PUBKEY</code>"));
    assert_non_null(strstr(text, "<svg class=\"qr\""));
    assert_non_null(strstr(text, "0 clients connected"));
    assert_null(strstr(text, "i.png")); /* no browser asks others for the page's sake */
    control.icon = "data:image/png;base64,\"";
    control.wot = WOT_READY;
    text = page_of(&control);
    assert_non_null(strstr(text, "src=\"data:image/png;base64,&quot;\""));
    assert_null(strstr(text, "ADMIN_PUBKEY"));
}

static void refusals_have_a_sentence(void **state)
{
    static const int statuses[] = {400, 404, 405, 426, 431, 503};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        struct buf out;

        buf_init(&out, 64 * KIB);
        assert_int_equal(plain_http_refuse(&out, statuses[i], "Because."), statuses[i]);
        buf_add_char(&out, '\0');
        assert_non_null(strstr(out.ptr, "\r\n\r\nBecause.\n"));
        assert_non_null(strstr(out.ptr, "Content-Length: 9\r\n"));
        if (statuses[i] == 426)
            assert_non_null(strstr(out.ptr, "Sec-WebSocket-Version: 13\r\n"));
        buf_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_answer_per_request),
        cmocka_unit_test(head_is_get_without_the_body),
        cmocka_unit_test(readiness_has_reasons),
        cmocka_unit_test(the_page_shows_where_one_came_and_escapes_all_words),
        cmocka_unit_test(refusals_have_a_sentence),
        cmocka_unit_test(the_page_says_what_the_admins_and_the_policy_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
