#ifndef TESTS_BENCH_RNG_H
#define TESTS_BENCH_RNG_H
/*
 * Random numbers that are the same on every machine for a seed (splitmix64; integers only, because
 * libm may round differently elsewhere).
 */
#include "base/base.h"

struct rng {
    uint64_t state;
};

static inline uint64_t rng_next(struct rng *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 to n - 1; n is at least 1. */
static inline size_t rng_below(struct rng *r, size_t n)
{
    return (size_t)(rng_next(r) % n);
}

static inline bool rng_chance(struct rng *r, unsigned percent)
{
    return rng_below(r, 100) < percent;
}

/* 0 to n - 1, with a long tail: each power of two of ranks is about equally likely, so that a few
 * are popular, as authors and topics are. */
static inline size_t rng_rank(struct rng *r, size_t n)
{
    unsigned digits = 64 - (unsigned)__builtin_clzll(n);
    size_t step = (size_t)1 << rng_below(r, digits);
    size_t rank = step + rng_below(r, step) - 1;

    return rank < n ? rank : rng_below(r, n);
}

#endif
