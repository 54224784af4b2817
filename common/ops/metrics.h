#ifndef COMMON_OPS_METRICS_H
#define COMMON_OPS_METRICS_H
/*
 * Counters, gauges and histograms in Prometheus' text format.
 *
 * A service describes all its metrics in one table and names them by an enum that indexes it. Values live in shared memory, one
 * row per worker process, so that one process can expose the sum of all of them. Updates are relaxed atomics: any thread.
 */
#include "base/buf.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

enum { METRIC_MAX_LABELS = 24 };

struct metric_def {
    const char *name; /* tandem_ws_connections, ..._total for counters, ..._seconds for histograms */
    enum metric_type type;
    const char *help;
    const char *label;         /* label name, or NULL when there is one series */
    const char *const *values; /* NULL-terminated label values, when label is set; at most METRIC_MAX_LABELS */
};

/* Once, before threads and forks. workers >= 1. Dies without memory. */
void metrics_open(const struct metric_def *defs, size_t n, unsigned workers);
/* Which row this process writes to (0 by default); the row is zeroed, except counters and histograms, which must not fall. */
void metrics_attach(unsigned worker);
void metric_add(unsigned metric, unsigned label, int64_t n);  /* counter or gauge */
void metric_set(unsigned metric, unsigned label, int64_t v);  /* gauge */
void metric_observe(unsigned metric, unsigned label, uint64_t microseconds); /* histogram, exposed in seconds */
int64_t metric_get(unsigned metric, unsigned label); /* summed over workers; for tests and health */
/* The whole exposition, text/plain; version=0.0.4. */
void metrics_write(struct buf *out);

#endif
