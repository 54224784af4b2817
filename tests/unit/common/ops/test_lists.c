/* Lists of kinds and of keys as operators write them, and tiers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "nostr/tier.h"
#include "ops/key_set.h"
#include "ops/kind_set.h"

#define HEX_A "3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d"
#define HEX_A_UPPER "3BF0C63FCB93463407AF97A5E5EE64FA883D107EF9E558472C4EB9AAAEFA459D"
#define NPUB_A "npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w6"
#define HEX_B "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"

static void test_kinds(void **state)
{
    static const struct {
        const char *text;
        int in, out;
    } rows[] = {
        {"1", 1, 0},
        {"0,1, 3", 3, 2},
        {" 10000-19999 ", 10000, 20000},
        {"10000-19999", 19999, 9999},
        {"7\n65535", 65535, 65534},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kind_set set;
        struct buf error;

        buf_init(&error, KIB);
        assert_true(kind_set_parse(slice_str(rows[i].text), &set, &error));
        assert_true(kind_set_has(&set, rows[i].in));
        assert_false(kind_set_has(&set, rows[i].out));
        assert_false(kind_set_has(&set, -1));
        assert_false(kind_set_has(&set, 65536));
        assert_false(set.empty);
        buf_deinit(&error);
    }
}

static void test_bad_kinds(void **state)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"1,x", "\"x\": must be a kind or a range such as 10000-19999"},
        {"1,-2", "\"-2\": must be a kind or a range such as 10000-19999"},
        {"70000", "\"70000\": a kind is a number from 0 to 65535"},
        {"5-4", "\"5-4\": the range ends before it begins"},
        {"5-", "\"5-\": must be a kind or a range such as 10000-19999"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf error;

        buf_init(&error, KIB);
        assert_false(kind_set_check(rows[i].text, &error));
        assert_true(slice_eq(buf_slice(&error), slice_str(rows[i].error)));
        buf_deinit(&error);
    }
}

static void test_kind_set_changes(void **state)
{
    struct kind_set set;
    struct buf error;

    (void)state;
    buf_init(&error, KIB);
    assert_true(kind_set_parse(SLICE(""), &set, &error));
    assert_true(set.empty);
    kind_set_add(&set, 7);
    assert_false(set.empty);
    kind_set_remove(&set, 7);
    assert_true(set.empty);
    buf_deinit(&error);
}

static void test_keys(void **state)
{
    struct key_set set = {0};
    struct pubkey a, b;
    struct buf error;

    (void)state;
    buf_init(&error, KIB);
    assert_true(pubkey_parse_text(SLICE(HEX_A), &a) && pubkey_parse_text(SLICE(HEX_B), &b));
    assert_true(key_set_parse(SLICE(NPUB_A ", " HEX_A_UPPER), &set, &error));
    assert_int_equal(set.n, 1);
    assert_true(key_set_has_pubkey(&set, &a));
    assert_false(key_set_has_pubkey(&set, &b));
    assert_true(key_set_parse(SLICE(HEX_B), &set, &error));
    assert_true(key_set_has_pubkey(&set, &a) && key_set_has_pubkey(&set, &b));
    key_set_deinit(&set);
    assert_false(key_set_has_pubkey(&set, &a));
    buf_deinit(&error);
}

static void test_bad_keys(void **state)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        {HEX_A ",abc", "\"abc\": must be a public key, as 64 hex digits or npub"},
        {"nsec1abc", "holds a secret key where a public one belongs"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf error;

        buf_init(&error, KIB);
        assert_false(key_set_check(rows[i].text, &error));
        assert_true(slice_eq(buf_slice(&error), slice_str(rows[i].error)));
        buf_deinit(&error);
    }
}

static void test_many_keys(void **state)
{
    struct key_set set = {0};

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        uint8_t key[32] = {(uint8_t)(i * 7), (uint8_t)(i >> 8), (uint8_t)i};

        assert_true(key_set_add(&set, key));
    }
    key_set_seal(&set);
    assert_int_equal(set.n, 1000);
    for (unsigned i = 0; i < 1000; i++) {
        uint8_t key[32] = {(uint8_t)(i * 7), (uint8_t)(i >> 8), (uint8_t)i};

        assert_true(key_set_has(&set, key));
        key[31] = 1;
        assert_false(key_set_has(&set, key));
    }
    key_set_deinit(&set);
}

static void test_tiers(void **state)
{
    enum tier tier;

    (void)state;
    for (unsigned i = 0; i < TIERS; i++) {
        assert_true(tier_parse(slice_str(tier_name((enum tier)i)), &tier));
        assert_int_equal(tier, i);
    }
    assert_false(tier_parse(SLICE("king"), &tier));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_bad_kinds),
        cmocka_unit_test(test_kind_set_changes),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_bad_keys),
        cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_tiers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
