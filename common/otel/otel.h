#ifndef COMMON_OTEL_OTEL_H
#define COMMON_OTEL_OTEL_H
/*
 * Traces and metrics to an OpenTelemetry collector: OTLP over HTTP in JSON, from a thread of its
 * own. Nothing ever waits for it: spans go into a bounded queue and are dropped when it is full.
 * A collector that is away or has too much to do (429, 502, 503, 504) is left alone for as long as
 * its Retry-After says, a few seconds at least; the spans wait meanwhile.
 *
 * One per process, started after forks. While it is not started all calls do nothing.
 */
#include "base/buf.h"
#include "otel/span.h"

struct otel_options {     /* strings are copied */
    const char *endpoint; /* http://collector:4318 ; "" switches all of it off */
    const char *headers; /* "key=value,key=value", as OTEL_EXPORTER_OTLP_HEADERS has them; secret */
    const char *service; /* "websocket-handler" */
    int64_t port;        /* its own, which tells it from others of its name on this host */
    const char *sample_ratio; /* of traces that begin here: "0" to "1" */
    int64_t metric_interval_ms;
    bool with_metrics; /* of several workers that share their metrics only one tells them */
};

/* For the settings' table (ops/settings.h): false after saying what is wrong. */
bool otel_check_endpoint(const char *value, struct buf *error);
bool otel_check_headers(const char *value, struct buf *error);
bool otel_check_ratio(const char *value, struct buf *error);

/* Before other threads may call. False without a thread or memory; OK without an endpoint. */
NODISCARD bool otel_start(const struct otel_options *options);
/* Sends what is queued, for a few seconds at most. After all threads that end spans have ended. */
void otel_stop(void);

/* A span that begins a trace, by the sampling ratio. Any thread. */
void otel_begin(struct span *s, const char *name, enum span_kind kind);
/* A span below parent; recorded when the parent is. Any thread. */
void otel_begin_child(struct span *s, const char *name, enum span_kind kind,
                      const struct trace_context *parent);
/* Takes a copy when the span is sampled. Any thread. */
void otel_end(struct span *s);

/* Spans that were dropped because the queue was full or the collector refused them, all of a POST
 * or some (partial success), or was away at the end. */
uint64_t otel_dropped(void);

#endif
