#ifndef COMMON_LIMIT_SUBJECT_TABLE_H
#define COMMON_LIMIT_SUBJECT_TABLE_H
/*
 * A hash table of whom limits are about: an address, a pubkey, a recipient, each within a class of
 * limits. The nodes are embedded in what the owner keeps per subject, and stand in order of last
 * use. Keyed hash, since strangers choose the subjects. One owner, one thread at a time.
 */
#include "base/list.h"
#include "base/siphash.h"
#include "base/slice.h"

enum { SUBJECT_MAX_BYTES = 32 };

struct subject {
    uint8_t class; /* index into the owner's classes */
    uint8_t len;
    uint8_t b[SUBJECT_MAX_BYTES];
};

/* bytes: at most SUBJECT_MAX_BYTES. */
struct subject subject_of(unsigned class, struct slice bytes);

struct subject_node {
    struct subject_node *next; /* of the same bucket */
    struct list use;           /* in the table's order of use */
    struct subject subject;
};

struct subject_table {
    struct subject_node **bucket;
    size_t n, n_buckets; /* n_buckets is a power of two */
    struct list use;     /* least recently used first */
    struct siphash_key key;
};

/* False without memory. */
NODISCARD bool subject_table_init(struct subject_table *t);
void subject_table_deinit(struct subject_table *t); /* the nodes are the owner's */
/* NULL when there is none; otherwise it becomes the most recently used. */
struct subject_node *subject_table_find(struct subject_table *t, const struct subject *s);
/* node->subject is set and not in the table yet. */
void subject_table_add(struct subject_table *t, struct subject_node *node);
void subject_table_remove(struct subject_table *t, struct subject_node *node);
/* NULL when the table is empty. */
struct subject_node *subject_table_oldest(struct subject_table *t);

#endif
