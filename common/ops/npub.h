#ifndef COMMON_OPS_NPUB_H
#define COMMON_OPS_NPUB_H
/*
 * A public key as people write it: NIP-19's npub, which is bech32 (BIP-173). For settings and admin
 * commands; never on the wire. Any thread.
 */
#include "base/base.h"
#include "base/slice.h"

/* The 32 bytes of an npub; all lower or all upper case, as BIP-173 allows. False when it is
 * anything else or mistyped. */
NODISCARD bool npub_decode(struct slice text, uint8_t out[32]);

#endif
