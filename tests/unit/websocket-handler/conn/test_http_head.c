#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "conn/http_head.h"

#define GET "GET / HTTP/1.1\r\n"

static enum http_head_result parse(struct slice text, struct http_head *head, size_t *used)
{
    const char *error = NULL;
    enum http_head_result result;

    *used = 0;
    result = http_head_parse(text, head, used, &error);
    if (result == HTTP_HEAD_BAD || result == HTTP_HEAD_TOO_LARGE)
        assert_non_null(error);
    return result;
}

static void one_verdict_per_head(void **state)
{
    static const struct {
        const char *name, *text;
        enum http_head_result expected;
    } rows[] = {
        {"nothing yet", "", HTTP_HEAD_MORE},
        {"half a line", "GET / HT", HTTP_HEAD_MORE},
        {"no empty line yet", GET "Host: x\r\n", HTTP_HEAD_MORE},
        {"the least", GET "\r\n", HTTP_HEAD_OK},
        {"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", HTTP_HEAD_OK},
        {"an empty line before it", "\r\n" GET "\r\n", HTTP_HEAD_OK},
        {"absolute form", "GET http://relay.example/x?y HTTP/1.1\r\n\r\n", HTTP_HEAD_OK},
        {"absolute form without a path", "GET http://relay.example HTTP/1.1\r\n\r\n", HTTP_HEAD_OK},
        {"server-wide OPTIONS", "OPTIONS * HTTP/1.1\r\n\r\n", HTTP_HEAD_OK},
        {"an empty value", GET "X:\r\n\r\n", HTTP_HEAD_OK},
        {"bytes above ASCII in a value", GET "X: \xc3\xa9\r\n\r\n", HTTP_HEAD_OK},
        {"one word", "nonsense\r\n\r\n", HTTP_HEAD_BAD},
        {"TLS", "\x16\x03\x01\x02", HTTP_HEAD_BAD},
        {"no target", "GET HTTP/1.1\r\n\r\n", HTTP_HEAD_BAD},
        {"relative target", "GET x HTTP/1.1\r\n\r\n", HTTP_HEAD_BAD},
        {"two blanks", "GET  / HTTP/1.1\r\n\r\n", HTTP_HEAD_BAD},
        {"no version", "GET /\r\n\r\n", HTTP_HEAD_BAD},
        {"HTTP/2", "GET / HTTP/2.0\r\n\r\n", HTTP_HEAD_BAD},
        {"junk behind the version", "GET / HTTP/1.1 x\r\n\r\n", HTTP_HEAD_BAD},
        {"bare line feed", "GET / HTTP/1.1\nHost: x\r\n\r\n", HTTP_HEAD_BAD},
        {"method with a comma", "G,T / HTTP/1.1\r\n\r\n", HTTP_HEAD_BAD},
        {"folded field", GET "A: b\r\n c\r\n\r\n", HTTP_HEAD_BAD},
        {"blank before the colon", GET "A : b\r\n\r\n", HTTP_HEAD_BAD},
        {"no colon", GET "Ab\r\n\r\n", HTTP_HEAD_BAD},
        {"no name", GET ": b\r\n\r\n", HTTP_HEAD_BAD},
        {"carriage return in a value", GET "A: b\rc\r\n\r\n", HTTP_HEAD_BAD},
        {"control character in a value", GET "A: b\001\r\n\r\n", HTTP_HEAD_BAD},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_head head;
        size_t used;

        if (parse(slice_str(rows[i].text), &head, &used) != rows[i].expected)
            fail_msg("%s", rows[i].name);
        if (rows[i].expected == HTTP_HEAD_OK)
            assert_int_equal(used, strlen(rows[i].text));
    }
}

static void the_parts_are_found(void **state)
{
    static const char text[] =
        "GET /a/b?c=d&e HTTP/1.1\r\nHost:relay.example\r\nAccept:  text/html \t\r\n"
        "accept: application/nostr+json;q=0.9, */*\r\n\r\nrest";
    struct http_head head;
    size_t used;

    (void)state;
    assert_int_equal(parse(slice_str(text), &head, &used), HTTP_HEAD_OK);
    assert_int_equal(used, strlen(text) - strlen("rest"));
    assert_true(slice_eq(head.method, SLICE("GET")));
    assert_true(slice_eq(head.path, SLICE("/a/b")));
    assert_true(slice_eq(head.query, SLICE("c=d&e")));
    assert_int_equal(head.minor, 1);
    assert_int_equal(head.n_fields, 3);
    assert_true(slice_eq(http_head_find(&head, "HOST")->value, SLICE("relay.example")));
    assert_true(slice_eq(http_head_find(&head, "Accept")->value, SLICE("text/html")));
    assert_null(http_head_find(&head, "Cookie"));
    assert_int_equal(http_head_count(&head, "Accept"), 2);
    assert_true(http_head_lists(&head, "Accept", "application/nostr+json"));
    assert_true(http_head_lists(&head, "Accept", "TEXT/HTML"));
    assert_false(http_head_lists(&head, "Accept", "application/nostr"));
    assert_false(http_head_lists(&head, "Cookie", "x"));
}

static void a_path_ends_at_the_query(void **state)
{
    static const struct {
        const char *target, *path, *query;
    } rows[] = {
        {"/", "/", ""},        {"/?", "/", ""},        {"/?a?b", "/", "a?b"},
        {"http://h", "/", ""}, {"http://h/", "/", ""}, {"https://h/p?q", "/p", "q"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[128];
        struct http_head head;
        size_t used;

        snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n\r\n", rows[i].target);
        assert_int_equal(parse(slice_str(text), &head, &used), HTTP_HEAD_OK);
        assert_true(slice_eq(head.path, slice_str(rows[i].path)));
        assert_true(slice_eq(head.query, slice_str(rows[i].query)));
    }
}

/* n fields behind the request line, and the empty line if closed. */
static struct slice with_fields(char *out, size_t n, bool closed)
{
    size_t len = (size_t)sprintf(out, GET);

    for (size_t i = 0; i < n; i++)
        len += (size_t)sprintf(out + len, "f%zu: v\r\n", i);
    if (closed)
        len += (size_t)sprintf(out + len, "\r\n");
    return slice_of(out, len);
}

static void limits_hold_at_n_and_n_plus_one(void **state)
{
    static char text[HTTP_HEAD_MAX_BYTES + 64];
    struct http_head head;
    size_t used, start = strlen(GET "X: ");

    (void)state;
    assert_int_equal(parse(with_fields(text, 100, true), &head, &used), HTTP_HEAD_OK);
    assert_int_equal(head.n_fields, 100);
    assert_int_equal(parse(with_fields(text, 101, true), &head, &used), HTTP_HEAD_TOO_LARGE);

    memset(text, 'y', sizeof(text));
    memcpy(text, GET "X: ", start);
    memcpy(text + HTTP_HEAD_MAX_BYTES - 4, "\r\n\r\n", 4);
    assert_int_equal(parse(slice_of(text, HTTP_HEAD_MAX_BYTES - 1), &head, &used), HTTP_HEAD_MORE);
    assert_int_equal(parse(slice_of(text, HTTP_HEAD_MAX_BYTES), &head, &used), HTTP_HEAD_OK);
    memset(text, 'y', sizeof(text));
    memcpy(text, GET "X: ", start);
    assert_int_equal(parse(slice_of(text, HTTP_HEAD_MAX_BYTES), &head, &used), HTTP_HEAD_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_verdict_per_head),
        cmocka_unit_test(the_parts_are_found),
        cmocka_unit_test(a_path_ends_at_the_query),
        cmocka_unit_test(limits_hold_at_n_and_n_plus_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
