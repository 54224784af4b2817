#include "access/relay_key.h"

#include <stdlib.h>
#include <sys/random.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <secp256k1.h>
#include <secp256k1_extrakeys.h>
#include <secp256k1_schnorrsig.h>

#include "base/hex.h"
#include "nostr/verify.h"
#include "ops/npub.h"

enum { PREIMAGE_CAP = 16 * 1024 * 1024 };

struct relay_key {
    secp256k1_context *ctx;
    secp256k1_keypair pair;
    struct pubkey pubkey;
    uint8_t mac_key[32];
};

/* ---- reading it ---- */

static bool read_secret(const char *text, uint8_t out[32])
{
    struct slice s = slice_str(text);

    return (hex_decode(s, out, 32) || nsec_decode(s, out)) &&
           secp256k1_ec_seckey_verify(secp256k1_context_static, out);
}

bool relay_key_check(const char *text, struct buf *error)
{
    uint8_t secret[32];
    bool good = text[0] == '\0' || read_secret(text, secret);

    explicit_bzero(secret, sizeof secret);
    if (!good)
        buf_add_str(error, "must be a secret key, as 64 hex digits or nsec");
    return good;
}

static void new_secret(uint8_t out[32])
{
    do {
        ssize_t n = getrandom(out, 32, 0);

        assert(n == 32); /* up to 256 bytes come whole */
    } while (!secp256k1_ec_seckey_verify(secp256k1_context_static, out));
}

/* Whichever event handler is first makes it. */
static enum err keep_secret(struct db *db, uint8_t out[32])
{
    struct db_params p;
    struct slice kept;
    PGresult *r;
    enum err err;

    new_secret(out);
    db_params_init(&p);
    db_param_bytes(&p, out, 32);
    err = db_exec(db, "relay_key_make",
                  "INSERT INTO relay_secret (name, value) VALUES ('relay_key', $1::bytea)"
                  " ON CONFLICT DO NOTHING",
                  &p, &r);
    db_params_reset(&p);
    if (err)
        return err;
    PQclear(r);
    err = db_exec(db, "relay_key", "SELECT value FROM relay_secret WHERE name = 'relay_key'", NULL,
                  &r);
    if (err)
        return err;
    kept = PQntuples(r) == 1 ? db_get_slice(r, 0, 0) : (struct slice){NULL, 0};
    err = kept.len == 32 ? OK : ERR_INVALID;
    if (!err)
        memcpy(out, kept.ptr, 32);
    PQclear(r);
    return err;
}

/* ---- life ---- */

static bool set_keys(struct relay_key *k, const uint8_t secret[32])
{
    static const char purpose[] = "tandem: relay_key_mac";
    secp256k1_xonly_pubkey pub;
    unsigned char seed[32];
    unsigned len = sizeof k->mac_key;

    k->ctx = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    new_secret(seed); /* a blinded context does not show its secrets in how long it computes */
    return secp256k1_context_randomize(k->ctx, seed) &&
           secp256k1_keypair_create(k->ctx, &k->pair, secret) &&
           secp256k1_keypair_xonly_pub(k->ctx, &pub, NULL, &k->pair) &&
           secp256k1_xonly_pubkey_serialize(k->ctx, k->pubkey.b, &pub) &&
           HMAC(EVP_sha256(), secret, 32, (const unsigned char *)purpose, sizeof purpose - 1,
                k->mac_key, &len) != NULL;
}

enum err relay_key_load(struct db *db, const char *text, struct relay_key **out)
{
    uint8_t secret[32];
    struct relay_key *k = NULL;
    enum err err;

    if (text[0] == '\0')
        err = keep_secret(db, secret);
    else
        err = read_secret(text, secret) ? OK : ERR_CONFIG;
    if (!err)
        k = calloc(1, sizeof *k);
    if (!err && (!k || !set_keys(k, secret)))
        err = ERR_NOMEM;
    explicit_bzero(secret, sizeof secret);
    if (err)
        relay_key_free(k);
    *out = err ? NULL : k;
    return err;
}

void relay_key_free(struct relay_key *k)
{
    if (!k)
        return;
    if (k->ctx)
        secp256k1_context_destroy(k->ctx);
    explicit_bzero(k, sizeof *k);
    free(k);
}

/* ---- using it ---- */

const struct pubkey *relay_key_pubkey(const struct relay_key *k)
{
    return &k->pubkey;
}

bool relay_key_sign(const struct relay_key *k, struct event *ev)
{
    struct buf preimage;
    uint8_t aux[32];
    bool ok;

    ev->pubkey = k->pubkey;
    buf_init(&preimage, PREIMAGE_CAP);
    event_write_preimage(ev, false, &preimage);
    ok = !preimage.failed;
    if (ok)
        sha256(preimage.ptr, preimage.len, ev->id.b);
    buf_deinit(&preimage);
    new_secret(aux);
    return ok && secp256k1_schnorrsig_sign32(k->ctx, ev->sig.b, ev->id.b, &k->pair, aux);
}

void relay_key_mac(const struct relay_key *k, const void *bytes, size_t n, uint8_t out[32])
{
    unsigned len = 32;

    HMAC(EVP_sha256(), k->mac_key, sizeof k->mac_key, bytes, n, out, &len);
}
