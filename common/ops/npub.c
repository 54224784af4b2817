/*
 * bech32: "npub", "1", then 5-bit symbols: 52 of data (256 bits and 4 of padding, zero) and 6 of
 * checksum, a BCH code over the prefix and the data whose remainder must be 1.
 */
#include "ops/npub.h"

static const char prefix[] = "npub1";

enum {
    PREFIX_LETTERS = sizeof(prefix) - 1,
    DATA_SYMBOLS = 52,
    ALL_SYMBOLS = DATA_SYMBOLS + 6,
    ALL_LETTERS = PREFIX_LETTERS + ALL_SYMBOLS,
    KEY_BYTES = 32,
};

static uint32_t checksum_step(uint32_t sum, uint8_t symbol)
{
    static const uint32_t generator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                         0x2a1462b3};
    uint32_t top = sum >> 25;

    sum = (sum & 0x1ffffff) << 5 ^ symbol;
    for (unsigned i = 0; i < ARRAY_LEN(generator); i++) {
        if (top >> i & 1)
            sum ^= generator[i];
    }
    return sum;
}

/* The prefix enters as the high bits of each letter, a zero, then the low bits of each. */
static uint32_t checksum_prefix(void)
{
    uint32_t sum = 1;

    for (const char *p = prefix; *p != '1'; p++)
        sum = checksum_step(sum, (uint8_t)*p >> 5);
    sum = checksum_step(sum, 0);
    for (const char *p = prefix; *p != '1'; p++)
        sum = checksum_step(sum, (uint8_t)*p & 31);
    return sum;
}

static bool symbol_value(char c, uint8_t *value)
{
    static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const char *at = c ? strchr(alphabet, c) : NULL;

    if (!at)
        return false;
    *value = (uint8_t)(at - alphabet);
    return true;
}

/* The whole text in lower case; false when it mixes cases. */
static bool lower(const char *text, char out[ALL_LETTERS])
{
    bool seen_lower = false, seen_upper = false;

    for (size_t i = 0; i < ALL_LETTERS; i++) {
        char c = text[i];

        seen_lower |= c >= 'a' && c <= 'z';
        seen_upper |= c >= 'A' && c <= 'Z';
        out[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    return !(seen_lower && seen_upper);
}

bool npub_decode(struct slice text, uint8_t out[KEY_BYTES])
{
    char all[ALL_LETTERS];
    const char *symbols = all + PREFIX_LETTERS;
    uint32_t sum = checksum_prefix();
    uint32_t bits = 0; /* read, not yet written out */
    unsigned n_bits = 0;
    size_t written = 0;

    if (text.len != ALL_LETTERS || !lower(text.ptr, all) ||
        memcmp(all, prefix, PREFIX_LETTERS) != 0)
        return false;
    for (size_t i = 0; i < ALL_SYMBOLS; i++) {
        uint8_t value;

        if (!symbol_value(symbols[i], &value))
            return false;
        sum = checksum_step(sum, value);
        if (i >= DATA_SYMBOLS)
            continue;
        bits = (bits << 5 | value) & 0xfff;
        n_bits += 5;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[written++] = (uint8_t)(bits >> n_bits);
        }
    }
    return sum == 1 && (bits & 15) == 0; /* the padding */
}
