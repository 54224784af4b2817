#ifndef EVENT_HANDLER_INGEST_VERIFIED_H
#define EVENT_HANDLER_INGEST_VERIFIED_H
/*
 * Events whose signature was good lately: clients like to publish everything again, and the check
 * is the dearest part of a duplicate. Remembered is a 128-bit keyed hash of the canonical JSON,
 * signature included, so that only the very same event is recognised. A fixed table; newer entries
 * push older ones out. Any thread.
 */
#include <pthread.h>

#include "base/siphash.h"

struct verified_entry {
    uint64_t a, b;
};

struct verified {
    pthread_mutex_t lock;
    struct siphash_key key_a, key_b;
    struct verified_entry *entry;
    size_t mask;
};

/* entries is a power of two. */
NODISCARD bool verified_init(struct verified *v, size_t entries);
void verified_deinit(struct verified *v);
struct verified_entry verified_hash(const struct verified *v, struct slice json);
bool verified_has(struct verified *v, struct verified_entry e);
void verified_add(struct verified *v, struct verified_entry e);

#endif
