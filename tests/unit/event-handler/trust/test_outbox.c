#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "trust/outbox.h"

static void expect_text(struct buf *out, const char *name, const char *expected)
{
    buf_add_char(out, '\0');
    if (out->failed || strcmp(out->ptr, expected) != 0)
        fail_msg("%s: \"%s\", expected \"%s\"", name, out->ptr, expected);
}

static void test_urls(void **state)
{
    static const struct {
        const char *url, *expected; /* NULL: refused */
    } rows[] = {
        {"wss://relay.example.com", "wss://relay.example.com"},
        {"WSS://Relay.Example.COM/", "wss://relay.example.com"},
        {"wss://relay.example.com:443/", "wss://relay.example.com"},
        {"ws://relay.example.com:80", "ws://relay.example.com"},
        {"ws://relay.example.com:443", "ws://relay.example.com:443"},
        {"wss://relay.example.com:80/a", "wss://relay.example.com:80/a"},
        {"wss://relay.example.com/Path/?a=B#c", "wss://relay.example.com/Path/?a=B"},
        {"wss://relay.example.com?a=b", "wss://relay.example.com/?a=b"},
        {"wss://relay.example.com#x", "wss://relay.example.com"},
        {"ws://[2001:DB8::1]:8008", "ws://[2001:db8::1]:8008"},
        {"wss://[2001:db8::443]", "wss://[2001:db8::443]"},
        {"", NULL},
        {"wss:", NULL},
        {"wss:/", NULL},
        {"wss://", NULL},
        {"wss:///path", NULL},
        {"wss://:443", NULL},
        {"wss://:8008", NULL},
        {"wss://relay.example.com:", NULL},
        {"wss://relay.example.com:80:80", NULL},
        {"wss://relay.example.com:123456", NULL},
        {"wss://relay.example.com:8x", NULL},
        {"wss://[::1", NULL},
        {"wss://[]", NULL},
        {"wss://[::1]x", NULL},
        {"wss://::1", NULL},
        {"wss:/relay.example.com//", NULL},
        {"https://relay.example.com", NULL},
        {"relay.example.com", NULL},
        {"wss://user:word@relay.example.com", NULL},
        {"wss://relay.example.com,wss://other.example.com", NULL},
        {"wss://relay.example.com/a,b", NULL},
        {"wss://relay.example.com /", NULL},
        {"wss://relay.example.com/\r\nHost: x", NULL},
        {"wss://rel%61y.example.com", NULL},
        {"wss://r\xc3\xa9lay.example.com", NULL},
        {" wss://relay.example.com", NULL},
        {"wss://relay.example.com/\"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;

        buf_init(&out, KIB);
        if (outbox_normalise(slice_str(rows[i].url), &out) != (rows[i].expected != NULL))
            fail_msg("%s: expected %s", rows[i].url, rows[i].expected ? "a URL" : "a refusal");
        if (rows[i].expected)
            expect_text(&out, rows[i].url, rows[i].expected);
        buf_deinit(&out);
    }
}

static void test_too_long(void **state)
{
    char url[OUTBOX_MAX_URL_BYTES + 2];
    struct buf out;

    (void)state;
    memset(url, 'a', sizeof(url));
    memcpy(url, "wss://", 6);
    buf_init(&out, KIB);
    assert_true(outbox_normalise(slice_of(url, OUTBOX_MAX_URL_BYTES), &out));
    assert_false(outbox_normalise(slice_of(url, OUTBOX_MAX_URL_BYTES + 1), &out));
    buf_deinit(&out);
}

static void test_write_relays(void **state)
{
    struct slice items[][3] = {
        {SLICE("r"), SLICE("wss://read.example"), SLICE("read")},
        {SLICE("r"), SLICE("wss://one.example/"), SLICE("")},
        {SLICE("r"), SLICE("WSS://ONE.example"), SLICE("")},
        {SLICE("r"), SLICE("wss://two.example"), SLICE("write")},
        {SLICE("p"), SLICE("wss://no.example"), SLICE("")},
        {SLICE("r"), SLICE("not a relay"), SLICE("")},
        {SLICE("r"), SLICE("wss://three.example"), SLICE("")},
        {SLICE("r"), SLICE("wss://four.example"), SLICE("")},
        {SLICE("r"), SLICE("wss://five.example"), SLICE("")},
    };
    struct tag tags[ARRAY_LEN(items) + 1];
    struct event ev = {.kind = 10002, .tag = tags, .n_tags = ARRAY_LEN(tags)};
    struct buf out;

    (void)state;
    for (uint32_t i = 0; i < ARRAY_LEN(items); i++)
        tags[i] = (struct tag){items[i], items[i][2].len > 0 ? 3 : 2};
    tags[ARRAY_LEN(items)] = (struct tag){items[0], 1};
    buf_init(&out, OUTBOX_MAX_TEXT + 1);
    outbox_write_urls(&ev, &out);
    expect_text(&out, "list",
                "wss://one.example,wss://two.example,wss://three.example,wss://four.example");
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_write_relays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
