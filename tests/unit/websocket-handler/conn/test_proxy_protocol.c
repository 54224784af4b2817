#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conn/proxy_protocol.h"

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define BYTES(literal)                                                                             \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static const struct row {
    struct slice input;
    enum proxy_result expected;
    const char *client; /* PROXY_CLIENT */
} rows[] = {
    {BYTES("PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\r\n"), PROXY_CLIENT, "192.0.2.7"},
    {BYTES("PROXY TCP6 2001:db8::7 2001:db8::1 1 65535\r\n"), PROXY_CLIENT, "2001:db8::7"},
    {BYTES("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n"), PROXY_CLIENT, "192.0.2.7"},
    {BYTES("PROXY UNKNOWN\r\n"), PROXY_LOCAL, NULL},
    {BYTES("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"), PROXY_LOCAL, NULL},
    {BYTES("PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\n"), PROXY_BAD, NULL},
    {BYTES("PROXY TCP4 192.0.2.7  10.0.0.1 56324 443\r\n"), PROXY_BAD, NULL},
    {BYTES("PROXY TCP4 192.0.2.7 10.0.0.1 56324 443 \r\n"), PROXY_BAD, NULL},
    {BYTES("PROXY TCP4 192.0.2.7 10.0.0.1 56324\r\n"), PROXY_BAD, NULL},
    {BYTES("PROXY TCP4 192.0.2.7 10.0.0.1 56324 443 9\r\n"), PROXY_BAD, NULL},
    {BYTES("PROXY TCP4 192.0.2.7 10.0.0.1 065 443\r\n"), PROXY_BAD, NULL},
    {BYTES("PROXY TCP4 192.0.2.7 10.0.0.1 65536 443\r\n"), PROXY_BAD, NULL},
    {BYTES("PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n"), PROXY_BAD, NULL},
    {BYTES("PROXY TCP6 192.0.2.7 10.0.0.1 1 2\r\n"), PROXY_BAD, NULL},
    {BYTES("PROXY UDP4 192.0.2.7 10.0.0.1 1 2\r\n"), PROXY_BAD, NULL},
    {BYTES("PROXY \r\n"), PROXY_BAD, NULL},
    {BYTES("PROXY\r\n"), PROXY_BAD, NULL},
    {BYTES("GET / HTTP/1.1\r\n"), PROXY_BAD, NULL},
    {BYTES("\r\nGET /"), PROXY_BAD, NULL},
    {BYTES(V2 "\x21\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\xdc\x04\x01\xbb"), PROXY_CLIENT,
     "192.0.2.7"},
    /* With an addition behind the addresses. */
    {BYTES(V2 "\x21\x11\0\x10\xc0\0\x02\x07\x0a\0\0\x01\xdc\x04\x01\xbb\x04\0\x01x"), PROXY_CLIENT,
     "192.0.2.7"},
    {BYTES(V2 "\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
              "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\x01\0\x02"),
     PROXY_CLIENT, "2001:db8::7"},
    {BYTES(V2 "\x20\0\0\0"), PROXY_LOCAL, NULL},
    {BYTES(V2 "\x20\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\xdc\x04\x01\xbb"), PROXY_LOCAL, NULL},
    {BYTES(V2 "\x21\0\0\0"), PROXY_LOCAL, NULL},
    {BYTES(V2 "\x21\x12\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\xdc\x04\x01\xbb"), PROXY_LOCAL, NULL},
    {BYTES(V2 "\x21\x11\0\x0b\xc0\0\x02\x07\x0a\0\0\x01\xdc\x04\x01"), PROXY_BAD, NULL},
    {BYTES(V2 "\x11\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\xdc\x04\x01\xbb"), PROXY_BAD, NULL},
    {BYTES(V2 "\x22\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\xdc\x04\x01\xbb"), PROXY_BAD, NULL},
    {BYTES(V2 "\x21\x11\xff\xff"), PROXY_BAD, NULL},
};

static void each_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[IP_TEXT_BYTES];
        struct ip client;
        size_t used = 0;
        enum proxy_result r = proxy_protocol_parse(rows[i].input, &client, &used);

        if (r != rows[i].expected)
            fail_msg("row %zu: %d, not %d", i, (int)r, (int)rows[i].expected);
        if (r == PROXY_CLIENT)
            assert_string_equal(ip_text(&client, text), rows[i].client);
        if (r == PROXY_CLIENT || r == PROXY_LOCAL)
            assert_int_equal(used, rows[i].input.len);
    }
}

/* However the bytes come, the header is whole at the same one, and what follows is left alone. */
static void byte_by_byte(void **state)
{
    char with_more[256];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ip client;
        size_t used = 0, len = rows[i].input.len;

        if (rows[i].expected == PROXY_BAD)
            continue;
        for (size_t n = 0; n < len; n++)
            assert_int_equal(proxy_protocol_parse(slice_of(rows[i].input.ptr, n), &client, &used),
                             PROXY_MORE);
        memcpy(with_more, rows[i].input.ptr, len);
        memcpy(with_more + len, "GET / ", 6);
        assert_int_equal(proxy_protocol_parse(slice_of(with_more, len + 6), &client, &used),
                         rows[i].expected);
        assert_int_equal(used, len);
    }
}

static void a_line_has_an_end(void **state)
{
    char line[PROXY_V1_MAX_BYTES + 1];
    struct ip client;
    size_t used;

    (void)state;
    memset(line, 'x', sizeof line);
    memcpy(line, "PROXY UNKNOWN ", 14);
    assert_int_equal(proxy_protocol_parse(slice_of(line, PROXY_V1_MAX_BYTES - 1), &client, &used),
                     PROXY_MORE);
    assert_int_equal(proxy_protocol_parse(slice_of(line, PROXY_V1_MAX_BYTES), &client, &used),
                     PROXY_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row),
        cmocka_unit_test(byte_by_byte),
        cmocka_unit_test(a_line_has_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
