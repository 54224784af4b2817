#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include <cmocka.h>

#include "client/address_scope.h"

static bool is_public(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return address_is_public((const struct sockaddr *)&v4);
    if (inet_pton(AF_INET6, text, &v6.sin6_addr) != 1)
        fail_msg("%s is no address", text);
    return address_is_public((const struct sockaddr *)&v6);
}

static void test_public(void **state)
{
    static const char *const rows[] = {
        "1.1.1.1",     "9.255.255.255", "11.0.0.0",       "100.63.255.255",   "100.128.0.0",
        "126.0.0.1",   "128.0.0.1",     "172.15.0.1",     "172.32.0.1",       "192.167.255.255",
        "192.169.0.1", "198.17.0.1",    "198.20.0.1",     "223.255.255.1",    "2606:4700::1111",
        "2a00::1",     "2001:4860::1",  "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!is_public(rows[i]))
            fail_msg("%s is public", rows[i]);
    }
}

static void test_not_public(void **state)
{
    static const char *const rows[] = {
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.7",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.9",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "2001:db8::1",
        "2001:0:4136::1",
        "3fff::1",
        "100::1",
        "::ffff:127.0.0.1",
        "::ffff:10.1.2.3",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::1",
        "2002:c0a8:1::",
        "fec0::1",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (is_public(rows[i]))
            fail_msg("%s is not public", rows[i]);
    }
}

static void test_other_families(void **state)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};

    (void)state;
    assert_false(address_is_public((const struct sockaddr *)&local));
}

static void test_hosts(void **state)
{
    static const struct {
        const char *host;
        bool may;
    } rows[] = {
        {"relay.example.com", true},
        {"localhost.example.com", true},
        {"mylocal.net", true},
        {"abcdefgh.onion", true},
        {"8.8.8.8", true},
        {"[2606:4700::1111]", true},
        {"127.0.0.1", false},
        {"10.1.2.3", false},
        {"[::1]", false},
        {"[::ffff:127.0.0.1]", false},
        {"[fe80::1%25eth0]", false},
        {"[]", false},
        {"[1234567890123456789012345678901234567890123456789012345678901234567890]", false},
        {"localhost", false},
        {"LOCALHOST.", false},
        {"db.localhost", false},
        {"printer.local", false},
        {"metadata.google.internal", false},
        {"router.lan", false},
        {"nas.home.arpa", false},
        {"postgres", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (address_host_may_be_public(rows[i].host) != rows[i].may)
            fail_msg("%s: expected %d", rows[i].host, rows[i].may);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_public),
        cmocka_unit_test(test_not_public),
        cmocka_unit_test(test_other_families),
        cmocka_unit_test(test_hosts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
