#ifndef COMMON_BASE_ARENA_H
#define COMMON_BASE_ARENA_H
/*
 * Per-message memory: many small allocations, one release.
 *
 * An arena hands out pieces of large blocks. Nothing is freed singly; arena_reset() makes
 * everything handed out so far invalid and keeps the first block for reuse. The cap bounds what a
 * peer can make us hold: an allocation that would pass it returns NULL. One owner, one thread at a
 * time.
 */
#include "base/base.h"
#include "base/slice.h"

struct arena_block;

struct arena {
    struct arena_block *head; /* newest block; allocations come from its end */
    size_t used;              /* bytes handed out since the last reset */
    size_t cap;               /* most bytes ever handed out between resets */
};

/* Prepares an empty arena; allocates nothing. cap is in bytes. */
void arena_init(struct arena *a, size_t cap);
/* Frees all blocks. Everything handed out becomes invalid. */
void arena_deinit(struct arena *a);
/* Makes everything handed out invalid; keeps one block of at most 64 KiB. */
void arena_reset(struct arena *a);
/* size bytes aligned to 16, or NULL when the cap or the system's memory is reached. size 0 gives a
 * valid pointer. */
NODISCARD void *arena_alloc(struct arena *a, size_t size);
/* The same, for n elements of size bytes, zeroed; checks the product for overflow. */
NODISCARD void *arena_calloc(struct arena *a, size_t n, size_t size);
/* A copy of s that lives as long as the arena; {NULL, 0} when out of memory and s.len > 0. */
NODISCARD struct slice arena_copy(struct arena *a, struct slice s);

#endif
