/*
 * Blocks form a singly linked list, newest first; allocations are cut from the front of the newest
 * one's free room. Block sizes double from 4 KiB to 64 KiB, so a small message costs one malloc and
 * a big one few; a request that is larger still gets a block of its own size.
 */
#include "base/arena.h"

#include <stdlib.h>

enum { ALIGNMENT = 16, FIRST_BLOCK = 4096, LARGEST_KEPT = 65536 };

struct arena_block {
    struct arena_block *next;
    size_t size; /* of bytes[] */
    size_t used; /* of bytes[], a multiple of ALIGNMENT */
    _Alignas(ALIGNMENT) char bytes[];
};

void arena_init(struct arena *a, size_t cap)
{
    *a = (struct arena){.cap = cap};
}

void arena_deinit(struct arena *a)
{
    struct arena_block *block = a->head;

    while (block) {
        struct arena_block *next = block->next;

        free(block);
        block = next;
    }
    *a = (struct arena){.cap = a->cap};
}

void arena_reset(struct arena *a)
{
    struct arena_block *kept = NULL;
    struct arena_block *block = a->head;

    /* Keep the largest block of modest size: the next message then needs no malloc. */
    while (block) {
        struct arena_block *next = block->next;

        if (block->size <= LARGEST_KEPT && (!kept || block->size > kept->size)) {
            free(kept);
            kept = block;
        } else {
            free(block);
        }
        block = next;
    }
    if (kept) {
        kept->next = NULL;
        kept->used = 0;
    }
    a->head = kept;
    a->used = 0;
}

static bool add_block(struct arena *a, size_t at_least)
{
    size_t size = a->head ? a->head->size * 2 : FIRST_BLOCK;
    struct arena_block *block;

    if (size > LARGEST_KEPT)
        size = LARGEST_KEPT;
    if (size < at_least)
        size = at_least;
    block = malloc(sizeof *block + size);
    if (!block)
        return false;
    block->next = a->head;
    block->size = size;
    block->used = 0;
    a->head = block;
    return true;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t rounded;
    char *p;

    if (size > a->cap - a->used || size > PTRDIFF_MAX) /* so that the sums below cannot wrap */
        return NULL;
    rounded = (size + (ALIGNMENT - 1)) & ~(size_t)(ALIGNMENT - 1);
    if ((!a->head || a->head->size - a->head->used < rounded) && !add_block(a, rounded))
        return NULL;
    p = a->head->bytes + a->head->used;
    a->head->used += rounded;
    a->used += size;
    return p;
}

void *arena_calloc(struct arena *a, size_t n, size_t size)
{
    size_t total;
    void *p;

    if (__builtin_mul_overflow(n, size, &total))
        return NULL;
    p = arena_alloc(a, total);
    if (p)
        memset(p, 0, total);
    return p;
}

struct slice arena_copy(struct arena *a, struct slice s)
{
    char *p = arena_alloc(a, s.len);

    if (!p)
        return (struct slice){NULL, 0};
    if (s.len > 0)
        memcpy(p, s.ptr, s.len);
    return (struct slice){p, s.len};
}
