#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/address.h"

static void test_addresses(void **state)
{
    static const struct {
        const char *url, *base, *host, *path; /* base NULL: refused */
    } rows[] = {
        {"ws://127.0.0.1:8008", "http://127.0.0.1:8008", "127.0.0.1:8008", "/"},
        {"wss://relay.example.com", "https://relay.example.com", "relay.example.com", "/"},
        {"wss://relay.example.com:443/", "https://relay.example.com", "relay.example.com", "/"},
        {"ws://relay.example.com:443/a/b?c=d", "http://relay.example.com:443",
         "relay.example.com:443", "/a/b?c=d"},
        {"ws://[::1]:8008/", "http://[::1]:8008", "[::1]:8008", "/"},
        {"https://relay.example.com/x", "https://relay.example.com", "relay.example.com", "/x"},
        {"WSS://relay.example.com", "https://relay.example.com", "relay.example.com", "/"},
        {"ftp://relay.example.com", NULL, NULL, NULL},
        {"relay.example.com", NULL, NULL, NULL},
        {"ws://", NULL, NULL, NULL},
        {"ws://a b", NULL, NULL, NULL},
        {"ws://relay\r\nX: y", NULL, NULL, NULL},
        {"ws://relay/\r\nX: y", NULL, NULL, NULL},
        {"ws://relay:99999", NULL, NULL, NULL},
        {"", NULL, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct address a;

        if (address_parse(rows[i].url, &a) != (rows[i].base != NULL))
            fail_msg("%s", rows[i].url);
        if (rows[i].base) {
            assert_string_equal(a.base, rows[i].base);
            assert_string_equal(a.host, rows[i].host);
            assert_string_equal(a.path, rows[i].path);
        }
        address_deinit(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_addresses)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
