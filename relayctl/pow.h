#ifndef RELAYCTL_POW_H
#define RELAYCTL_POW_H
/*
 * Proof of work (NIP-13): a nonce tag that gives the event's id the wanted number of leading zero
 * bits. Takes 2^bits hashes on the average, about two million a second. One thread.
 */
#include "nostr/event.h"

enum { POW_NONCE_DIGITS = 20 };

struct pow_tag {
    struct slice items[3]; /* "nonce", the nonce, the difficulty aimed at */
    char nonce[POW_NONCE_DIGITS];
    char target[4];
};

/* A nonce tag that names bits as its target. Make it ev's last tag: its items point into p. */
struct tag pow_tag_init(struct pow_tag *p, int bits);
/* Finds the nonce. All of ev but id and sig must be set, with p's tag as its only nonce tag. False
 * without memory. */
NODISCARD bool pow_mine(const struct event *ev, struct pow_tag *p, int bits);

#endif
