#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "conn/client_origin.h"

#define XFF PROXY_HEADER_X_FORWARDED_FOR
#define FORWARDED PROXY_HEADER_FORWARDED

static const struct row {
    const char *name;
    enum proxy_header header;
    const char *peer;
    const char *fields;
    const char *address;
    const char *host;
    bool secure;
} rows[] = {
    {"a direct client", XFF, "203.0.113.5", "", "203.0.113.5", "relay.example", false},
    {"a spoofer", XFF, "203.0.113.5",
     "X-Forwarded-For: 10.0.0.9\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\n",
     "203.0.113.5", "relay.example", false},
    {"a proxy", XFF, "10.0.0.2", "X-Forwarded-For: 203.0.113.5\r\n", "203.0.113.5", "relay.example",
     false},
    {"a spoofer behind a proxy", XFF, "10.0.0.2", "X-Forwarded-For: 8.8.8.8, 203.0.113.5\r\n",
     "203.0.113.5", "relay.example", false},
    {"two proxies", XFF, "10.0.0.2", "X-Forwarded-For: 8.8.8.8,203.0.113.5 , 10.0.0.7\r\n",
     "203.0.113.5", "relay.example", false},
    {"several fields are one list", XFF, "10.0.0.2",
     "X-Forwarded-For: 8.8.8.8, 203.0.113.5\r\nX-Forwarded-For: 10.0.0.7\r\n", "203.0.113.5",
     "relay.example", false},
    {"nothing but proxies", XFF, "10.0.0.2", "X-Forwarded-For: 10.0.0.9, 10.0.0.7\r\n", "10.0.0.9",
     "relay.example", false},
    {"rubbish", XFF, "10.0.0.2", "X-Forwarded-For: unknown\r\n", "10.0.0.2", "relay.example",
     false},
    {"rubbish further left", XFF, "10.0.0.2", "X-Forwarded-For: 203.0.113.5, x, 10.0.0.7\r\n",
     "10.0.0.7", "relay.example", false},
    {"a quotation mark from the client", XFF, "10.0.0.2", "X-Forwarded-For: \", 203.0.113.5\r\n",
     "203.0.113.5", "relay.example", false},
    {"a quotation mark before two proxies", XFF, "10.0.0.2",
     "X-Forwarded-For: \"8.8.8.8, 203.0.113.5, 10.0.0.7\r\n", "203.0.113.5", "relay.example",
     false},
    {"an open quotation", FORWARDED, "10.0.0.2",
     "Forwarded: for=\", for=203.0.113.5;proto=https\r\n", "203.0.113.5", "relay.example", true},
    {"an open quotation before a quoted node", FORWARDED, "10.0.0.2",
     "Forwarded: for=\"8.8.8.8;x=\\\", For=\"[2001:db8::1]:4711\";host=nostr.example\r\n",
     "2001:db8::1", "nostr.example", false},
    {"separators within quotes", FORWARDED, "10.0.0.2",
     "Forwarded: for=203.0.113.5;by=\"a;b,for=8.8.8.8\"\r\n", "203.0.113.5", "relay.example",
     false},
    {"an escaped quotation mark", FORWARDED, "10.0.0.2",
     "Forwarded: for=203.0.113.5;host=\"a\\\",for=8.8.8.8\"\r\n", "203.0.113.5",
     "a\\\",for=8.8.8.8", false},
    {"an empty element", XFF, "10.0.0.2", "X-Forwarded-For: 203.0.113.5,\r\n", "10.0.0.2",
     "relay.example", false},
    {"an empty field", XFF, "10.0.0.2", "X-Forwarded-For:\r\n", "10.0.0.2", "relay.example", false},
    {"with ports", XFF, "10.0.0.2", "X-Forwarded-For: [2001:db8::1]:80, 10.0.0.7:4711\r\n",
     "2001:db8::1", "relay.example", false},
    {"plain IPv6", XFF, "10.0.0.2", "X-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1",
     "relay.example", false},
    {"mapped IPv4 from an IPv6 proxy", XFF, "fd00::1", "X-Forwarded-For: ::ffff:203.0.113.5\r\n",
     "203.0.113.5", "relay.example", false},
    {"host and scheme", XFF, "10.0.0.2",
     "X-Forwarded-For: 203.0.113.5\r\nX-Forwarded-Host: other, nostr.example:444\r\n"
     "X-Forwarded-Proto: HTTPS\r\n",
     "203.0.113.5", "nostr.example:444", true},
    {"the other header is the client's", XFF, "10.0.0.2",
     "Forwarded: for=10.9.9.9;host=evil;proto=https\r\n", "10.0.0.2", "relay.example", false},
    {"RFC 7239", FORWARDED, "10.0.0.2",
     "Forwarded: for=8.8.8.8, For=\"[2001:db8::1]:4711\";proto=https;by=10.0.0.2;host=nostr.example"
     "\r\n",
     "2001:db8::1", "nostr.example", true},
    {"two proxies, RFC 7239", FORWARDED, "10.0.0.2",
     "Forwarded: for=203.0.113.5\r\nForwarded: for=10.0.0.7;proto=http\r\n", "203.0.113.5",
     "relay.example", false},
    {"obfuscated", FORWARDED, "10.0.0.2", "Forwarded: for=203.0.113.5, for=_hidden\r\n", "10.0.0.2",
     "relay.example", false},
    {"a comma in quotes", FORWARDED, "10.0.0.2", "Forwarded: for=\"203.0.113.5, 10.0.0.7\"\r\n",
     "10.0.0.2", "relay.example", false},
    {"no for", FORWARDED, "10.0.0.2", "Forwarded: proto=https\r\n", "10.0.0.2", "relay.example",
     true},
    {"the other header again", FORWARDED, "10.0.0.2", "X-Forwarded-For: 203.0.113.5\r\n",
     "10.0.0.2", "relay.example", false},
};

static void each_row(void **state)
{
    struct cidr_list proxies;
    struct buf error;

    (void)state;
    buf_init(&error, KIB);
    assert_true(cidr_list_parse(SLICE("10.0.0.0/8,fd00::/8"), &proxies, &error));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        const struct proxy_trust trust = {&proxies, row->header};
        char text[1024], found[IP_TEXT_BYTES];
        struct client_origin origin;
        struct http_head head;
        const char *why;
        struct ip peer;
        size_t used;

        snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: relay.example\r\n%s\r\n", row->fields);
        assert_int_equal(http_head_parse(slice_str(text), &head, &used, &why), HTTP_HEAD_OK);
        assert_true(ip_parse(slice_str(row->peer), &peer));
        origin = client_origin_of(&head, &peer, &trust);
        if (strcmp(ip_text(&origin.address, found), row->address) != 0)
            fail_msg("%s: %s, not %s", row->name, found, row->address);
        if (!slice_eq(origin.host, slice_str(row->host)) || origin.secure != row->secure)
            fail_msg("%s: host " SLICE_FMT ", secure %d", row->name, SLICE_ARG(origin.host),
                     (int)origin.secure);
    }
    cidr_list_deinit(&proxies);
    buf_deinit(&error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_row)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
