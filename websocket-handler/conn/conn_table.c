#include "conn/conn_table.h"

#include <stdlib.h>

enum { FIRST_SLOTS = 64 };

void conn_table_deinit(struct conn_table *t)
{
    free(t->slots);
    *t = (struct conn_table){0};
}

/* Doubles the table; the new slots become the free list, lowest first. Only called when no slot is
 * free. */
static bool grow(struct conn_table *t)
{
    uint32_t n = t->n_slots ? t->n_slots * 2 : FIRST_SLOTS;
    struct conn_slot *slots;

    if (n < t->n_slots)
        return false;
    slots = realloc(t->slots, n * sizeof(*slots));
    if (!slots)
        return false;
    for (uint32_t i = t->n_slots; i < n; i++)
        slots[i] = (struct conn_slot){.next_free = i + 1 < n ? i + 2 : 0};
    t->first_free = t->n_slots + 1;
    t->slots = slots;
    t->n_slots = n;
    return true;
}

bool conn_table_add(struct conn_table *t, struct conn *c, struct conn_handle *out)
{
    struct conn_slot *slot;

    if (t->first_free == 0 && !grow(t))
        return false;
    out->slot = t->first_free - 1;
    slot = &t->slots[out->slot];
    t->first_free = slot->next_free;
    slot->conn = c;
    out->generation = ++slot->generation; /* from 1: a zeroed handle names nothing */
    t->n_used++;
    return true;
}

void conn_table_remove(struct conn_table *t, struct conn_handle h)
{
    struct conn_slot *slot = &t->slots[h.slot];

    assert(slot->conn && slot->generation == h.generation);
    slot->conn = NULL;
    slot->next_free = t->first_free;
    t->first_free = h.slot + 1;
    t->n_used--;
}

struct conn *conn_table_find(const struct conn_table *t, struct conn_handle h)
{
    if (h.slot >= t->n_slots || t->slots[h.slot].generation != h.generation)
        return NULL;
    return t->slots[h.slot].conn;
}
