#ifndef EVENT_HANDLER_STORE_TAG_KEY_H
#define EVENT_HANDLER_STORE_TAG_KEY_H
/*
 * The fixed-width numbers that the indexes hold (store/sql/0001_events.sql): writer and queries must agree on them. Any thread.
 * A prefix or a hash may collide: whoever finds a row by one re-checks the event.
 */
#include "base/siphash.h"
#include "nostr/keys.h"

struct db;

/* The first 8 bytes of a pubkey, so that signed numbers sort as the bytes do. */
int64_t author_key(const struct pubkey *pubkey);
/* Of an id, reversed: among events of one second the lowest id has the highest tie, so that newest first with ties to the lowest
 * id is one backward scan of (created_at, tie). */
int64_t tie_key(const struct event_id *id);
/* Of a one-letter tag and its first value. secret is the database's own, so that nobody can aim for collisions. */
int64_t tag_key(const struct siphash_key *secret, char letter, struct slice value);

/* Reads the secret; errors as db_exec(). */
NODISCARD enum err tag_key_load(struct db *db, struct siphash_key *secret);

#endif
