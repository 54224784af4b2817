#ifndef COMMON_OTEL_SPAN_H
#define COMMON_OTEL_SPAN_H
/* One finished piece of work, as OpenTelemetry tells it. Plain data: any thread. */
#include "otel/trace_context.h"

enum { SPAN_MAX_ATTRIBUTES = 6 };

enum span_kind { SPAN_INTERNAL = 1, SPAN_SERVER = 2, SPAN_CLIENT = 3 }; /* OTLP's numbers */

struct span_attribute {
    const char *key; /* static */
    int64_t value;
};

struct span {
    const char *name; /* static */
    enum span_kind kind;
    struct trace_context context;
    uint8_t parent_id[8]; /* zeros: the trace begins here */
    uint64_t start_us;    /* clock_mono_us() */
    uint64_t end_us;      /* the same */
    struct span_attribute attribute[SPAN_MAX_ATTRIBUTES];
    unsigned n_attributes;
    bool failed;
};

/* Ignored when there is no room. */
static inline void span_set(struct span *s, const char *key, int64_t value)
{
    if (s->n_attributes < SPAN_MAX_ATTRIBUTES)
        s->attribute[s->n_attributes++] = (struct span_attribute){key, value};
}

#endif
