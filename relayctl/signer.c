#include "signer.h"

#include <stdlib.h>
#include <sys/random.h>

#include <secp256k1.h>
#include <secp256k1_extrakeys.h>
#include <secp256k1_schnorrsig.h>

#include "nostr/verify.h"

struct signer {
    secp256k1_context *ctx;
    secp256k1_keypair pair;
    struct pubkey pubkey;
};

static void random_bytes(uint8_t out[32])
{
    ssize_t n = getrandom(out, 32, 0);

    assert(n == 32); /* up to 256 bytes come whole */
}

void signer_new_secret(uint8_t out[32])
{
    do
        random_bytes(out);
    while (!secp256k1_ec_seckey_verify(secp256k1_context_static, out));
}

/* A context that has been blinded does not show its secrets in how long it computes. */
static secp256k1_context *make_context(void)
{
    secp256k1_context *ctx = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    uint8_t seed[32];

    random_bytes(seed);
    if (!secp256k1_context_randomize(ctx, seed))
        abort();
    explicit_bzero(seed, sizeof(seed));
    return ctx;
}

static bool set_keys(struct signer *s, const uint8_t secret[32])
{
    secp256k1_xonly_pubkey key;

    return secp256k1_keypair_create(s->ctx, &s->pair, secret) &&
           secp256k1_keypair_xonly_pub(s->ctx, &key, NULL, &s->pair) &&
           secp256k1_xonly_pubkey_serialize(s->ctx, s->pubkey.b, &key);
}

struct signer *signer_new(const uint8_t secret[32])
{
    struct signer *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->ctx = make_context();
    if (set_keys(s, secret))
        return s;
    signer_free(s);
    return NULL;
}

void signer_free(struct signer *s)
{
    if (!s)
        return;
    secp256k1_context_destroy(s->ctx);
    explicit_bzero(s, sizeof(*s));
    free(s);
}

const struct pubkey *signer_pubkey(const struct signer *s)
{
    return &s->pubkey;
}

bool signer_sign(const struct signer *s, const uint8_t aux[32], struct event *ev)
{
    struct buf preimage;
    uint8_t fresh[32];
    bool ok;

    ev->pubkey = s->pubkey;
    buf_init(&preimage, 64 * MIB);
    event_write_preimage(ev, false, &preimage);
    ok = !preimage.failed;
    if (ok)
        sha256(preimage.ptr, preimage.len, ev->id.b);
    buf_deinit(&preimage);
    if (!aux)
        random_bytes(fresh);
    return ok &&
           secp256k1_schnorrsig_sign32(s->ctx, ev->sig.b, ev->id.b, &s->pair, aux ? aux : fresh);
}
