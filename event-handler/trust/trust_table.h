#ifndef EVENT_HANDLER_TRUST_TRUST_TABLE_H
#define EVENT_HANDLER_TRUST_TRUST_TABLE_H
/*
 * One generation of the Web of Trust in memory: who is how far from the admins, and followed by how
 * many of their circle. Filled once, then read by any thread: 36 bytes a key and 4 bytes a slot, so
 * a million keys take 44 MB. Keys are found by their own bytes under a secret hash.
 */
#include "base/siphash.h"
#include "nostr/keys.h"

enum { TRUST_LEVEL_NONE = 255 }; /* not reachable from the admins */

struct trust_entry {
    struct pubkey pubkey;
    uint8_t level;      /* 0: an admin; 1: followed by one; 2: followed by those; ... */
    bool trusted : 1;   /* within the depth and followed by enough, or an admin's follow */
    bool muted : 1;     /* by an admin (kind 10000) */
    bool follows : 1;   /* an admin whose list names somebody */
    uint16_t followers; /* distinct people of the circle who follow, at most 65535 */
};

struct trust_table {
    struct siphash_key secret;
    struct trust_entry *entry; /* owned */
    uint32_t *slot;            /* index into entry plus one, 0 for a free one */
    size_t n, room, mask;
    size_t n_trusted;
    uint64_t generation;   /* 0: nothing was ever computed */
    int64_t finished_unix; /* when it was computed, seconds since 1970 */
};

/* An empty table with room for n keys. NULL without memory. */
struct trust_table *trust_table_new(size_t n);
void trust_table_free(struct trust_table *t); /* NULL is fine */
/* Adds a key, or replaces what was known of it. False when the room is used up. */
NODISCARD bool trust_table_put(struct trust_table *t, const struct trust_entry *e);
/* NULL for somebody nobody knows. Valid as long as the table. */
const struct trust_entry *trust_table_find(const struct trust_table *t, const struct pubkey *pk);
/* What it takes, in bytes. */
size_t trust_table_memory(const struct trust_table *t);

#endif
