#ifndef COMMON_OPS_NPUB_H
#define COMMON_OPS_NPUB_H
/*
 * Keys as people write them: NIP-19's npub and nsec, which are bech32 (BIP-173). For settings,
 * admin commands and tools; never on the wire. Any thread.
 */
#include "base/base.h"
#include "base/slice.h"

enum { NPUB_LETTERS = 63 }; /* of an npub and of an nsec */

/* The 32 bytes of an npub; all lower or all upper case, as BIP-173 allows. False when it is
 * anything else or mistyped. */
NODISCARD bool npub_decode(struct slice text, uint8_t out[32]);
/* The same for an nsec. No copy of the secret stays behind, and out is wiped on false. */
NODISCARD bool nsec_decode(struct slice text, uint8_t out[32]);

/* With a terminator. */
void npub_encode(const uint8_t key[32], char out[NPUB_LETTERS + 1]);
void nsec_encode(const uint8_t key[32], char out[NPUB_LETTERS + 1]);

#endif
