#ifndef EVENT_HANDLER_ACCESS_RELAY_KEY_H
#define EVENT_HANDLER_ACCESS_RELAY_KEY_H
/*
 * The relay's own key: "self" in NIP-11, what signs membership (NIP-43). It comes from
 * RELAY_SECRET_KEY, or is made once and kept in the database (relay_secret), so that all event
 * handlers have the same. Immutable: any thread.
 */
#include "nostr/event.h"
#include "store/db.h"

struct relay_key;

/* A setting's check: "", 64 hex digits or nsec. */
bool relay_key_check(const char *text, struct buf *error);

/* text is RELAY_SECRET_KEY or "". Errors as db_exec(), ERR_NOMEM, ERR_CONFIG for a text that
 * relay_key_check() refuses. */
NODISCARD enum err relay_key_load(struct db *db, const char *text, struct relay_key **out);
void relay_key_free(struct relay_key *key); /* NULL is fine */

const struct pubkey *relay_key_pubkey(const struct relay_key *key);
/* Fills in pubkey, id and sig. False without memory. */
NODISCARD bool relay_key_sign(const struct relay_key *key, struct event *ev);
/* HMAC-SHA256 under a key of its own, derived from the secret. */
void relay_key_mac(const struct relay_key *key, const void *bytes, size_t n, uint8_t out[32]);

#endif
