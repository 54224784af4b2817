#ifndef COMMON_OTEL_TRACE_CONTEXT_H
#define COMMON_OTEL_TRACE_CONTEXT_H
/*
 * W3C Trace Context (version 00): how one request is followed through both services. Any thread.
 */
#include "base/slice.h"

enum { TRACEPARENT_BYTES = 55 };

struct trace_context {
    uint8_t trace_id[16];
    uint8_t span_id[8];
    bool sampled; /* false: nothing is recorded, and the rest may be zero */
};

/* Reads a traceparent header. False when it is malformed, of the forbidden version ff, or has an id
 * of zeros; *out is then not sampled. */
NODISCARD bool trace_context_parse(struct slice header, struct trace_context *out);
/* Writes the header's value, with a terminator. */
void trace_context_format(const struct trace_context *c, char out[TRACEPARENT_BYTES + 1]);

#endif
