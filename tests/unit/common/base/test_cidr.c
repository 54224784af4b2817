#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "base/cidr.h"

static struct ip ip(const char *text)
{
    struct ip out;

    assert_true(ip_parse(slice_str(text), &out));
    return out;
}

static void addresses_have_one_form(void **state)
{
    static const struct {
        const char *input, *text;
    } rows[] = {
        {"192.0.2.7", "192.0.2.7"},         {"::ffff:192.0.2.7", "192.0.2.7"},
        {"2001:DB8:0:0::1", "2001:db8::1"}, {"::1", "::1"},
        {"::FFFF:c000:0207", "192.0.2.7"},
    };
    char text[IP_TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ip a = ip(rows[i].input);

        assert_string_equal(ip_text(&a, text), rows[i].text);
    }
}

static void what_is_no_address(void **state)
{
    static const char *const rows[] = {"",         "192.0.2",   "192.0.2.256", "192.0.2.07",
                                       " 1.2.3.4", "[::1]",     "::1%eth0",    "1.2.3.4:80",
                                       "example",  "1.2.3.4\n", "2001:db8:::1"};
    struct ip out;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_false(ip_parse(slice_str(rows[i]), &out));
    assert_false(ip_parse(slice_of("1.2.3.4\0x", 9), &out));
}

static void from_sockets(void **state)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr unix_peer = {.sa_family = AF_UNIX};
    struct ip expected = ip("192.0.2.7"), found, zero = {{0}};

    (void)state;
    inet_pton(AF_INET, "192.0.2.7", &v4.sin_addr);
    inet_pton(AF_INET6, "::ffff:192.0.2.7", &v6.sin6_addr);
    found = ip_of_sockaddr((struct sockaddr *)&v4);
    assert_true(ip_eq(&found, &expected));
    found = ip_of_sockaddr((struct sockaddr *)&v6);
    assert_true(ip_eq(&found, &expected));
    found = ip_of_sockaddr(&unix_peer);
    assert_true(ip_eq(&found, &zero));
}

static void ipv6_is_grouped_by_64(void **state)
{
    struct ip a = ip("2001:db8:1:2:3:4:5:6"), b = ip("2001:db8:1:2::1"), c = ip("2001:db8:1:3::1");
    struct ip v4 = ip("192.0.2.7");
    struct ip ga = ip_group(&a), gb = ip_group(&b), gc = ip_group(&c), g4 = ip_group(&v4);

    (void)state;
    assert_true(ip_eq(&ga, &gb));
    assert_false(ip_eq(&ga, &gc));
    assert_true(ip_eq(&g4, &v4));
}

static void networks(void **state)
{
    static const struct {
        const char *net, *inside, *outside;
    } rows[] = {
        {"10.0.0.0/8", "10.255.1.2", "11.0.0.1"},
        {"192.0.2.7", "192.0.2.7", "192.0.2.8"},
        {"192.0.2.4/30", "192.0.2.7", "192.0.2.8"},
        {"0.0.0.0/0", "203.0.113.9", "2001:db8::1"},
        {"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"},
        {"::ffff:10.0.0.0/104", "10.1.2.3", "11.1.2.3"},
        {"fe80::1", "fe80::1", "fe80::2"},
    };
    struct cidr c;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ip inside = ip(rows[i].inside), outside = ip(rows[i].outside);

        assert_true(cidr_parse(slice_str(rows[i].net), &c));
        assert_true(cidr_has(&c, &inside));
        assert_false(cidr_has(&c, &outside));
    }
}

static void what_is_no_network(void **state)
{
    static const char *const rows[] = {
        "",           "/8",     "10.0.0.0/",   "10.0.0.0/33",   "10.0.0.0/8x",  "10.0.0.0/08",
        "10.0.0.1/8", "::/129", "10.0.0.0/-1", "10.0.0.0/1000", "example.com/8"};
    struct cidr c;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_false(cidr_parse(slice_str(rows[i]), &c));
}

static void a_list_names_the_entry_at_fault(void **state)
{
    struct cidr_list list;
    struct ip in = ip("172.20.0.3"), out = ip("8.8.8.8");
    struct buf error;

    (void)state;
    buf_init(&error, KIB);
    assert_true(cidr_list_parse(SLICE("10.0.0.0/8, 172.16.0.0/12,::1"), &list, &error));
    assert_int_equal(list.n, 3);
    assert_true(cidr_list_has(&list, &in));
    assert_false(cidr_list_has(&list, &out));
    cidr_list_deinit(&list);

    assert_true(cidr_list_check("", &error));
    assert_int_equal(error.len, 0);
    assert_false(cidr_list_check("10.0.0.0/8,10.0.0.0/40,::1", &error));
    buf_add_char(&error, '\0');
    assert_non_null(strstr(error.ptr, "\"10.0.0.0/40\""));
    buf_deinit(&error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_have_one_form),
        cmocka_unit_test(what_is_no_address),
        cmocka_unit_test(from_sockets),
        cmocka_unit_test(ipv6_is_grouped_by_64),
        cmocka_unit_test(networks),
        cmocka_unit_test(what_is_no_network),
        cmocka_unit_test(a_list_names_the_entry_at_fault),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
