#ifndef TESTS_BENCH_REPORT_H
#define TESTS_BENCH_REPORT_H
/* The result of a run: printed for people, and appended to a file as the row of a Markdown table.
 */
#include "base/buf.h"
#include "bench.h"
#include "samples.h"
#include "usage.h"

struct report {
    char label[96];   /* "ingest 32 x 128" */
    const char *unit; /* what was counted: "event", "REQ", "delivery", "connection" */
    size_t units;
    double seconds;          /* what the units took; 0: the number alone counts */
    struct samples *latency; /* NULL: none was taken */
    struct usage before, after;
    double idle_seconds;  /* over 0: CPU is shown as a share of this time instead of per unit */
    bool memory_per_unit; /* show also the growth of memory, per unit */
    struct buf fault;     /* what the relay did wrong, in a few words; empty when all is well */
    struct slice example; /* of the fault; may be empty */
};

/* --label, or else the words of fmt. */
void report_init(struct report *r, const struct options *o, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Adds one thing that the relay did wrong. */
void report_fault(struct report *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Prints the report, appends the row to --row, frees the fault. Returns the exit status: 1 on
 * fault. */
int report_finish(struct report *r, const struct options *o);

#endif
