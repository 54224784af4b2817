#include "base/hex.h"

/* Value of a digit plus one, so that the zeros which C fills in mean "not a digit". */
static const uint8_t digit_plus_one[256] = {
    ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

bool hex_decode(struct slice s, uint8_t *out, size_t n)
{
    if (s.len / 2 != n || s.len % 2 != 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned high = digit_plus_one[(unsigned char)s.ptr[2 * i]];
        unsigned low = digit_plus_one[(unsigned char)s.ptr[2 * i + 1]];

        if (high == 0 || low == 0)
            return false;
        out[i] = (uint8_t)((high - 1) << 4 | (low - 1));
    }
    return true;
}

void hex_encode(const uint8_t *bytes, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
}

const char *hex_prefix(const uint8_t *bytes, char out[HEX_PREFIX_DIGITS + 1])
{
    hex_encode(bytes, HEX_PREFIX_DIGITS / 2, out);
    out[HEX_PREFIX_DIGITS] = '\0';
    return out;
}
