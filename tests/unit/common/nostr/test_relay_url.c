/* Which URLs name the same relay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nostr/relay_url.h"

static void test_host(void **state)
{
    static const struct {
        const char *url, *host; /* NULL: refused */
    } rows[] = {
        {"wss://relay.example", "relay.example"},
        {"wss://relay.example/", "relay.example"},
        {"WSS://Relay.EXAMPLE/", "relay.example"},
        {"ws://relay.example", "relay.example"},
        {"https://relay.example/path?x=1#y", "relay.example"},
        {"http://relay.example?x", "relay.example"},
        {"wss://relay.example:443/", "relay.example"},
        {"ws://relay.example:80", "relay.example"},
        {"ws://relay.example:443", "relay.example"},
        {"wss://relay.example:", NULL},
        {"wss://relay.example./", "relay.example"},
        {" wss://relay.example \n", "relay.example"},
        {"wss://relay.example:8008", "relay.example:8008"},
        {"wss://relay.example:08008", "relay.example:8008"},
        {"wss://relay.example:65535", "relay.example:65535"},
        {"relay.example", "relay.example"},
        {"Relay.Example:8008", "relay.example:8008"},
        {"relay.example:443", "relay.example"},
        {"localhost", "localhost"},
        {"my_relay:7777/path", "my_relay:7777"},
        {"127.0.0.1:8008", "127.0.0.1:8008"},
        {"ws://[::1]:8008/", "[::1]:8008"},
        {"wss://[2001:DB8::1]", "[2001:db8::1]"},
        {"[::ffff:192.0.2.1]:443", "[::ffff:192.0.2.1]"},
        {"wss://xn--bcher-kva.example", "xn--bcher-kva.example"},
        {"wss://b\xc3\xbc"
         "cher.example",
         "b\xc3\xbc"
         "cher.example"},
        {"", NULL},
        {"   ", NULL},
        {"wss://", NULL},
        {"wss:///path", NULL},
        {"wss://:443", NULL},
        {"wss://.", NULL},
        {"wss://relay.example..", NULL},
        {"://relay.example", NULL},
        {"ftp://relay.example", NULL},
        {"wsss://relay.example", NULL},
        {"wss:/relay.example", NULL},
        {"wss:relay.example", NULL},
        {"javascript:alert(1)", NULL},
        {"wss://user@relay.example", NULL},
        {"wss://relay.example:443@evil.example", NULL},
        {"wss://relay.example\\@evil.example", NULL},
        {"wss://relay%2eexample", NULL},
        {"wss://relay example", NULL},
        {"wss://relay.example:0", NULL},
        {"wss://relay.example:65536", NULL},
        {"wss://relay.example:999999", NULL},
        {"wss://relay.example:12ab", NULL},
        {"wss://relay.example:-1", NULL},
        {"wss://a:1:2", NULL},
        {"::1", NULL},
        {"[::1", NULL},
        {"[]", NULL},
        {"[::1]x", NULL},
        {"[relay.example]", NULL},
        {"ALL_RELAYS!", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char host[64] = "";
        bool ok = relay_url_host(slice_str(rows[i].url), host, sizeof host);

        if (ok != (rows[i].host != NULL))
            fail_msg("%s: %s", rows[i].url, ok ? host : "refused");
        if (ok)
            assert_string_equal(host, rows[i].host);
    }
}

static void test_bytes(void **state)
{
    char host[32];

    (void)state;
    assert_false(relay_url_host(SLICE("wss://relay\0.example"), host, sizeof host));
    assert_false(relay_url_host(SLICE("relay.example\0/"), host, sizeof host));
    assert_false(relay_url_host(slice_of(NULL, 0), host, sizeof host));
}

static void test_room(void **state)
{
    char host[14], one[1];

    (void)state;
    assert_true(relay_url_host(SLICE("wss://relay.example"), host, sizeof host));
    assert_false(relay_url_host(SLICE("wss://relays.example"), host, sizeof host));
    assert_false(relay_url_host(SLICE("wss://relay.example:81"), host, sizeof host));
    assert_false(relay_url_host(SLICE("a"), one, sizeof one));
}

static void test_list(void **state)
{
    static const struct {
        const char *url, *list;
        bool expected;
    } rows[] = {
        {"wss://relay.example/", "relay.example", true},
        {"wss://relay.example/", "wss://relay.example", true},
        {"ws://Relay.example:443", "other.example, https://relay.example/ ", true},
        {"wss://relay.example", "a.example,,b.example,relay.example", true},
        {"wss://relay.example:8008", "relay.example", false},
        {"wss://relay.example", "relay.example:8008", false},
        {"wss://relay.example:8008", "relay.example,relay.example:8008", true},
        {"wss://sub.relay.example", "relay.example", false},
        {"wss://relay.example.evil", "relay.example", false},
        {"wss://relay.exampl", "relay.example", false},
        {"wss://relay.example", "", false},
        {"wss://relay.example", ",", false},
        {"", "", false},
        {"", "relay.example", false},
        {"not a url", "not a url", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (relay_url_in_list(slice_str(rows[i].url), slice_str(rows[i].list)) != rows[i].expected)
            fail_msg("%s in %s: expected %d", rows[i].url, rows[i].list, rows[i].expected);
}

/* The longest host is handled, a longer one refused, as URL and as item. */
static void test_long_hosts(void **state)
{
    char url[600];

    (void)state;
    memset(url, 'a', sizeof url);
    memcpy(url + 255, ":65535", 6);
    assert_true(relay_url_in_list(slice_of(url, 261), slice_of(url, 261)));
    memset(url, 'a', sizeof url);
    assert_true(relay_url_in_list(slice_of(url, 255), slice_of(url, 255)));
    assert_false(relay_url_in_list(slice_of(url, 256), slice_of(url, 256)));
    assert_false(relay_url_in_list(slice_of(url, 255), slice_of(url, 256)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_host), cmocka_unit_test(test_bytes),      cmocka_unit_test(test_room),
        cmocka_unit_test(test_list), cmocka_unit_test(test_long_hosts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
