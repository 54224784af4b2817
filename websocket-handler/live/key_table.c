#include "live/key_table.h"

#include <stdlib.h>

enum { SMALLEST_ROOM = 64 };

void key_table_deinit(struct key_table *t)
{
    free(t->slot);
    *t = (struct key_table){0};
}

/* The slot that holds key, or the free one where it belongs. */
static size_t probe(const struct key_table *t, uint64_t key)
{
    size_t mask = t->room - 1;
    size_t i = (size_t)key & mask;

    while (t->slot[i].head && t->slot[i].key != key)
        i = (i + 1) & mask;
    return i;
}

static bool resize(struct key_table *t, size_t room)
{
    struct key_table next = {
        .slot = calloc(room, sizeof *next.slot), .room = room, .used = t->used};

    if (!next.slot)
        return false;
    for (size_t i = 0; i < t->room; i++)
        if (t->slot[i].head)
            next.slot[probe(&next, t->slot[i].key)] = t->slot[i];
    free(t->slot);
    *t = next;
    return true;
}

bool key_table_reserve(struct key_table *t, size_t n)
{
    size_t room = t->room ? t->room : SMALLEST_ROOM;

    while ((t->used + n) * 4 > room * 3)
        room *= 2;
    return room == t->room || resize(t, room);
}

void key_table_add(struct key_table *t, struct posting *p)
{
    struct key_slot *slot = &t->slot[probe(t, p->key)];

    if (!slot->head)
        t->used++;
    assert(t->used < t->room);
    slot->key = p->key;
    p->prev = NULL;
    p->next = slot->head;
    if (p->next)
        p->next->prev = p;
    slot->head = p;
}

/* Frees slot i and moves later members of its cluster up, so that no probe meets a hole before its
 * key. */
static void free_slot(struct key_table *t, size_t i)
{
    size_t mask = t->room - 1;

    for (size_t j = (i + 1) & mask; t->slot[j].head; j = (j + 1) & mask) {
        size_t home = (size_t)t->slot[j].key & mask;

        if (((j - home) & mask) >= ((j - i) & mask)) {
            t->slot[i] = t->slot[j];
            i = j;
        }
    }
    t->slot[i].head = NULL;
    t->used--;
}

void key_table_remove(struct key_table *t, struct posting *p)
{
    if (p->next)
        p->next->prev = p->prev;
    if (p->prev) {
        p->prev->next = p->next;
        return;
    }
    size_t i = probe(t, p->key);

    assert(t->slot[i].head == p);
    t->slot[i].head = p->next;
    if (p->next)
        return;
    free_slot(t, i);
    /* Half the memory back after a storm of subscriptions; without memory the large table is as
     * good. */
    if (t->room > SMALLEST_ROOM && t->used * 8 < t->room)
        (void)!resize(t, t->room / 2);
}

struct posting *key_table_find(const struct key_table *t, uint64_t key)
{
    return t->used ? t->slot[probe(t, key)].head : NULL;
}
