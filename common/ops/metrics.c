/*
 * All values are one shared mapping of atomics, a row per worker process:
 *
 *   row 0 | cells of metric 0 | cells of metric 1 | ... | padding to a cache line |
 *   row 1 | ...
 *
 * A metric has a run of cells for each of its label values. A counter's or gauge's run is one cell.
 * A histogram's run is one cell per bucket, not cumulative (the last one takes what is above all
 * bounds), then the sum in microseconds.
 */
#include "ops/metrics.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/clock.h"

/* Upper bounds in microseconds: from one fast query to a hopeless one. */
static const uint64_t bounds_us[] = {100,     250,     500,     1000,    2500,   5000,
                                     10000,   25000,   50000,   100000,  250000, 500000,
                                     1000000, 2500000, 5000000, 10000000};

enum {
    N_BUCKETS = ARRAY_LEN(bounds_us) + 1,
    HISTOGRAM_CELLS = N_BUCKETS + 1,
    CELLS_PER_LINE = 64 / sizeof(int64_t),
};

/* Written by metrics_open() and metrics_attach() only, before threads; the cells are atomics. */
static struct {
    const struct metric_def *defs;
    size_t n_defs;
    size_t *first; /* of each metric: where its cells begin in a row */
    size_t row_cells;
    unsigned workers;
    unsigned worker;        /* the row of this process */
    _Atomic int64_t *cells; /* NULL before metrics_open() */
    uint64_t since_us;      /* wall clock */
} registry;

static size_t count_labels(const struct metric_def *def)
{
    size_t n = 0;

    if (!def->label)
        return 1;
    while (def->values[n])
        n++;
    assert(n > 0 && n <= METRIC_MAX_LABELS);
    return n;
}

static size_t run_length(const struct metric_def *def)
{
    return def->type == METRIC_HISTOGRAM ? HISTOGRAM_CELLS : 1;
}

static void die(const char *what)
{
    perror(what);
    abort();
}

void metrics_open(const struct metric_def *defs, size_t n, unsigned workers)
{
    size_t cells = 0;

    assert(workers >= 1 && !registry.cells);
    registry.first = calloc(n + 1, sizeof(*registry.first));
    if (!registry.first)
        die("metrics");
    for (size_t i = 0; i < n; i++) {
        registry.first[i] = cells;
        cells += count_labels(&defs[i]) * run_length(&defs[i]);
    }
    cells = (cells / CELLS_PER_LINE + 1) * CELLS_PER_LINE;
    registry.cells = mmap(NULL, cells * workers * sizeof(*registry.cells), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (registry.cells == MAP_FAILED)
        die("metrics");
    registry.defs = defs;
    registry.n_defs = n;
    registry.row_cells = cells;
    registry.workers = workers;
    registry.worker = 0;
    registry.since_us = (uint64_t)clock_unix_us();
}

uint64_t metrics_since_us(void)
{
    return registry.since_us;
}

void metrics_attach(unsigned worker)
{
    assert(registry.cells && worker < registry.workers);
    registry.worker = worker;
    for (size_t i = 0; i < registry.n_defs; i++) {
        if (registry.defs[i].type != METRIC_GAUGE)
            continue;
        for (size_t label = 0; label < count_labels(&registry.defs[i]); label++)
            metric_set((unsigned)i, (unsigned)label, 0);
    }
}

/* The first cell of a series in this process's row. */
static _Atomic int64_t *series(unsigned metric, unsigned label)
{
    assert(metric < registry.n_defs);
    return registry.cells + registry.worker * registry.row_cells + registry.first[metric] +
           label * run_length(&registry.defs[metric]);
}

void metric_add(unsigned metric, unsigned label, int64_t n)
{
    if (registry.cells)
        atomic_fetch_add_explicit(series(metric, label), n, memory_order_relaxed);
}

void metric_set(unsigned metric, unsigned label, int64_t v)
{
    if (registry.cells)
        atomic_store_explicit(series(metric, label), v, memory_order_relaxed);
}

void metric_observe(unsigned metric, unsigned label, uint64_t microseconds)
{
    _Atomic int64_t *run;
    size_t bucket = 0;

    if (!registry.cells)
        return;
    assert(registry.defs[metric].type == METRIC_HISTOGRAM);
    run = series(metric, label);
    while (bucket < ARRAY_LEN(bounds_us) && microseconds > bounds_us[bucket])
        bucket++;
    atomic_fetch_add_explicit(run + bucket, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(run + N_BUCKETS, (int64_t)microseconds, memory_order_relaxed);
}

/* One cell of a series, summed over all workers. */
static int64_t sum_cells(size_t metric, size_t label, size_t cell)
{
    size_t at = registry.first[metric] + label * run_length(&registry.defs[metric]) + cell;
    int64_t sum = 0;

    for (unsigned w = 0; w < registry.workers; w++)
        sum += atomic_load_explicit(registry.cells + w * registry.row_cells + at,
                                    memory_order_relaxed);
    return sum;
}

int64_t metric_get(unsigned metric, unsigned label)
{
    int64_t sum = 0;

    if (!registry.cells)
        return 0;
    assert(metric < registry.n_defs);
    if (registry.defs[metric].type != METRIC_HISTOGRAM)
        return sum_cells(metric, label, 0);
    for (size_t bucket = 0; bucket < N_BUCKETS; bucket++)
        sum += sum_cells(metric, label, bucket);
    return sum;
}

static void visit_series(size_t metric, size_t label,
                         void (*fn)(const struct metric_point *point, void *ctx), void *ctx)
{
    const struct metric_def *def = &registry.defs[metric];
    int64_t bucket[N_BUCKETS];
    struct metric_point point = {.def = def, .label_value = def->label ? def->values[label] : NULL};

    if (def->type == METRIC_HISTOGRAM) {
        for (size_t i = 0; i < N_BUCKETS; i++) {
            bucket[i] = sum_cells(metric, label, i);
            point.value += bucket[i];
        }
        point.bucket = bucket;
        point.n_buckets = N_BUCKETS;
        point.bound_us = bounds_us;
        point.sum_us = sum_cells(metric, label, N_BUCKETS);
    } else {
        point.value = sum_cells(metric, label, 0);
    }
    fn(&point, ctx);
}

void metrics_visit(void (*fn)(const struct metric_point *point, void *ctx), void *ctx)
{
    for (size_t i = 0; i < registry.n_defs; i++)
        for (size_t label = 0; label < count_labels(&registry.defs[i]); label++)
            visit_series(i, label, fn, ctx);
}

/* `{label="value"}` or nothing. */
static void write_label(struct buf *out, const struct metric_def *def, size_t label)
{
    if (def->label)
        buf_printf(out, "{%s=\"%s\"}", def->label, def->values[label]);
}

static void write_bucket(struct buf *out, const struct metric_def *def, size_t label,
                         const char *bound, int64_t n)
{
    buf_printf(out, "%s_bucket{", def->name);
    if (def->label)
        buf_printf(out, "%s=\"%s\",", def->label, def->values[label]);
    buf_printf(out, "le=\"%s\"} %" PRId64 "\n", bound, n);
}

static void write_histogram(struct buf *out, size_t metric, size_t label)
{
    const struct metric_def *def = &registry.defs[metric];
    int64_t count = 0;

    for (size_t bucket = 0; bucket < N_BUCKETS; bucket++) {
        char bound[32] = "+Inf";

        if (bucket < ARRAY_LEN(bounds_us))
            snprintf(bound, sizeof(bound), "%g", (double)bounds_us[bucket] / 1e6);
        count += sum_cells(metric, label, bucket);
        write_bucket(out, def, label, bound, count);
    }
    buf_printf(out, "%s_sum", def->name);
    write_label(out, def, label);
    buf_printf(out, " %.6f\n%s_count", (double)sum_cells(metric, label, N_BUCKETS) / 1e6,
               def->name);
    write_label(out, def, label);
    buf_printf(out, " %" PRId64 "\n", count);
}

void metrics_write(struct buf *out)
{
    static const char *const type_names[] = {"counter", "gauge", "histogram"};

    for (size_t i = 0; i < registry.n_defs; i++) {
        const struct metric_def *def = &registry.defs[i];

        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", def->name, def->help, def->name,
                   type_names[def->type]);
        for (size_t label = 0; label < count_labels(def); label++) {
            if (def->type == METRIC_HISTOGRAM) {
                write_histogram(out, i, label);
                continue;
            }
            buf_add_str(out, def->name);
            write_label(out, def, label);
            buf_printf(out, " %" PRId64 "\n", sum_cells(i, label, 0));
        }
    }
}
