#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hex.h"
#include "event-handler/sign.h"
#include "manage/nip98.h"
#include "nostr/kind.h"

enum { NOW = 1700000000, AUTHOR = 7 };

static const char body[] = "{\"method\":\"x\"}";

/* ---- base64 ---- */

static void base64_in_all_spellings(void **state)
{
    static const struct {
        const char *text, *bytes; /* NULL: refused */
    } rows[] = {
        {"", ""},
        {"Zg==", "f"},
        {"Zg=", "f"},
        {"Zg", "f"},
        {"Zm8=", "fo"},
        {"Zm8", "fo"},
        {"Zm9v", "foo"},
        {"Zm9vYg==", "foob"},
        {"+/+/", "\xfb\xff\xbf"},
        {"-_-_", "\xfb\xff\xbf"},
        {"Z", NULL},
        {"Zg===", NULL},
        {"Zm9v\n", NULL},
        {"Z m9v", NULL},
        {"=", ""},
        {"Zm=v", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;
        bool good;

        buf_init(&out, KIB);
        good = nip98_base64(slice_str(rows[i].text), &out);
        if (good != (rows[i].bytes != NULL) ||
            (good && !slice_eq(buf_slice(&out), slice_str(rows[i].bytes))))
            fail_msg("%s", rows[i].text);
        buf_deinit(&out);
    }
}

/* ---- the header ---- */

struct header { /* what differs from a good one; NULL or 0: as it should be */
    const char *name;
    const char *u, *method, *payload, *url, *hosts, *scheme;
    int kind, age;
    bool forged, no_payload;
    bool good;
};

static const struct header headers[] = {
    {.name = "good", .good = true},
    {.name = "by the url that was asked for",
     .hosts = "",
     .url = "http://relay.example/",
     .good = true},
    {.name = "another host, by the url", .hosts = "", .url = "http://other.example/"},
    {.name = "no slash", .u = "https://relay.example", .good = true},
    {.name = "wss", .u = "wss://relay.example/", .good = true},
    {.name = "ws, upper case", .u = "WS://Relay.Example/", .good = true},
    {.name = "the second host", .u = "https://two.example/", .good = true},
    {.name = "another host", .u = "https://other.example/"},
    {.name = "another port", .u = "https://relay.example:8443/"},
    {.name = "a path", .u = "https://relay.example/x"},
    {.name = "a query", .u = "https://relay.example/?x=1"},
    {.name = "a user", .u = "https://relay.example@other.example/"},
    {.name = "no scheme", .u = "relay.example"},
    {.name = "another scheme", .u = "ftp://relay.example/"},
    {.name = "method in lower case", .method = "post", .good = true},
    {.name = "another method", .method = "GET"},
    {.name = "another kind", .kind = KIND_AUTH},
    {.name = "59 s old", .age = 59, .good = true},
    {.name = "59 s ahead", .age = -59, .good = true},
    {.name = "61 s old", .age = 61},
    {.name = "61 s ahead", .age = -61},
    {.name = "another payload", .payload = "00"},
    {.name = "no payload", .no_payload = true},
    {.name = "forged", .forged = true},
    {.name = "scheme in lower case", .scheme = "nostr ", .good = true},
    {.name = "another auth scheme", .scheme = "Bearer "},
};

static void encode(struct slice bytes, struct buf *out)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < bytes.len; i += 3) {
        uint32_t v = 0;
        size_t n = bytes.len - i < 3 ? bytes.len - i : 3;

        for (size_t k = 0; k < 3; k++)
            v = v << 8 | (k < n ? (uint8_t)bytes.ptr[i + k] : 0);
        for (size_t k = 0; k <= n; k++)
            buf_add_char(out, letters[v >> (18 - 6 * k) & 63]);
    }
}

static const char *or_else(const char *given, const char *usual)
{
    return given ? given : usual;
}

static void make_header(const struct header *h, struct buf *out)
{
    char hash[65] = "";
    uint8_t digest[32];
    struct slice u[] = {SLICE("u"), slice_str(or_else(h->u, "https://relay.example/"))};
    struct slice method[] = {SLICE("method"), slice_str(or_else(h->method, "POST"))};
    struct slice payload[] = {SLICE("payload"), {0}};
    struct tag tags[] = {{u, 2}, {method, 2}, {payload, 2}};
    struct event ev = {.kind = h->kind ? h->kind : KIND_HTTP_AUTH,
                       .created_at = NOW - h->age,
                       .tag = tags,
                       .n_tags = h->no_payload ? 2 : 3};
    struct buf json;

    sha256(body, sizeof body - 1, digest);
    hex_encode(digest, sizeof digest, hash);
    payload[1] = slice_str(or_else(h->payload, hash));
    sign_event(&ev, AUTHOR);
    if (h->forged)
        ev.sig.b[40] ^= 1;
    buf_init(&json, 64 * KIB);
    event_write(&ev, &json);
    buf_add_str(out, or_else(h->scheme, "Nostr "));
    encode(buf_slice(&json), out);
    buf_deinit(&json);
}

static bool check(const struct header *h, struct pubkey *signer, uint8_t once[32])
{
    struct arena arena;
    struct buf header;
    const char *error = NULL;
    bool good;

    buf_init(&header, 64 * KIB);
    make_header(h, &header);
    arena_init(&arena, MIB);
    good = nip98_check(
        &(struct nip98_request){.authorization = buf_slice(&header),
                                .method = SLICE("POST"),
                                .url = slice_str(or_else(h->url, "http://10.0.0.1/")),
                                .hosts = slice_str(or_else(h->hosts, "relay.example,two.example")),
                                .body = SLICE(body),
                                .now = NOW},
        &arena, signer, once, &error);
    assert_true(good == (error == NULL));
    arena_deinit(&arena);
    buf_deinit(&header);
    return good;
}

static void each_field_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        struct pubkey signer;
        uint8_t once[32];

        if (check(&headers[i], &signer, once) != headers[i].good)
            fail_msg("%s", headers[i].name);
    }
}

static void names_the_signer(void **state)
{
    struct event ev = {.kind = 1};
    struct pubkey signer;
    uint8_t first[32], second[32];

    (void)state;
    sign_event(&ev, AUTHOR);
    assert_true(check(&headers[0], &signer, first));
    assert_true(pubkey_eq(&signer, &ev.pubkey));
    assert_true(check(&(struct header){.age = 1}, &signer, second));
    assert_memory_not_equal(first, second, sizeof first);
    assert_true(check(&headers[0], &signer, second)); /* signing here is deterministic */
    assert_memory_equal(first, second, sizeof first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_in_all_spellings),
        cmocka_unit_test(each_field_counts),
        cmocka_unit_test(names_the_signer),
    };

    verify_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
