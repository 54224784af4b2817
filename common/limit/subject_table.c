#include "limit/subject_table.h"

#include <stdlib.h>

enum { FIRST_BUCKETS = 64 };

struct subject subject_of(unsigned class, struct slice bytes)
{
    struct subject s = {.class = (uint8_t) class, .len = (uint8_t)bytes.len};

    assert(bytes.len <= sizeof s.b);
    if (bytes.len > 0)
        memcpy(s.b, bytes.ptr, bytes.len);
    return s;
}

/* The bytes that are not used are zero, so whole structs compare. */
static bool same(const struct subject *a, const struct subject *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static struct subject_node **bucket_of(const struct subject_table *t, const struct subject *s)
{
    uint64_t hash = siphash(&t->key, s, offsetof(struct subject, b) + s->len);

    return &t->bucket[hash & (t->n_buckets - 1)];
}

bool subject_table_init(struct subject_table *t)
{
    *t = (struct subject_table){.n_buckets = FIRST_BUCKETS, .key = siphash_random_key()};
    list_init(&t->use);
    t->bucket = calloc(FIRST_BUCKETS, sizeof(struct subject_node *));
    return t->bucket != NULL;
}

void subject_table_deinit(struct subject_table *t)
{
    free(t->bucket);
    *t = (struct subject_table){0};
}

struct subject_node *subject_table_find(struct subject_table *t, const struct subject *s)
{
    struct subject_node *node = *bucket_of(t, s);

    while (node && !same(&node->subject, s))
        node = node->next;
    if (node) {
        list_remove(&node->use);
        list_push(&t->use, &node->use);
    }
    return node;
}

static void put(struct subject_table *t, struct subject_node *node)
{
    struct subject_node **bucket = bucket_of(t, &node->subject);

    node->next = *bucket;
    *bucket = node;
}

/* Twice as many buckets; without memory the chains grow longer, which is only slower. */
static void grow(struct subject_table *t)
{
    struct subject_node **larger = calloc(2 * t->n_buckets, sizeof(struct subject_node *));

    if (!larger)
        return;
    free(t->bucket);
    t->bucket = larger;
    t->n_buckets *= 2;
    for (struct list *item = t->use.next; item != &t->use; item = item->next)
        put(t, container_of(item, struct subject_node, use));
}

void subject_table_add(struct subject_table *t, struct subject_node *node)
{
    list_init(&node->use);
    list_push(&t->use, &node->use);
    put(t, node);
    if (++t->n > t->n_buckets)
        grow(t);
}

void subject_table_remove(struct subject_table *t, struct subject_node *node)
{
    struct subject_node **link = bucket_of(t, &node->subject);

    while (*link != node)
        link = &(*link)->next;
    *link = node->next;
    list_remove(&node->use);
    t->n--;
}

struct subject_node *subject_table_oldest(struct subject_table *t)
{
    return list_empty(&t->use) ? NULL : container_of(t->use.next, struct subject_node, use);
}
