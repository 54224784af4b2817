#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/siphash.h"

/* Of the authors' reference table: key 00 01 .. 0f, input the first n of 00 01 02 ... */
static void reference_vectors(void **state)
{
    static const struct siphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    static const struct {
        size_t n;
        uint64_t hash;
    } rows[] = {
        {0, 0x726fdb47dd0e0e31},  {1, 0x74f839c593dc67fd},  {2, 0x0d6c8009d9a94f5a},
        {7, 0xab0200f58b01d137},  {8, 0x93f5f5799a932462},  {15, 0xa129ca6149be45e5},
        {16, 0x3f2acc7f57c29bdb}, {63, 0x958a324ceb064572},
    };
    uint8_t input[64];

    (void)state;
    for (size_t i = 0; i < sizeof input; i++)
        input[i] = (uint8_t)i;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(siphash(&key, input, rows[i].n), rows[i].hash);
}

static void random_keys_differ(void **state)
{
    struct siphash_key a = siphash_random_key();
    struct siphash_key b = siphash_random_key();

    (void)state;
    assert_memory_not_equal(&a, &b, sizeof a);
    assert_int_not_equal(siphash(&a, "x", 1), siphash(&b, "x", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_vectors),
        cmocka_unit_test(random_keys_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
