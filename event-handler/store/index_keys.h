#ifndef EVENT_HANDLER_STORE_INDEX_KEYS_H
#define EVENT_HANDLER_STORE_INDEX_KEYS_H
/*
 * The fixed-width numbers that stand for keys and values in the indexes of 0001_events.sql. Written
 * by ingest, asked for by query: one definition. Any thread.
 */
#include "base/siphash.h"
#include "nostr/keys.h"
#include "store/db.h"

/* The first 8 bytes as a number whose signed order is the order of the bytes. */
static inline int64_t index_prefix(const uint8_t bytes[32])
{
    uint64_t v = 0;

    for (int i = 0; i < 8; i++)
        v = v << 8 | bytes[i];
    return (int64_t)(v ^ UINT64_C(1) << 63);
}

static inline int64_t index_author(const struct pubkey *pk)
{
    return index_prefix(pk->b);
}

/* Descending by tie is ascending by id. */
static inline int64_t index_tie(const struct event_id *id)
{
    return ~index_prefix(id->b);
}

/* event_tags.key and events.tag_keys: the letter changes the key, so that #e and #E of one value
 * differ. */
static inline int64_t index_tag_key(const struct siphash_key *secret, char letter,
                                    struct slice value)
{
    struct siphash_key key = {secret->k0, secret->k1 ^ (uint8_t)letter};

    return (int64_t)siphash(&key, value.ptr, value.len);
}

/* This database's own secret (relay_secret), which makes tag keys unpredictable for those who
 * choose the values. */
NODISCARD enum err index_tag_secret_load(struct db *db, struct siphash_key *out);

#endif
