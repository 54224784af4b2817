#ifndef COMMON_BASE_SIPHASH_H
#define COMMON_BASE_SIPHASH_H
/*
 * SipHash-2-4: a keyed 64-bit hash of short inputs, for tables that hostile clients can fill.
 * Any thread. The result is the same on every machine for the same key and bytes.
 */
#include "base/base.h"
#include "base/slice.h"

struct siphash_key {
    uint64_t k0, k1;
};

uint64_t siphash(const struct siphash_key *key, const void *bytes, size_t n);
/* A random key from the system's generator. */
struct siphash_key siphash_random_key(void);

#endif
