#ifndef COMMON_OPS_METRICS_H
#define COMMON_OPS_METRICS_H
/*
 * Counters, gauges and histograms in Prometheus' text format.
 *
 * A service describes all its metrics in one table and names them by an enum that indexes it.
 * Values live in shared memory, one row per worker process, so that one process can expose the sum
 * of all of them. Updates are relaxed atomics: any thread.
 */
#include "base/buf.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

enum { METRIC_MAX_LABELS = 24 };

struct metric_def {
    const char *name; /* tandem_...; counters end in _total, histograms in _seconds */
    enum metric_type type;
    const char *help;
    const char *label;         /* its name, or NULL when there is one series */
    const char *const *values; /* of the label, NULL-terminated; at most METRIC_MAX_LABELS */
};

/* Once, before threads and forks. workers >= 1. Dies without memory. */
void metrics_open(const struct metric_def *defs, size_t n, unsigned workers);
/* When that was, in microseconds since 1970; 0 before. A process that is started anew after a fork
 * counts on, so this is since when counters count. */
uint64_t metrics_since_us(void);
/* Which row this process writes to (0 by default); the row is zeroed, except counters and
 * histograms, which must not fall. */
void metrics_attach(unsigned worker);

/* label is the index of the label's value; 0 when there is one series. Before metrics_open()
 * updates go nowhere, so that a module's tests need no metrics. */
void metric_add(unsigned metric, unsigned label, int64_t n); /* counter or gauge */
void metric_set(unsigned metric, unsigned label, int64_t v); /* gauge */
/* Histogram; exposed in seconds. */
void metric_observe(unsigned metric, unsigned label, uint64_t microseconds);
/* Summed over all workers; of a histogram the number of observations. For tests and health. */
int64_t metric_get(unsigned metric, unsigned label);

struct metric_point { /* one series, summed over all workers */
    const struct metric_def *def;
    const char *label_value; /* NULL when there is one series */
    int64_t value;           /* counter, gauge; of a histogram the number of observations */
    /* Histograms: not cumulative; the last bucket holds what is above all bounds. */
    const int64_t *bucket;
    size_t n_buckets;
    const uint64_t *bound_us; /* n_buckets - 1 */
    int64_t sum_us;
};
/* Calls fn for each series; those of one metric follow each other. The point is valid for the call.
 */
void metrics_visit(void (*fn)(const struct metric_point *point, void *ctx), void *ctx);

/* The whole exposition, text/plain; version=0.0.4. */
void metrics_write(struct buf *out);

#endif
