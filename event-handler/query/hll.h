#ifndef EVENT_HANDLER_QUERY_HLL_H
#define EVENT_HANDLER_QUERY_HLL_H
/*
 * NIP-45 HyperLogLog: 256 one-byte registers over the authors of the counted events. Only for a
 * filter with exactly one tag letter, since its first value in wire order chooses the bytes that
 * are looked at. Pure; any thread.
 */
#include "nostr/filter.h"

enum { HLL_REGISTERS = 256 };

struct hll {
    int offset; /* 8..23 */
    uint8_t reg[HLL_REGISTERS];
};

/* Does NIP-45 define a sketch for these filters? */
bool hll_applies(const struct filter *filters, size_t n);
/* The offset that a tag value chooses. */
int hll_offset(struct slice value);
/* Takes one author's register value: 1 + the leading zero bits of rest, the pubkey's bytes behind
 * `register`. */
void hll_add(struct hll *h, uint8_t reg, const uint8_t *rest, size_t n);
void hll_add_pubkey(struct hll *h, const struct pubkey *pk);

#endif
