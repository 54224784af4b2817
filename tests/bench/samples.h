#ifndef TESTS_BENCH_SAMPLES_H
#define TESTS_BENCH_SAMPLES_H
/* Latencies in microseconds, all of them, so that percentiles are exact. */
#include "base/base.h"

struct samples {
    uint32_t *us;
    size_t n, room;
    bool sorted;
};

void samples_add(struct samples *s, uint64_t us);
void samples_free(struct samples *s);
/* The value that `percent` of all samples do not exceed, in milliseconds; 0 when there is none. */
double samples_ms(struct samples *s, double percent);

#endif
