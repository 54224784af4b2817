#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "conn/qr.h"

/* The same as other encoders make of these texts with the same mask. */
static const char *const hello[] = {
    "111111100110001111111", "100000101100001000001", "101110100101101011101",
    "101110100011001011101", "101110101100101011101", "100000100000101000001",
    "111111101010101111111", "000000000011100000000", "101010100101000010010",
    "001011000010001000011", "010100101110100011111", "110010000000001000010",
    "011010110010101010000", "000000001111010100111", "111111100011011100111",
    "100000100011110110000", "101110101011011100011", "101110100100001100110",
    "101110101110100010101", "100000100100001010010", "111111101110101100011",
};

static const char *const address[] = {
    "1111111001111100101111111", "1000001001101011001000001", "1011101010110001001011101",
    "1011101011010111101011101", "1011101011001000101011101", "1000001011111011101000001",
    "1111111010101010101111111", "0000000010100011100000000", "1011111000010100001111100",
    "1111100111100100100101010", "1011101100011111101000111", "1011110110001001011111010",
    "0001011101110111011010101", "1101000110101000110101110", "1011001011000101000101111",
    "1011000011001011011101010", "1001011110101110111111111", "0000000010100100100010110",
    "1111111000011110101010111", "1000001011110010100011001", "1011101010011111111111100",
    "1011101010101100001010111", "1011101011000010000100101", "1000001001010011110010001",
    "1111111011011100000000111",
};

static void known_codes(void **state)
{
    static const struct {
        const char *text;
        const char *const *rows;
        int size;
    } rows[] = {{"hello", hello, 21}, {"wss://relay.example.com/", address, 25}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct qr qr;

        assert_true(qr_encode(slice_str(rows[i].text), &qr));
        assert_int_equal(qr.size, rows[i].size);
        for (int y = 0; y < qr.size; y++) {
            for (int x = 0; x < qr.size; x++)
                assert_int_equal(qr.dark[y][x], rows[i].rows[y][x] == '1');
        }
    }
}

static void the_smallest_version_that_holds_it(void **state)
{
    static const struct {
        size_t most;
        int size;
    } rows[] = {{14, 21}, {26, 25}, {42, 29}, {62, 33}, {84, 37}, {106, 41}};
    char text[QR_MAX_BYTES + 1];
    size_t row = 0;
    struct qr qr;

    (void)state;
    memset(text, '\xff', sizeof text);
    for (size_t n = 0; n <= QR_MAX_BYTES; n++) {
        row += n > rows[row].most;
        assert_true(qr_encode(slice_of(text, n), &qr));
        assert_int_equal(qr.size, rows[row].size);
        /* The corners without a finder, and the module that is always dark. */
        assert_true(qr.dark[0][0] && qr.dark[0][qr.size - 1] && qr.dark[qr.size - 1][0]);
        assert_true(qr.dark[qr.size - 8][8]);
    }
    assert_false(qr_encode(slice_of(text, sizeof text), &qr));
}

static void as_svg(void **state)
{
    struct buf out;
    struct qr qr;

    (void)state;
    assert_true(qr_encode(SLICE("hello"), &qr));
    buf_init(&out, 64 * KIB);
    qr_write_svg(&qr, SLICE("a label"), &out);
    buf_add_char(&out, '\0');
    assert_non_null(strstr(out.ptr, "aria-label=\"a label\" viewBox=\"-4 -4 29 29\""));
    assert_non_null(strstr(out.ptr, "d=\"M0 0h7v1h-7zM9 0h2v1h-2zM14 0h7v1h-7zM0 1h1v1h-1z"));
    assert_string_equal(strstr(out.ptr, "z\"/></svg>"), "z\"/></svg>");
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_codes),
        cmocka_unit_test(the_smallest_version_that_holds_it),
        cmocka_unit_test(as_svg),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
