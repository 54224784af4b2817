#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hex.h"
#include "nostr/event.h"
#include "nostr/kind.h"
#include "nostr/verify.h"

#define PUBKEY "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9"
#define READER "00000000000000000000000000000000000000000000000000000000000000aa"

static struct slice e_tag[] = {{"e", 1}, {"x\"\n\1", 4}};
static struct slice d_tag[] = {{"d", 1}, {"first", 5}};
static struct slice d_bare[] = {{"d", 1}};
static struct slice p_tag[] = {{"p", 1}, {READER, 64}, {"wss://relay", 11}};

/* An event of kind 1 by PUBKEY at 1700000000 with these tags. */
static struct event make(struct tag *tags, uint32_t n_tags, struct slice content)
{
    struct event ev = {
        .created_at = 1700000000,
        .kind = 1,
        .tag = tags,
        .n_tags = n_tags,
        .content = content,
    };

    assert_true(hex_decode(SLICE(PUBKEY), ev.pubkey.b, sizeof ev.pubkey.b));
    memset(ev.id.b, 0xab, sizeof ev.id.b);
    memset(ev.sig.b, 0xcd, sizeof ev.sig.b);
    return ev;
}

#define AB8 "abababababababab"
#define CD8 "cdcdcdcdcdcdcdcd"
#define AB32 AB8 AB8 AB8 AB8
#define CD32 CD8 CD8 CD8 CD8

static void the_canonical_form_is_fixed(void **state)
{
    struct tag tags[] = {{e_tag, 2}, {d_bare, 1}};
    struct event ev = make(tags, 2, SLICE("a\tb/\x7f"));
    struct buf out;

    (void)state;
    buf_init(&out, 4 * KIB);
    event_write(&ev, &out);
    assert_true(
        slice_eq(buf_slice(&out), SLICE("{\"id\":\"" AB32 "\",\"pubkey\":\"" PUBKEY
                                        "\",\"created_at\":1700000000,\"kind\":1,"
                                        "\"tags\":[[\"e\",\"x\\\"\\n\\u0001\"],[\"d\"]],"
                                        "\"content\":\"a\\tb/\x7f\",\"sig\":\"" CD32 CD32 "\"}")));
    buf_reset(&out);
    ev = make(NULL, 0, SLICE(""));
    ev.created_at = 0;
    ev.kind = 65535;
    event_write(&ev, &out);
    assert_true(slice_eq(buf_slice(&out), SLICE("{\"id\":\"" AB32 "\",\"pubkey\":\"" PUBKEY
                                                "\",\"created_at\":0,\"kind\":65535,\"tags\":[],"
                                                "\"content\":\"\",\"sig\":\"" CD32 CD32 "\"}")));
    buf_deinit(&out);
}

static void the_preimage_has_two_readings(void **state)
{
    struct tag tags[] = {{e_tag, 2}};
    struct event ev = make(tags, 1, SLICE("\x1f\n"));
    struct buf out;

    (void)state;
    buf_init(&out, 4 * KIB);
    event_write_preimage(&ev, false, &out);
    assert_true(slice_eq(buf_slice(&out),
                         SLICE("[0,\"" PUBKEY "\",1700000000,1,[[\"e\",\"x\\\"\\n\\u0001\"]],"
                               "\"\\u001f\\n\"]")));
    buf_reset(&out);
    event_write_preimage(&ev, true, &out);
    assert_true(
        slice_eq(buf_slice(&out),
                 SLICE("[0,\"" PUBKEY "\",1700000000,1,[[\"e\",\"x\\\"\\n\1\"]],\"\x1f\\n\"]")));
    buf_deinit(&out);
}

static void what_does_not_fit_fails(void **state)
{
    struct event ev = make(NULL, 0, SLICE("content"));
    struct buf out;

    (void)state;
    for (size_t cap = 0; cap < 100; cap += 9) {
        buf_init(&out, cap);
        event_write(&ev, &out);
        assert_true(out.failed);
        buf_deinit(&out);
    }
}

static void the_first_tag_of_a_name_is_found(void **state)
{
    struct slice d_second[] = {{"d", 1}, {"second", 6}};
    struct tag tags[] = {{e_tag, 2}, {d_tag, 2}, {d_second, 2}};
    struct event ev = make(tags, 3, SLICE(""));

    (void)state;
    assert_ptr_equal(event_find_tag(&ev, SLICE("d")), &tags[1]);
    assert_null(event_find_tag(&ev, SLICE("D")));
    assert_null(event_find_tag(&ev, SLICE("")));
}

static void the_first_d_tag_decides(void **state)
{
    struct slice d_empty[] = {{"d", 1}, {"", 0}, {"x", 1}};
    struct tag both[] = {{e_tag, 2}, {d_tag, 2}, {d_empty, 3}};
    struct tag bare_first[] = {{d_bare, 1}, {d_tag, 2}};
    struct tag empty_first[] = {{d_empty, 3}, {d_tag, 2}};
    struct event ev = make(both, 3, SLICE(""));

    (void)state;
    assert_true(slice_eq(event_d_value(&ev), SLICE("first")));
    ev = make(bare_first, 2, SLICE(""));
    assert_true(slice_eq(event_d_value(&ev), SLICE("")));
    ev = make(empty_first, 2, SLICE(""));
    assert_true(slice_eq(event_d_value(&ev), SLICE("")));
    ev = make(NULL, 0, SLICE(""));
    assert_true(slice_eq(event_d_value(&ev), SLICE("")));
}

static void assert_address(int kind, struct slice d, const char *text)
{
    struct event ev = make(NULL, 0, SLICE(""));
    uint8_t got[32], expected[32];

    event_address(kind, &ev.pubkey, d, got);
    sha256(text, strlen(text), expected);
    assert_memory_equal(got, expected, sizeof got);
}

static void addresses_keep_their_colon(void **state)
{
    (void)state;
    assert_address(30023, SLICE("abc"), "30023:" PUBKEY ":abc");
    assert_address(30023, SLICE(""), "30023:" PUBKEY ":");
    assert_address(39999, SLICE("a:b"), "39999:" PUBKEY ":a:b");
    assert_address(0, SLICE(""), "0:" PUBKEY ":");
    assert_address(10002, SLICE("ignored"), "10002:" PUBKEY ":");
}

static void p_tags_name_pubkeys(void **state)
{
    static const struct pubkey reader = {{[31] = 0xaa}}, other = {{[31] = 0xab}};
    struct slice not_p[] = {{"P", 1}, {READER, 64}};
    struct slice second[] = {{"p", 1}, {"", 0}, {READER, 64}};
    struct slice longer[] = {{"p", 1}, {READER "0", 65}};
    struct tag yes[] = {{e_tag, 2}, {p_tag, 3}};
    struct tag no[] = {{not_p, 2}, {second, 3}, {longer, 2}, {p_tag, 1}};
    struct event ev = make(yes, 2, SLICE(""));

    (void)state;
    assert_true(event_names_pubkey(&ev, &reader));
    assert_false(event_names_pubkey(&ev, &other));
    ev = make(no, 4, SLICE(""));
    assert_false(event_names_pubkey(&ev, &reader));
}

static void private_kinds_are_for_their_parties(void **state)
{
    static const struct {
        int kind;
        bool anybody, author;
    } rows[] = {
        {KIND_NOTE, true, true},
        {KIND_DIRECT_MESSAGE, false, true},
        {KIND_SEAL, false, true},
        {KIND_CHAT, false, true},
        {KIND_CHAT_FILE, false, true},
        {KIND_GIFT_WRAP, false, false},
        {KIND_EPHEMERAL_GIFT_WRAP, false, false},
    };
    static const struct pubkey reader = {{[31] = 0xaa}}, stranger = {{[31] = 0xab}};
    struct tag tags[] = {{p_tag, 3}};
    struct event ev = make(tags, 1, SLICE(""));

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ev.kind = rows[i].kind;
        assert_int_equal(event_readable(&ev, NULL, 0), rows[i].anybody);
        assert_int_equal(event_readable(&ev, &stranger, 1), rows[i].anybody);
        assert_int_equal(event_readable(&ev, &ev.pubkey, 1), rows[i].author);
        assert_true(event_readable(&ev, &reader, 1));
        assert_true(event_readable(&ev, (const struct pubkey[]){stranger, reader}, 2));
    }
}

static void only_letters_with_a_value_are_indexed(void **state)
{
    static const struct {
        struct slice name;
        uint32_t n;
        bool indexed;
    } rows[] = {
        {{"a", 1}, 2, true},  {{"z", 1}, 2, true},   {{"A", 1}, 2, true},     {{"Z", 1}, 3, true},
        {{"t", 1}, 1, false}, {{"", 0}, 2, false},   {{"tt", 2}, 2, false},   {{"-", 1}, 2, false},
        {{"0", 1}, 2, false}, {{"@", 1}, 2, false},  {{"[", 1}, 2, false},    {{"`", 1}, 2, false},
        {{"{", 1}, 2, false}, {{"\0", 1}, 2, false}, {{"\xc3", 1}, 2, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice items[3] = {rows[i].name, {"v", 1}, {"w", 1}};
        struct tag t = {items, rows[i].n};

        assert_int_equal(tag_is_indexed(&t), rows[i].indexed);
    }
}

static void expiry_is_inclusive(void **state)
{
    struct event ev = make(NULL, 0, SLICE(""));

    (void)state;
    assert_false(event_expired(&ev, INT64_MAX));
    ev.has_expiration = true;
    ev.expires_at = 100;
    assert_false(event_expired(&ev, 99));
    assert_true(event_expired(&ev, 100));
    ev.expires_at = 0;
    assert_true(event_expired(&ev, 1));
}

static void difficulty_counts_leading_zero_bits(void **state)
{
    static const struct {
        struct event_id id;
        int bits;
    } rows[] = {
        {{{0x00, 0x2f}}, 10}, {{{0x7f}}, 1},       {{{0xff}}, 0},
        {{{0}}, 256},         {{{[31] = 1}}, 255}, {{{0x00, 0x00, 0x06, 0xd8, 0xc3, 0x78}}, 21},
        {{{0x80}}, 0},        {{{0x00, 0x80}}, 8},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(event_id_difficulty(&rows[i].id), rows[i].bits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_canonical_form_is_fixed),
        cmocka_unit_test(the_preimage_has_two_readings),
        cmocka_unit_test(what_does_not_fit_fails),
        cmocka_unit_test(the_first_tag_of_a_name_is_found),
        cmocka_unit_test(the_first_d_tag_decides),
        cmocka_unit_test(addresses_keep_their_colon),
        cmocka_unit_test(p_tags_name_pubkeys),
        cmocka_unit_test(private_kinds_are_for_their_parties),
        cmocka_unit_test(only_letters_with_a_value_are_indexed),
        cmocka_unit_test(expiry_is_inclusive),
        cmocka_unit_test(difficulty_counts_leading_zero_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
