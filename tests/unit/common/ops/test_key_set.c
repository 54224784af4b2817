/* Lists of public keys as operators write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ops/key_set.h"

#define HEX_A "3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d"
#define HEX_A_UPPER "3BF0C63FCB93463407AF97A5E5EE64FA883D107EF9E558472C4EB9AAAEFA459D"
#define NPUB_A "npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w6"
#define HEX_B "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_bad_keys),
        cmocka_unit_test(test_many_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
