/* NIP-45: the vectors of the NIP's algorithm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hex.h"
#include "query/hll.h"

#define KEY "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9"

static void test_offset(void **state)
{
    static const struct {
        const char *name, *value;
        int offset;
    } rows[] = {
        {"a pubkey", KEY, 19},
        {"an address", "30023:" KEY ":abc", 19},
        {"an address without d", "10002:" KEY ":", 19},
        {"a word", "nostr", 12},
        {"a URL with a colon", "https://example.com/a:b", 23},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (hll_offset(slice_str(rows[i].value)) != rows[i].offset)
            fail_msg("%s", rows[i].name);
}

static void test_registers(void **state)
{
    struct hll h = {.offset = 19};
    struct pubkey pk;

    (void)state;
    assert_true(hex_decode(SLICE(KEY), pk.b, sizeof pk.b));
    hll_add_pubkey(&h, &pk);
    assert_int_equal(h.reg[69], 1);

    h = (struct hll){.offset = 8};
    pk = (struct pubkey){{0}};
    hll_add_pubkey(&h, &pk);
    assert_int_equal(h.reg[0], 185);

    pk.b[8] = 0xab;
    pk.b[10] = 0x40;
    hll_add_pubkey(&h, &pk);
    assert_int_equal(h.reg[171], 10);

    pk.b[9] = 0x80; /* a smaller value does not lower a register */
    hll_add_pubkey(&h, &pk);
    assert_int_equal(h.reg[171], 10);
}

static void test_where_it_applies(void **state)
{
    struct filter plain = {0}, one_tag = {.n_tags = 1}, two_tags = {.n_tags = 2};
    struct filter both[] = {one_tag, one_tag};

    (void)state;
    assert_false(hll_applies(&plain, 1));
    assert_true(hll_applies(&one_tag, 1));
    assert_false(hll_applies(&two_tags, 1));
    assert_false(hll_applies(both, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offset),
        cmocka_unit_test(test_registers),
        cmocka_unit_test(test_where_it_applies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
