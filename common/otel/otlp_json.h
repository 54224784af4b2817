#ifndef COMMON_OTEL_OTLP_JSON_H
#define COMMON_OTEL_OTLP_JSON_H
/*
 * The bodies of POST /v1/traces and POST /v1/metrics (OTLP 1.x, JSON encoding). Any thread; the
 * caller frees the text with free(). NULL without memory.
 */
#include "otel/span.h"

struct otlp_clock { /* what turns clock_mono_us() into time of day */
    uint64_t mono_us, unix_us;
};

/* Whose they are. Without an instance, replicas' counters would be taken for one that jumps. */
struct otlp_process {
    const char *service;  /* "websocket-handler" */
    const char *instance; /* of all processes of that service this one: "host:port" */
};

char *otlp_traces_json(const struct span *spans, size_t n, const struct otlp_process *process,
                       const struct otlp_clock *now);
/* All metrics of this process and its siblings (ops/metrics.h), cumulative since they were opened.
 */
char *otlp_metrics_json(const struct otlp_process *process, uint64_t now_unix_us);

/* What a collector says to them. */
struct otlp_answer {
    int64_t rejected; /* spans or data points of a request that it took otherwise */
    char reason[160]; /* "": none */
};
/* Reads the body of an answer: partialSuccess, or the status of a failure. What is neither is an
 * answer without a word. */
void otlp_read_answer(struct slice body, struct otlp_answer *out);

#endif
