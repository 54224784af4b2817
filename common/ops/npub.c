/*
 * bech32: "npub" or "nsec", "1", then 5-bit symbols: 52 of data (256 bits and 4 of padding, zero)
 * and 6 of checksum, a BCH code over the prefix and the data whose remainder must be 1.
 */
#include "ops/npub.h"

static const char npub_prefix[] = "npub1";
static const char nsec_prefix[] = "nsec1";
static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

enum {
    PREFIX_LETTERS = sizeof(npub_prefix) - 1,
    DATA_SYMBOLS = 52,
    CHECK_SYMBOLS = 6,
    ALL_SYMBOLS = DATA_SYMBOLS + CHECK_SYMBOLS,
    ALL_LETTERS = PREFIX_LETTERS + ALL_SYMBOLS,
    KEY_BYTES = 32,
};
static_assert((int)ALL_LETTERS == (int)NPUB_LETTERS, "the header says how long the text is");
static_assert(sizeof(nsec_prefix) == sizeof(npub_prefix), "both are of one length");

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
static uint32_t checksum_prefix(const char *prefix)
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

static bool decode_symbols(const char *prefix, const char *symbols, uint8_t out[KEY_BYTES])
{
    uint32_t sum = checksum_prefix(prefix);
    uint32_t bits = 0; /* read, not yet written out */
    unsigned n_bits = 0;
    size_t written = 0;

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

static bool decode(const char *prefix, struct slice text, char all[ALL_LETTERS],
                   uint8_t out[KEY_BYTES])
{
    return text.len == ALL_LETTERS && lower(text.ptr, all) &&
           memcmp(all, prefix, PREFIX_LETTERS) == 0 &&
           decode_symbols(prefix, all + PREFIX_LETTERS, out);
}

static void encode(const char *prefix, const uint8_t key[KEY_BYTES], char out[ALL_LETTERS + 1])
{
    uint32_t sum = checksum_prefix(prefix);
    uint32_t bits = 0; /* read, not yet written out */
    unsigned n_bits = 0;
    size_t taken = 0;
    char *p = out + PREFIX_LETTERS;

    memcpy(out, prefix, PREFIX_LETTERS);
    for (size_t i = 0; i < DATA_SYMBOLS; i++) {
        uint8_t value;

        if (n_bits < 5) {
            bits = (bits << 8 | (taken < KEY_BYTES ? key[taken++] : 0)) & 0xfff;
            n_bits += 8;
        }
        n_bits -= 5;
        value = (uint8_t)(bits >> n_bits & 31);
        sum = checksum_step(sum, value);
        *p++ = alphabet[value];
    }
    for (size_t i = 0; i < CHECK_SYMBOLS; i++)
        sum = checksum_step(sum, 0);
    sum ^= 1;
    for (size_t i = 0; i < CHECK_SYMBOLS; i++)
        *p++ = alphabet[sum >> 5 * (CHECK_SYMBOLS - 1 - i) & 31];
    *p = '\0';
}

bool npub_decode(struct slice text, uint8_t out[KEY_BYTES])
{
    char all[ALL_LETTERS];

    return decode(npub_prefix, text, all, out);
}

bool nsec_decode(struct slice text, uint8_t out[KEY_BYTES])
{
    char all[ALL_LETTERS];
    bool ok = decode(nsec_prefix, text, all, out);

    explicit_bzero(all, sizeof(all));
    if (!ok)
        explicit_bzero(out, KEY_BYTES);
    return ok;
}

void npub_encode(const uint8_t key[KEY_BYTES], char out[NPUB_LETTERS + 1])
{
    encode(npub_prefix, key, out);
}

void nsec_encode(const uint8_t key[KEY_BYTES], char out[NPUB_LETTERS + 1])
{
    encode(nsec_prefix, key, out);
}
