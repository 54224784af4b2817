#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/ws_handshake.h"

/* RFC 6455, 1.3 */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define GOOD "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"

static void test_accept(void **state)
{
    char accept[WS_ACCEPT_LETTERS + 1];

    (void)state;
    ws_handshake_accept(KEY, accept);
    assert_string_equal(accept, ACCEPT);
}

static void test_answers(void **state)
{
    static const struct {
        const char *name, *head;
        bool good;
        int status;
    } rows[] = {
        {"the RFC's", GOOD "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n", true, 101},
        {"other case and spaces",
         "HTTP/1.1 101 x\r\nupgrade:WebSocket\r\nsec-websocket-accept:\t " ACCEPT " \r\n\r\n", true,
         101},
        {"bare line feeds",
         "HTTP/1.1 101 x\nUpgrade: websocket\nSec-WebSocket-Accept: " ACCEPT "\n\n", true, 101},
        {"not found", "HTTP/1.1 404 Not Found\r\n\r\n", false, 404},
        {"no accept", GOOD "\r\n", false, 101},
        {"another key's accept", GOOD "Sec-WebSocket-Accept: t" ACCEPT "\r\n\r\n", false, 101},
        {"accept behind the head", GOOD "\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n", false, 101},
        {"an extension",
         GOOD "Sec-WebSocket-Accept: " ACCEPT
              "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
         false, 101},
        {"another protocol",
         "HTTP/1.1 101 x\r\nUpgrade: h2c\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n", false, 101},
        {"no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", false, 0},
        {"no number", "HTTP/1.1 1x1 y\r\n\r\n", false, 0},
        {"short", "HTTP/1.1 10\r\n\r\n", false, 0},
        {"nothing", "\r\n", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *error = NULL;
        int status;

        if (ws_handshake_check(slice_str(rows[i].head), KEY, &status, &error) != rows[i].good)
            fail_msg("%s: %s", rows[i].name, error ? error : "accepted");
        assert_int_equal(status, rows[i].status);
        assert_int_equal(error == NULL, rows[i].good);
    }
}

static void test_request(void **state)
{
    char one[WS_KEY_LETTERS + 1], two[WS_KEY_LETTERS + 1];
    struct buf request;

    (void)state;
    ws_handshake_key(one);
    ws_handshake_key(two);
    assert_int_equal(strlen(one), WS_KEY_LETTERS);
    assert_string_not_equal(one, two);
    buf_init(&request, KIB);
    ws_handshake_request(&request, "relay.example.com:8008", "/?a=b", KEY, "tester/1");
    buf_add_char(&request, '\0');
    assert_non_null(strstr(request.ptr, "GET /?a=b HTTP/1.1\r\nHost: relay.example.com:8008\r\n"));
    assert_non_null(strstr(request.ptr, "Sec-WebSocket-Key: " KEY "\r\n"));
    assert_non_null(strstr(request.ptr, "\r\nUser-Agent: tester/1\r\n\r\n"));
    buf_deinit(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
