#ifndef RELAYCTL_SIGNER_H
#define RELAYCTL_SIGNER_H
/* Signs events (NIP-01, BIP-340) with one secret key, which is wiped with the signer. One thread.
 */
#include "nostr/event.h"

struct signer;

/* 32 bytes that are a valid secret key. */
void signer_new_secret(uint8_t out[32]);
/* NULL when secret is no valid key (zero, or not below the group's order) or memory is short. The
 * caller wipes its copy. */
NODISCARD struct signer *signer_new(const uint8_t secret[32]);
void signer_free(struct signer *s); /* NULL is fine */

const struct pubkey *signer_pubkey(const struct signer *s);
/* Sets pubkey, id and sig of ev; the rest is the caller's. aux is BIP-340's auxiliary randomness:
 * NULL for fresh one, given only to get the same signature again. False without memory. */
NODISCARD bool signer_sign(const struct signer *s, const uint8_t aux[32], struct event *ev);

#endif
