#ifndef WEBSOCKET_HANDLER_LIVE_KEY_TABLE_H
#define WEBSOCKET_HANDLER_LIVE_KEY_TABLE_H
/*
 * From a 64-bit key to the list of postings under it. The keys are keyed hashes (siphash), so
 * clients cannot choose them; whoever looks something up must check what it finds, since two values
 * may share a key.
 *
 * Open addressing with linear probing, 16 bytes a slot, at most 3/4 full; deletion shifts back
 * instead of leaving marks. Loop thread only.
 */
#include "base/base.h"

struct live_filter;

struct posting {
    struct posting *next, *prev; /* others under the same key; prev is NULL in the first */
    struct live_filter *filter;  /* what is posted */
    uint64_t key;
};

struct key_slot {
    uint64_t key;
    struct posting *head; /* NULL: the slot is free */
};

struct key_table {
    struct key_slot *slot; /* NULL while empty */
    size_t room;           /* a power of two, or 0 */
    size_t used;
};

void key_table_deinit(struct key_table *t);
/* Makes sure that n further keys fit; false without memory. */
NODISCARD bool key_table_reserve(struct key_table *t, size_t n);
/* Adds p under p->key. Room must have been reserved. */
void key_table_add(struct key_table *t, struct posting *p);
void key_table_remove(struct key_table *t, struct posting *p);
/* The first posting under key, or NULL. */
struct posting *key_table_find(const struct key_table *t, uint64_t key);

#endif
