#ifndef TESTS_UNIT_EVENT_HANDLER_SIGN_H
#define TESTS_UNIT_EVENT_HANDLER_SIGN_H
/* Signed events, for tests of what checks them. An author is a number: the secret key. */
#include <secp256k1.h>
#include <secp256k1_extrakeys.h>
#include <secp256k1_schnorrsig.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "nostr/event.h"
#include "nostr/verify.h"

static inline secp256k1_context *sign_context(void)
{
    static secp256k1_context *ctx;

    if (!ctx)
        ctx = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    return ctx;
}

static inline secp256k1_keypair sign_keypair(unsigned author)
{
    unsigned char secret[32] = {0};
    secp256k1_keypair pair;

    secret[31] = (unsigned char)(author + 1);
    if (!secp256k1_keypair_create(sign_context(), &pair, secret))
        abort();
    return pair;
}

/* Fills in pubkey, id and sig. One thread. */
static inline void sign_event(struct event *ev, unsigned author)
{
    secp256k1_keypair pair = sign_keypair(author);
    secp256k1_xonly_pubkey pub;
    struct buf preimage;

    if (!secp256k1_keypair_xonly_pub(sign_context(), &pub, NULL, &pair) ||
        !secp256k1_xonly_pubkey_serialize(sign_context(), ev->pubkey.b, &pub))
        abort();
    buf_init(&preimage, MIB);
    event_write_preimage(ev, false, &preimage);
    sha256(preimage.ptr, preimage.len, ev->id.b);
    buf_deinit(&preimage);
    if (!secp256k1_schnorrsig_sign32(sign_context(), ev->sig.b, ev->id.b, &pair, NULL))
        abort();
}

#endif
