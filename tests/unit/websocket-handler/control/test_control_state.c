#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/hex.h"
#include "control/control_state.h"
#include "ops/shared_config.h"

#define KEY_A "0100000000000000a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"
#define KEY_B "0200000000000000a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"
#define ID_C "0300000000000000a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"

#define RELAY "{\"name\":null,\"description\":null,\"icon\":null}"
#define WOT "{\"enabled\":false,\"state\":\"off\",\"members\":0,\"generation\":0,\"age_seconds\":0}"
#define STATE(version, self, relay, ips, keys, ids, wot, policy)                                   \
    "{\"version\":" version ",\"self\":" self ",\"relay\":" relay ",\"blocked_ips\":" ips          \
    ",\"banned_pubkeys\":" keys ",\"banned_events\":" ids ",\"wot\":" wot ",\"policy\":" policy    \
    "}"

static struct ip ip(const char *text)
{
    struct ip out;

    assert_true(ip_parse(slice_str(text), &out));
    return out;
}

static struct control_state *parse(const char *json)
{
    struct control_state *s;
    struct buf error;

    buf_init(&error, KIB);
    s = control_state_parse(slice_str(json), &error);
    if (!s)
        fail_msg("%.*s", (int)error.len, error.ptr);
    buf_deinit(&error);
    return s;
}

static void everything_is_read(void **state)
{
    struct control_state *s = parse(
        STATE("12", "\"" KEY_B "\"", "{\"name\":\"N\",\"description\":\"\",\"icon\":null,\"x\":1}",
              "[\"192.0.2.7\",\"2001:db8::/32\"]", "[\"" KEY_A "\"]", "[\"" ID_C "\"]",
              "{\"enabled\":true,\"state\":\"no-admin\",\"members\":9}", "[\"One.\",\"Two.\"]"));
    struct event ev = {0};
    struct ip known = ip("192.0.2.7"), neighbour = ip("192.0.2.8"), net = ip("2001:db8:1::9");

    (void)state;
    assert_int_equal(s->version, 12);
    assert_string_equal(s->self, KEY_B);
    assert_string_equal(s->name, "N");
    assert_string_equal(s->description, "");
    assert_null(s->icon);
    assert_int_equal(s->wot, WOT_NO_ADMIN);
    assert_int_equal(s->wot_members, 9);
    assert_int_equal(s->n_sentences, 2);
    assert_false(s->restricted_writes);
    assert_null(s->auth_mode);
    assert_string_equal(s->sentence[1], "Two.");
    assert_true(control_blocks(s, &known) && control_blocks(s, &net));
    assert_false(control_blocks(s, &neighbour));

    assert_false(control_hides(s, &ev));
    assert_true(hex_decode(SLICE(KEY_A), ev.pubkey.b, 32));
    assert_true(control_bans(s, &ev.pubkey) && control_hides(s, &ev));
    assert_true(hex_decode(SLICE(KEY_B), ev.pubkey.b, 32));
    assert_false(control_bans(s, &ev.pubkey) || control_hides(s, &ev));
    assert_true(hex_decode(SLICE(ID_C), ev.id.b, 32));
    assert_true(control_hides(s, &ev));

    assert_true(control_hides_json(s, SLICE("{\"id\":\"" KEY_B "\",\"pubkey\":\"" KEY_A "\",")));
    assert_true(control_hides_json(s, SLICE("{\"id\":\"" ID_C "\",\"pubkey\":\"" KEY_B "\",")));
    assert_false(control_hides_json(s, SLICE("{\"id\":\"" KEY_A "\",\"pubkey\":\"" ID_C "\",")));
    control_state_free(s);
}

static void nothing_known_concerns_nobody(void **state)
{
    struct control_state *s = parse(STATE("0", "\"\"", RELAY, "[]", "[]", "[]", WOT, "[]"));
    struct event ev = {0};
    struct ip zero = {{0}};

    (void)state;
    assert_false(control_hides(s, &ev) || control_hides(&control_nothing, &ev));
    assert_false(control_blocks(s, &zero) || control_blocks(&control_nothing, &zero));
    assert_int_equal(s->wot, WOT_OFF);
    control_state_free(s);
}

static void contradicting_settings_are_named(void **state)
{
    static const char ending[] = ",\"restricted_writes\":true,\"settings\":{\"AUTH_MODE\":"
                                 "\"members\",\"PRIVATE_KINDS\":\"30078\"}}";
    const char *plain = STATE("0", "\"\"", RELAY, "[]", "[]", "[]", WOT, "[]");
    struct shared_config own = {.auth_mode = AUTH_PRIVATE, .private_kinds = (char *)"30078"};
    struct control_state *s = parse(plain);
    char text[2048];

    (void)state;
    assert_null(control_contradicts(s, &own));
    control_state_free(s);
    snprintf(text, sizeof text, "%.*s%s", (int)strlen(plain) - 1, plain, ending);
    s = parse(text);
    assert_true(s->restricted_writes);
    assert_ptr_equal(strstr(control_contradicts(s, &own), "AUTH_MODE "),
                     control_contradicts(s, &own));
    own.auth_mode = AUTH_MEMBERS;
    assert_null(control_contradicts(s, &own));
    own.private_kinds = (char *)"";
    assert_ptr_equal(strstr(control_contradicts(s, &own), "PRIVATE_KINDS "),
                     control_contradicts(s, &own));
    control_state_free(s);
}

static void half_a_state_is_none(void **state)
{
    static const struct {
        const char *json, *error;
    } rows[] = {
        {"", "control: must be an object"},
        {"[]", "control: must be an object"},
        {"{}", "version: is missing"},
        {"{\"version\":1,\"version\":1}", "version: comes twice"},
        {STATE("1", "\"\"", RELAY, "[]", "[]", "[]", WOT, "[]") "x",
         "control: something follows its end"},
        {"{\"version\":1,\"blocked_ips\":[\"192.0.2.7\"", "control: the text ends too early"},
        {STATE("1", "\"\"", "{\"name\":\"a\",\"name\":\"b\"}", "[]", "[]", "[]", WOT, "[]"),
         "name: comes twice"},
        {STATE("1", "\"\"", "{\"name\":\"a\\u0000b\"}", "[]", "[]", "[]", WOT, "[]"),
         "name: must not hold U+0000"},
        {STATE("-1", "\"\"", RELAY, "[]", "[]", "[]", WOT, "[]"),
         "version: must be a number from 0"},
        {STATE("\"1\"", "\"\"", RELAY, "[]", "[]", "[]", WOT, "[]"),
         "version: must be a number from 0"},
        {STATE("1", "null", RELAY, "[]", "[]", "[]", WOT, "[]"),
         "self: must be 64 hex digits or empty"},
        {STATE("1", "\"" KEY_A "0\"", RELAY, "[]", "[]", "[]", WOT, "[]"),
         "self: must be 64 hex digits or empty"},
        {STATE("1", "\"\"", "[]", "[]", "[]", "[]", WOT, "[]"), "relay: must be an object"},
        {STATE("1", "\"\"", "{\"name\":1,\"description\":null,\"icon\":null}", "[]", "[]", "[]",
               WOT, "[]"),
         "name: must be a string or null"},
        {STATE("1", "\"\"", RELAY, "[\"192.0.2.7\",\"x\"]", "[]", "[]", WOT, "[]"),
         "blocked_ips: \"x\" is not an address or network"},
        {STATE("1", "\"\"", RELAY, "{}", "[]", "[]", WOT, "[]"), "blocked_ips: must be a list"},
        {STATE("1", "\"\"", RELAY, "[]", "[\"abc\"]", "[]", WOT, "[]"),
         "banned_pubkeys: \"abc\" is not 64 hex digits"},
        {STATE("1", "\"\"", RELAY, "[]", "[]", "[7]", WOT, "[]"),
         "banned_events: must hold strings"},
        {STATE("1", "\"\"", RELAY, "[]", "[]", "[]", "{\"state\":\"off\"}", "[]"),
         "wot: must have state and members"},
        {STATE("1", "\"\"", RELAY, "[]", "[]", "[]", "{\"state\":\"on\",\"members\":0}", "[]"),
         "wot: state must be off, ready, building or no-admin"},
        {STATE("1", "\"\"", RELAY, "[]", "[]", "[]", WOT, "\"x\""), "policy: must be a list"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf error;

        buf_init(&error, KIB);
        assert_null(control_state_parse(slice_str(rows[i].json), &error));
        buf_add_char(&error, '\0');
        assert_string_equal(error.ptr, rows[i].error);
        buf_deinit(&error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_read),
        cmocka_unit_test(nothing_known_concerns_nobody),
        cmocka_unit_test(contradicting_settings_are_named),
        cmocka_unit_test(half_a_state_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
