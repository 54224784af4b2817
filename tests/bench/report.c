#include "report.h"

#include <stdarg.h>
#include <stdio.h>

enum { COLUMNS = 8, CELL = 160 };

static const char *const heads[COLUMNS] = {"workload", "result", "p50 ms", "p95 ms",
                                           "p99 ms",   "CPU",    "memory", "check"};

void report_init(struct report *r, const struct options *o, const char *fmt, ...)
{
    va_list args;

    *r = (struct report){0};
    buf_init(&r->fault, 4 * KIB);
    va_start(args, fmt);
    if (o->label != NULL)
        snprintf(r->label, sizeof r->label, "%s", o->label);
    else
        vsnprintf(r->label, sizeof r->label, fmt, args);
    va_end(args);
}

void report_fault(struct report *r, const char *fmt, ...)
{
    char words[CELL];
    va_list args;

    va_start(args, fmt);
    vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    buf_printf(&r->fault, "%s%s", r->fault.len > 0 ? ", " : "", words);
}

static const char *plural(const struct report *r)
{
    return strcmp(r->unit, "delivery") == 0 ? "deliveries" : NULL;
}

static void write_units(const struct report *r, char *out)
{
    const char *words = plural(r);
    double n = r->seconds > 0 ? (double)r->units / r->seconds : (double)r->units;

    snprintf(out, CELL, "%.0f %s%s%s", n, words != NULL ? words : r->unit,
             words != NULL || r->units == 1 ? "" : "s", r->seconds > 0 ? "/s" : "");
}

static void write_cpu(const struct report *r, char *out)
{
    double cpu = r->after.cpu_s - r->before.cpu_s;

    if (r->idle_seconds > 0)
        snprintf(out, CELL, "%.1f %% of a core", cpu / r->idle_seconds * 100);
    else if (r->units > 0)
        snprintf(out, CELL, "%.1f us/%s", cpu * 1e6 / (double)r->units, r->unit);
}

static void write_memory(const struct report *r, char *out)
{
    double grown = (r->after.pss_mib - r->before.pss_mib) * 1024;

    if (r->memory_per_unit && r->units > 0)
        snprintf(out, CELL, "%.2f KiB/%s, %.0f MiB in all", grown / (double)r->units, r->unit,
                 r->after.pss_mib);
    else
        snprintf(out, CELL, "%.0f MiB", r->after.pss_mib);
}

static void write_cells(const struct report *r, char cell[COLUMNS][CELL])
{
    static const double percent[] = {50, 95, 99};

    snprintf(cell[0], CELL, "%s", r->label);
    write_units(r, cell[1]);
    for (size_t i = 0; i < ARRAY_LEN(percent); i++)
        if (r->latency != NULL && r->latency->n > 0)
            snprintf(cell[2 + i], CELL, "%.2f", samples_ms(r->latency, percent[i]));
    if (r->after.processes > 0) {
        write_cpu(r, cell[5]);
        write_memory(r, cell[6]);
    }
    snprintf(cell[7], CELL, "%.*s", r->fault.len > 0 ? (int)r->fault.len : 2,
             r->fault.len > 0 ? r->fault.ptr : "ok");
}

static void print_row(FILE *f, char cell[COLUMNS][CELL])
{
    for (size_t i = 0; i < COLUMNS; i++)
        fprintf(f, "| %s ", cell[i]);
    fputs("|\n", f);
}

/* The first row of a file gets the table's head above it. */
static void append_row(const char *path, char cell[COLUMNS][CELL])
{
    FILE *f = fopen(path, "a");

    if (f == NULL)
        bench_die("cannot write %s", path);
    if (ftell(f) == 0) {
        for (size_t i = 0; i < COLUMNS; i++)
            fprintf(f, "| %s ", heads[i]);
        fputs("|\n|---|---|---|---|---|---|---|---|\n", f);
    }
    print_row(f, cell);
    fclose(f);
}

int report_finish(struct report *r, const struct options *o)
{
    char cell[COLUMNS][CELL] = {0};
    int status = r->fault.len > 0 ? 1 : 0;

    write_cells(r, cell);
    printf("%s: %s", cell[0], cell[1]);
    if (cell[2][0] != '\0')
        printf("; p50 %s, p95 %s, p99 %s ms", cell[2], cell[3], cell[4]);
    if (r->after.processes > 0)
        printf("; CPU %s; %s PSS in %zu processes", cell[5], cell[6], r->after.processes);
    if (r->seconds > 0)
        printf("; client %.0f %% of a core", (r->after.own_s - r->before.own_s) / r->seconds * 100);
    printf("; %s\n", cell[7]);
    if (status != 0 && r->example.len > 0)
        printf("  for example: " SLICE_FMT "\n", SLICE_ARG(r->example));
    if (o->row != NULL)
        append_row(o->row, cell);
    buf_deinit(&r->fault);
    return status;
}
