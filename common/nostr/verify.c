/*
 * OpenSSL's own EVP interface allocates and looks algorithms up for each digest, which costs more
 * than hashing an event does. The SHA256_ functions need neither; asking for the 1.1.1 interface is
 * the documented way to use them without a deprecation warning.
 */
#define OPENSSL_API_COMPAT 0x10101000L

#include "nostr/verify.h"

#include <openssl/sha.h>
#include <secp256k1.h>
#include <secp256k1_extrakeys.h>
#include <secp256k1_schnorrsig.h>

void sha256_parts(const struct slice *parts, size_t n, uint8_t out[32])
{
    SHA256_CTX ctx;

    SHA256_Init(&ctx);
    for (size_t i = 0; i < n; i++)
        SHA256_Update(&ctx, parts[i].ptr, parts[i].len);
    SHA256_Final(out, &ctx);
}

void sha256(const void *bytes, size_t n, uint8_t out[32])
{
    struct slice whole = slice_of(bytes, n);

    sha256_parts(&whole, 1, out);
}

void verify_setup(void)
{
    /* Verifying needs no secrets, so the library's constant context serves all threads; it asks for
     * this one call, which ends the program if the library was miscompiled. */
    secp256k1_selftest();
}

/* Does the hash of ev, written with or without raw control characters, equal its id? */
static enum verify_result check_id(const struct event *ev, bool raw_controls, struct buf *scratch)
{
    struct event_id hash;

    buf_reset(scratch);
    event_write_preimage(ev, raw_controls, scratch);
    if (scratch->failed)
        return VERIFY_NOMEM;
    sha256(scratch->ptr, scratch->len, hash.b);
    return event_id_eq(&hash, &ev->id) ? VERIFY_OK : VERIFY_BAD_ID;
}

/*
 * NIP-01 names seven characters to escape and wants all others raw, yet nearly every client lets
 * its JSON library write the remaining control characters as \u00xx. Both ids are honoured, the
 * common one first.
 */
static enum verify_result check_either_id(const struct event *ev, struct buf *scratch)
{
    enum verify_result r = check_id(ev, false, scratch);

    /* The text looked for may also be a literal backslash and "u00"; then the second hash is in
     * vain. */
    if (r == VERIFY_BAD_ID && memmem(scratch->ptr, scratch->len, "\\u00", 4))
        r = check_id(ev, true, scratch);
    return r;
}

enum verify_result verify_event(const struct event *ev, struct buf *scratch)
{
    const secp256k1_context *ctx = secp256k1_context_static;
    secp256k1_xonly_pubkey key;
    enum verify_result r = check_either_id(ev, scratch);

    if (r != VERIFY_OK)
        return r;
    if (!secp256k1_xonly_pubkey_parse(ctx, &key, ev->pubkey.b))
        return VERIFY_BAD_PUBKEY;
    if (!secp256k1_schnorrsig_verify(ctx, ev->sig.b, ev->id.b, sizeof ev->id.b, &key))
        return VERIFY_BAD_SIG;
    return VERIFY_OK;
}

const char *verify_result_text(enum verify_result r)
{
    static const char *const texts[] = {
        [VERIFY_OK] = "event is valid",
        [VERIFY_BAD_ID] = "event id does not match its content",
        [VERIFY_BAD_PUBKEY] = "pubkey is not a valid public key",
        [VERIFY_BAD_SIG] = "event signature is wrong",
        [VERIFY_NOMEM] = "not enough memory to verify the event",
    };

    return texts[r];
}
