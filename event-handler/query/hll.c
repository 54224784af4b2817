#include "query/hll.h"

#include "base/hex.h"
#include "nostr/verify.h"

enum { HEX_KEY = 64, OFFSET_DIGIT = 32, OFFSET_LEAST = 8 };

bool hll_applies(const struct filter *filters, size_t n)
{
    return n == 1 && filters[0].n_tags == 1;
}

static bool is_hex_key(struct slice s, uint8_t out[32])
{
    return s.len == HEX_KEY && hex_decode(s, out, 32);
}

/* The pubkey of "kind:pubkey:d". */
static bool address_key(struct slice value, uint8_t out[32])
{
    size_t digits = 0;

    while (digits < value.len && value.ptr[digits] >= '0' && value.ptr[digits] <= '9')
        digits++;
    if (digits == 0 || value.len < digits + 1 + HEX_KEY + 1)
        return false;
    if (value.ptr[digits] != ':' || value.ptr[digits + 1 + HEX_KEY] != ':')
        return false;
    return is_hex_key(slice_of(value.ptr + digits + 1, HEX_KEY), out);
}

int hll_offset(struct slice value)
{
    uint8_t key[32];

    if (!is_hex_key(value, key) && !address_key(value, key))
        sha256(value.ptr, value.len, key);
    return (key[OFFSET_DIGIT / 2] >> 4) + OFFSET_LEAST;
}

void hll_add(struct hll *h, uint8_t reg, const uint8_t *rest, size_t n)
{
    int zeros = 0;

    for (size_t i = 0; i < n; i++) {
        if (rest[i] != 0) {
            zeros += __builtin_clz(rest[i]) - 24;
            break;
        }
        zeros += 8;
    }
    if (zeros + 1 > h->reg[reg])
        h->reg[reg] = (uint8_t)(zeros + 1);
}

void hll_add_pubkey(struct hll *h, const struct pubkey *pk)
{
    size_t behind = (size_t)h->offset + 1;

    hll_add(h, pk->b[h->offset], pk->b + behind, sizeof pk->b - behind);
}
