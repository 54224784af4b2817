#ifndef COMMON_NOSTR_VERIFY_H
#define COMMON_NOSTR_VERIFY_H
/*
 * The cryptography of NIP-01: id = SHA-256 of the preimage, BIP-340 Schnorr signature over the id.
 * verify_setup() once before any thread starts; afterwards any thread.
 */
#include "nostr/event.h"

enum verify_result {
    VERIFY_OK,
    VERIFY_BAD_ID,     /* the id is not the hash of the event */
    VERIFY_BAD_PUBKEY, /* the pubkey is not a point on the curve */
    VERIFY_BAD_SIG,
    VERIFY_NOMEM,
};

/* Makes the process-wide secp256k1 context. */
void verify_setup(void);
/* Recomputes the id (scratch is reset and used for the preimage), then checks the signature. */
NODISCARD enum verify_result verify_event(const struct event *ev, struct buf *scratch);
/* "event id does not match its content" and the like; static. */
const char *verify_result_text(enum verify_result r);
/* SHA-256 of bytes. */
void sha256(const void *bytes, size_t n, uint8_t out[32]);
/* SHA-256 of n slices, one behind the other. */
void sha256_parts(const struct slice *parts, size_t n, uint8_t out[32]);

#endif
