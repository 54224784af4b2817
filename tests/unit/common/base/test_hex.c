#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hex.h"

static void every_byte_survives(void **state)
{
    uint8_t bytes[256], back[256];
    char text[512];

    (void)state;
    for (int i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    hex_encode(bytes, sizeof bytes, text);
    assert_memory_equal(text, "000102030405060708090a0b0c0d0e0f10", 34);
    assert_memory_equal(text + 506, "fdfeff", 6);
    assert_true(hex_decode(slice_of(text, sizeof text), back, sizeof back));
    assert_memory_equal(bytes, back, sizeof bytes);
}

static void only_exact_lower_case_is_hex(void **state)
{
    static const struct {
        struct slice text;
        bool good;
    } rows[] = {
        {{"00ff", 4}, true},   {{"00fF", 4}, false},    {{"00f", 3}, false},  {{"00ff0", 5}, false},
        {{"", 0}, false},      {{"00fg", 4}, false},    {{"0x0f", 4}, false}, {{" 0ff", 4}, false},
        {{"00f\0", 4}, false}, {{"00f\xff", 4}, false}, {{"00f:", 4}, false}, {{"00f/", 4}, false},
        {{"00f`", 4}, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t out[2];

        assert_int_equal(hex_decode(rows[i].text, out, sizeof out), rows[i].good);
    }
}

static void nothing_is_hex_of_nothing(void **state)
{
    uint8_t out[1];

    (void)state;
    assert_true(hex_decode(SLICE(""), out, 0));
    assert_false(hex_decode(SLICE("a"), out, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_survives),
        cmocka_unit_test(only_exact_lower_case_is_hex),
        cmocka_unit_test(nothing_is_hex_of_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
