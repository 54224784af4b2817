#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "nostr/verify.h"
#include "pow.h"
#include "signer.h"

/* The id that the mined event gets has the bits, and the tag tells what was aimed at. */
static void test_the_signed_id_has_the_bits(void **state)
{
    static const int rows[] = {1, 7, 8, 12};
    uint8_t secret[32] = {[31] = 3};
    struct signer *s = signer_new(secret);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice items[] = {SLICE("t"), SLICE("[\"nonce\",\"0")};
        struct pow_tag pow;
        struct tag tags[] = {{items, 2}, pow_tag_init(&pow, rows[i])};
        struct event ev = {.pubkey = *signer_pubkey(s),
                           .kind = 1,
                           .tag = tags,
                           .n_tags = ARRAY_LEN(tags),
                           .content = SLICE("[\"nonce\",\"0")};

        assert_true(pow_mine(&ev, &pow, rows[i]));
        assert_true(signer_sign(s, NULL, &ev));
        assert_true(event_id_difficulty(&ev.id) >= rows[i]);
        assert_int_equal(tags[1].n, 3);
        assert_true(slice_eq(tags[1].item[0], SLICE("nonce")));
    }
    signer_free(s);
}

static void test_the_target_is_named(void **state)
{
    struct pow_tag pow;
    struct tag tag = pow_tag_init(&pow, 20);

    (void)state;
    assert_true(slice_eq(tag.item[1], SLICE("00000000000000000000")));
    assert_true(slice_eq(tag.item[2], SLICE("20")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_signed_id_has_the_bits),
        cmocka_unit_test(test_the_target_is_named),
    };

    verify_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
