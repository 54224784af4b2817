#ifndef EVENT_HANDLER_MANAGE_NIP98_H
#define EVENT_HANDLER_MANAGE_NIP98_H
/*
 * NIP-98: an HTTP request signed by an event in its Authorization header. Everything but replay,
 * which takes memory that all event handlers share (dispatch.c). Any thread.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "nostr/keys.h"

enum { NIP98_WINDOW_SECONDS = 60 };

struct nip98_request {
    struct slice authorization; /* the header's value */
    struct slice method;        /* "POST" */
    struct slice url;           /* as the client asked for it */
    struct slice hosts;         /* of this relay, comma-separated; empty: the url's own counts */
    struct slice body;          /* raw; its hash must be in the payload tag */
    int64_t now;
};

/*
 * Who signed it. once is different for each signature, the same event signed anew included: what
 * was seen before is a replay. False: *error is a static sentence for a 401. The signature is
 * checked last. A header has at most 64 KiB.
 */
NODISCARD bool nip98_check(const struct nip98_request *req, struct arena *arena,
                           struct pubkey *signer, uint8_t once[32], const char **error);

/* Base64 in any of its spellings: padded or not, URL-safe or not. False for anything else. */
NODISCARD bool nip98_base64(struct slice text, struct buf *out);

#endif
