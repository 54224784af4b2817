#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "nostr/verify.h"
#include "signer.h"

/* The key and the time of the vectors in appendix A: secret 3, 1700000000, kind 1, no auxiliary
 * randomness. */
static const char pubkey_hex[] = "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9";
static const uint8_t no_randomness[32];

static struct signer *signer_of_three(void)
{
    uint8_t secret[32] = {[31] = 3};
    struct signer *s = signer_new(secret);

    assert_non_null(s);
    return s;
}

static void assert_hex(const uint8_t *bytes, size_t n, const char *hex)
{
    char text[129] = "";

    hex_encode(bytes, n, text);
    assert_string_equal(text, hex);
}

static void test_vectors(void **state)
{
    static struct slice quoted[] = {{"t", 1}, {"x\"y\\z", 5}};
    static struct tag tags[] = {{quoted, 2}};
    static const struct {
        const char *name;
        struct slice content;
        uint32_t n_tags;
        const char *id, *sig; /* sig NULL: not given there */
    } rows[] = {
        {"A1",
         {"hello", 5},
         0,
         "a9d53fee641fe563de947fa330a3b4902e52e249894660aaa521cd039e896128",
         "3ed440e88bd49699e7827e60db9eaee0af7468afdb3b2c253301aa592d00c7e0"
         "8c5e0f64811944b6151f8959d21c1b0b484f0f6d396bce6285e2445496e75e28"},
        {"A2",
         {"\x7f", 1},
         0,
         "19d451f01bb257f059a829089dd3b81a5582e4f2116cdb7e944ebf866c47b3b1",
         "e8ea8c60d35b3bd0c318ded642523506d5e799dbf0157fcc1273a40b11b09887"
         "6f2c2f0cbf4cd27554c2e32bb07c0eac448a2be68d0a749c4b2f434ab45ddf32"},
        {"A3",
         {"a\nb\"c\\d\re\tf\bg\fh", 15},
         1,
         "c37689023ec57d293a226710686288d3c0011e8ca6b93f2964b370560c679243",
         "130e0bb3104f14b365074b1349b324665aeecb65bea83065d488de747afeb910"
         "12ce3048170d13ac0839472f1b43ee82afdf5124adb110a4f8165fee951fc1b0"},
        {"A4",
         {"/<>&\xe2\x80\xa8\xe2\x80\xa9\x7f", 11},
         0,
         "348b3916575f35b83f653e444fe8f68fdd39ae49fb91e047b4ee5a2d431d76d3",
         NULL},
        {"A5",
         {"\xf0\x9f\x98\x80"
          "e\xcc\x81",
          7},
         0,
         "45bc034f64d20a741a82d709f0f7a6f981ea608586733c6c7483ab5abbb96e3f",
         NULL},
        {"A6",
         {"\x01\x1f", 2},
         0,
         "6f43ce7ecb2c84169e20fa05a7a67c586ec7105e8083e50bdc5bba79e9b00bb9",
         NULL},
    };
    struct signer *s = signer_of_three();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct event ev = {.created_at = 1700000000,
                           .kind = 1,
                           .tag = tags,
                           .n_tags = rows[i].n_tags,
                           .content = rows[i].content};

        assert_true(signer_sign(s, no_randomness, &ev));
        assert_hex(ev.pubkey.b, sizeof(ev.pubkey.b), pubkey_hex);
        assert_hex(ev.id.b, sizeof(ev.id.b), rows[i].id);
        if (rows[i].sig)
            assert_hex(ev.sig.b, sizeof(ev.sig.b), rows[i].sig);
    }
    signer_free(s);
}

static void test_fresh_randomness_signs_too(void **state)
{
    struct event one = {.kind = 1, .content = SLICE("hello")}, two = one;
    struct signer *s = signer_of_three();
    struct buf scratch;

    (void)state;
    assert_true(signer_sign(s, NULL, &one));
    assert_true(signer_sign(s, NULL, &two));
    assert_memory_equal(one.id.b, two.id.b, sizeof(one.id.b));
    assert_memory_not_equal(one.sig.b, two.sig.b, sizeof(one.sig.b));
    buf_init(&scratch, KIB);
    assert_int_equal(verify_event(&one, &scratch), VERIFY_OK);
    assert_int_equal(verify_event(&two, &scratch), VERIFY_OK);
    buf_deinit(&scratch);
    signer_free(s);
}

static void test_what_is_no_secret_key(void **state)
{
    static const char order[] = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    uint8_t secret[32] = {0};

    (void)state;
    assert_null(signer_new(secret));
    assert_true(hex_decode(SLICE(order), secret, sizeof(secret)));
    assert_null(signer_new(secret));
    signer_free(NULL);
}

static void test_new_secrets_differ_and_are_keys(void **state)
{
    uint8_t one[32], two[32];
    struct signer *s;

    (void)state;
    signer_new_secret(one);
    signer_new_secret(two);
    assert_memory_not_equal(one, two, sizeof(one));
    s = signer_new(one);
    assert_non_null(s);
    signer_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_fresh_randomness_signs_too),
        cmocka_unit_test(test_what_is_no_secret_key),
        cmocka_unit_test(test_new_secrets_differ_and_are_keys),
    };

    verify_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
