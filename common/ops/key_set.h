#ifndef COMMON_OPS_KEY_SET_H
#define COMMON_OPS_KEY_SET_H
/*
 * A set of 32-byte keys (pubkeys or event ids), filled once and then read by any thread: a sorted
 * array. The list forms accept hex in either case and npub (NIP-19).
 */
#include "base/buf.h"
#include "nostr/keys.h"

struct key_set {
    uint8_t (*key)[32]; /* owned; ascending once sealed */
    size_t n, room;
};

void key_set_deinit(struct key_set *s); /* of a zeroed or filled set; leaves it empty */
/* False without memory. */
NODISCARD bool key_set_add(struct key_set *s, const uint8_t key[32]);
/* Sorts and drops doubles: once after the last key_set_add(), before the first key_set_has(). */
void key_set_seal(struct key_set *s);
bool key_set_has(const struct key_set *s, const uint8_t key[32]);
static inline bool key_set_has_pubkey(const struct key_set *s, const struct pubkey *pk)
{
    return s->n > 0 && key_set_has(s, pk->b);
}

/* One pubkey as people write it: 64 hex digits or npub. */
NODISCARD bool pubkey_parse_text(struct slice text, struct pubkey *out);
/*
 * A comma-separated list of such, added to the set, which is then sealed. False after naming the
 * entry at fault in error, also without memory; a secret key (nsec) is refused without showing it.
 */
NODISCARD bool key_set_parse(struct slice text, struct key_set *s, struct buf *error);
/* The same without keeping the result: a setting's check (ops/settings.h). */
bool key_set_check(const char *text, struct buf *error);

#endif
