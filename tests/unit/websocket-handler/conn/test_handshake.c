#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "conn/handshake.h"

#define HOST "Host: x\r\n"
#define UPGRADE "Upgrade: websocket\r\n"
#define CONNECTION "Connection: Upgrade\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static enum handshake_result check(const char *text, char accept[HANDSHAKE_ACCEPT_LEN])
{
    struct http_head head;
    const char *error = NULL;
    enum handshake_result result;
    size_t used;

    assert_int_equal(http_head_parse(slice_str(text), &head, &used, &error), HTTP_HEAD_OK);
    result = handshake_check(&head, accept, &error);
    if (result != HANDSHAKE_OK && result != HANDSHAKE_NONE)
        assert_true(error && strlen(error) > 10);
    return result;
}

static void the_rfcs_example(void **state)
{
    char accept[HANDSHAKE_ACCEPT_LEN];

    (void)state;
    assert_int_equal(check("GET / HTTP/1.1\r\n" HOST UPGRADE CONNECTION VERSION KEY "\r\n", accept),
                     HANDSHAKE_OK);
    assert_memory_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", HANDSHAKE_ACCEPT_LEN);
}

static void one_verdict_per_request(void **state)
{
    static const struct {
        const char *name, *text;
        enum handshake_result expected;
    } rows[] = {
        {"a page", "GET / HTTP/1.1\r\n" HOST "\r\n", HANDSHAKE_NONE},
        {"another upgrade", "GET / HTTP/1.1\r\n" HOST "Upgrade: h2c\r\n" CONNECTION "\r\n",
         HANDSHAKE_NONE},
        {"query string", "GET /?a=b HTTP/1.1\r\n" HOST UPGRADE CONNECTION VERSION KEY "\r\n",
         HANDSHAKE_OK},
        {"as Firefox writes it",
         "GET / HTTP/1.1\r\n" HOST
         "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n" VERSION KEY "\r\n",
         HANDSHAKE_OK},
        {"offers are ignored",
         "GET / HTTP/1.1\r\n" HOST UPGRADE CONNECTION VERSION KEY
         "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: nostr\r\n\r\n",
         HANDSHAKE_OK},
        {"another path", "GET /x HTTP/1.1\r\n" HOST UPGRADE CONNECTION VERSION KEY "\r\n",
         HANDSHAKE_WRONG_PATH},
        {"POST", "POST / HTTP/1.1\r\n" HOST UPGRADE CONNECTION VERSION KEY "\r\n",
         HANDSHAKE_WRONG_METHOD},
        {"HTTP/1.0", "GET / HTTP/1.0\r\n" HOST UPGRADE CONNECTION VERSION KEY "\r\n",
         HANDSHAKE_BAD},
        {"no host", "GET / HTTP/1.1\r\n" UPGRADE CONNECTION VERSION KEY "\r\n", HANDSHAKE_BAD},
        {"two hosts", "GET / HTTP/1.1\r\n" HOST HOST UPGRADE CONNECTION VERSION KEY "\r\n",
         HANDSHAKE_BAD},
        {"no connection", "GET / HTTP/1.1\r\n" HOST UPGRADE VERSION KEY "\r\n", HANDSHAKE_BAD},
        {"a proxy dropped the upgrade", "GET / HTTP/1.1\r\n" HOST VERSION KEY "\r\n",
         HANDSHAKE_UPGRADE},
        {"no version", "GET / HTTP/1.1\r\n" HOST UPGRADE CONNECTION KEY "\r\n", HANDSHAKE_UPGRADE},
        {"old version",
         "GET / HTTP/1.1\r\n" HOST UPGRADE CONNECTION "Sec-WebSocket-Version: 8\r\n" KEY "\r\n",
         HANDSHAKE_UPGRADE},
        {"no key", "GET / HTTP/1.1\r\n" HOST UPGRADE CONNECTION VERSION "\r\n", HANDSHAKE_BAD},
        {"two keys", "GET / HTTP/1.1\r\n" HOST UPGRADE CONNECTION VERSION KEY KEY "\r\n",
         HANDSHAKE_BAD},
        {"short key",
         "GET / HTTP/1.1\r\n" HOST UPGRADE CONNECTION VERSION "Sec-WebSocket-Key: short\r\n\r\n",
         HANDSHAKE_BAD},
        {"not base64",
         "GET / HTTP/1.1\r\n" HOST UPGRADE CONNECTION VERSION
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q==\r\n\r\n",
         HANDSHAKE_BAD},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char accept[HANDSHAKE_ACCEPT_LEN];

        if (check(rows[i].text, accept) != rows[i].expected)
            fail_msg("%s", rows[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rfcs_example),
        cmocka_unit_test(one_verdict_per_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
