#include "trust/trust_table.h"

#include <stdlib.h>
#include <string.h>

static_assert(sizeof(struct trust_entry) == 36, "a million keys must stay below 64 MB");

struct trust_table *trust_table_new(size_t n)
{
    struct trust_table *t = calloc(1, sizeof *t);
    size_t slots = 16;

    if (!t)
        return NULL;
    while (slots < n + n / 2)
        slots *= 2;
    t->mask = slots - 1;
    t->room = n;
    t->entry = calloc(n ? n : 1, sizeof *t->entry);
    t->slot = calloc(slots, sizeof *t->slot);
    if (!t->entry || !t->slot) {
        trust_table_free(t);
        return NULL;
    }
    t->secret = siphash_random_key();
    return t;
}

void trust_table_free(struct trust_table *t)
{
    if (!t)
        return;
    free(t->entry);
    free(t->slot);
    free(t);
}

/* The slot that holds pk, or the free one where it belongs. */
static uint32_t *find_slot(const struct trust_table *t, const struct pubkey *pk)
{
    size_t at = siphash(&t->secret, pk->b, sizeof pk->b) & t->mask;

    while (t->slot[at] != 0 && !pubkey_eq(&t->entry[t->slot[at] - 1].pubkey, pk))
        at = (at + 1) & t->mask;
    return &t->slot[at];
}

bool trust_table_put(struct trust_table *t, const struct trust_entry *e)
{
    uint32_t *slot = find_slot(t, &e->pubkey);

    if (*slot == 0) {
        if (t->n == t->room)
            return false;
        *slot = (uint32_t)++t->n;
    } else {
        t->n_trusted -= t->entry[*slot - 1].trusted;
    }
    t->n_trusted += e->trusted;
    t->entry[*slot - 1] = *e;
    return true;
}

const struct trust_entry *trust_table_find(const struct trust_table *t, const struct pubkey *pk)
{
    uint32_t slot = *find_slot(t, pk);

    return slot ? &t->entry[slot - 1] : NULL;
}

size_t trust_table_memory(const struct trust_table *t)
{
    return sizeof *t + t->room * sizeof *t->entry + (t->mask + 1) * sizeof *t->slot;
}
