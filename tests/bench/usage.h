#ifndef TESTS_BENCH_USAGE_H
#define TESTS_BENCH_USAGE_H
/*
 * What the relay under measurement costs: processor time and memory of whole process trees, read
 * from /proc. The roots are the processes that the operator started (services, PostgreSQL's
 * postmaster, Redis); their children count with them, also those that have ended meanwhile and were
 * waited for.
 *
 * On a shared machine processor time per unit of work is far steadier than the rate. Memory is PSS:
 * pages that several processes share (PostgreSQL's buffers) are counted once.
 */
#include <sys/types.h>

#include "base/base.h"

enum { USAGE_MAX_ROOTS = 64 };

struct usage_roots {
    pid_t pid[USAGE_MAX_ROOTS];
    size_t n;
};

struct usage {
    double cpu_s;   /* user and system time since each process began */
    double pss_mib; /* 0 unless asked for */
    double own_s;   /* the same of this tool: near the duration of a run, it was the bottleneck */
    size_t processes;
};

/* Reads white-space separated process ids; path NULL gives no roots. Dies when one does not run. */
void usage_roots_load(struct usage_roots *roots, const char *path);
/* Without roots only own_s is known. Reading memory walks page tables: not while the clock runs. */
struct usage usage_read(const struct usage_roots *roots, bool with_memory);

#endif
