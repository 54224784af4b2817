#ifndef EVENT_HANDLER_STORE_KEYMAP_H
#define EVENT_HANDLER_STORE_KEYMAP_H
/*
 * A set of fixed-length byte keys, each numbered in order of arrival from 0: what belongs to a key
 * lives in an array of the caller's, indexed by that number. Sized once, lives in an arena, never
 * shrinks. The hash is keyed: clients choose these bytes. One owner.
 */
#include "base/arena.h"

enum { KEYMAP_NONE = -1 };

struct keymap {
    const uint8_t **key; /* borrowed, by number */
    int32_t *slot;       /* number or KEYMAP_NONE; a power of two of them */
    size_t key_len, n, max, mask;
};

/* Room for max keys of key_len bytes. */
NODISCARD bool keymap_init(struct keymap *m, struct arena *arena, size_t key_len, size_t max);
/* The key's number, or KEYMAP_NONE. */
int32_t keymap_find(const struct keymap *m, const void *key);
/* The key's number, new if it was not there; key is borrowed. There must be room. */
int32_t keymap_add(struct keymap *m, const void *key);

#endif
