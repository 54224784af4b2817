#include "otel/otlp_json.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "ops/metrics.h"

enum { CUMULATIVE = 2, STATUS_ERROR = 2 }; /* OTLP's numbers */

/* 64-bit integers are strings in OTLP's JSON. */
static json_t *integer(int64_t v)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRId64, v);
    return json_string(text);
}

static json_t *nanoseconds(uint64_t us)
{
    return integer((int64_t)(us * 1000));
}

static json_t *hex(const uint8_t *bytes, size_t n)
{
    char text[32];

    hex_encode(bytes, n, text);
    return json_stringn(text, 2 * n);
}

static json_t *text_attribute(const char *key, const char *value)
{
    return json_pack("{s:s, s:{s:s}}", "key", key, "value", "stringValue", value);
}

/* {<outer>:[{"resource":..,<inner>:[{"scope":..,<items>:[..]}]}]} ; takes items over. */
static char *envelope(const char *outer, const char *inner, const char *items_name, json_t *items,
                      const struct otlp_process *process)
{
    json_t *doc = json_pack("{s:[{s:{s:[o, o, o]}, s:[{s:{s:s, s:s}, s:o}]}]}", outer, "resource",
                            "attributes", text_attribute("service.name", process->service),
                            text_attribute("service.instance.id", process->instance),
                            text_attribute("service.version", TANDEM_VERSION), inner, "scope",
                            "name", "tandem", "version", TANDEM_VERSION, items_name, items);
    char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;

    json_decref(doc);
    return text;
}

/* ---- traces ---- */

static json_t *attributes_json(const struct span *s)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < s->n_attributes; i++)
        json_array_append_new(list, json_pack("{s:s, s:{s:o}}", "key", s->attribute[i].key, "value",
                                              "intValue", integer(s->attribute[i].value)));
    return list;
}

static json_t *span_json(const struct span *s, const struct otlp_clock *now)
{
    static const uint8_t none[sizeof s->parent_id];
    uint64_t base = now->unix_us - now->mono_us;
    json_t *span = json_pack("{s:o, s:o, s:s, s:i, s:o, s:o, s:o}", "traceId",
                             hex(s->context.trace_id, sizeof s->context.trace_id), "spanId",
                             hex(s->context.span_id, sizeof s->context.span_id), "name", s->name,
                             "kind", (int)s->kind, "startTimeUnixNano",
                             nanoseconds(base + s->start_us), "endTimeUnixNano",
                             nanoseconds(base + s->end_us), "attributes", attributes_json(s));

    if (memcmp(s->parent_id, none, sizeof none) != 0)
        json_object_set_new(span, "parentSpanId", hex(s->parent_id, sizeof s->parent_id));
    if (s->failed)
        json_object_set_new(span, "status", json_pack("{s:i}", "code", (int)STATUS_ERROR));
    return span;
}

char *otlp_traces_json(const struct span *spans, size_t n, const struct otlp_process *process,
                       const struct otlp_clock *now)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, span_json(&spans[i], now));
    return envelope("resourceSpans", "scopeSpans", "spans", list, process);
}

/* ---- metrics ---- */

struct metric_list {
    json_t *metrics;
    const struct metric_def *def; /* of the last one */
    json_t *points;               /* its data points, borrowed */
    uint64_t start_us, now_us;
};

static json_t *data_point(const struct metric_list *l, const struct metric_point *p)
{
    json_t *point = json_pack("{s:o, s:o}", "startTimeUnixNano", nanoseconds(l->start_us),
                              "timeUnixNano", nanoseconds(l->now_us));

    if (p->label_value)
        json_object_set_new(point, "attributes",
                            json_pack("[o]", text_attribute(p->def->label, p->label_value)));
    return point;
}

static json_t *histogram_point(const struct metric_list *l, const struct metric_point *p)
{
    json_t *point = data_point(l, p), *counts = json_array(), *bounds = json_array();

    for (size_t i = 0; i < p->n_buckets; i++)
        json_array_append_new(counts, integer(p->bucket[i]));
    for (size_t i = 0; i + 1 < p->n_buckets; i++)
        json_array_append_new(bounds, json_real((double)p->bound_us[i] / 1e6));
    json_object_set_new(point, "count", integer(p->value));
    json_object_set_new(point, "sum", json_real((double)p->sum_us / 1e6));
    json_object_set_new(point, "bucketCounts", counts);
    json_object_set_new(point, "explicitBounds", bounds);
    return point;
}

/* As UCUM writes it; of what is counted in ones there is none. */
static const char *unit_of(const struct metric_def *def)
{
    if (strstr(def->name, "_seconds"))
        return "s";
    return strstr(def->name, "_bytes") ? "By" : "";
}

/* Opens the next metric of the list. */
static void begin_metric(struct metric_list *l, const struct metric_def *def)
{
    static const char *const shapes[] = {"sum", "gauge", "histogram"};
    json_t *data = json_object(), *metric;

    l->def = def;
    l->points = json_array();
    json_object_set_new(data, "dataPoints", l->points);
    if (def->type != METRIC_GAUGE)
        json_object_set_new(data, "aggregationTemporality", json_integer(CUMULATIVE));
    if (def->type == METRIC_COUNTER)
        json_object_set_new(data, "isMonotonic", json_true());
    metric = json_pack("{s:s, s:s, s:s, s:o}", "name", def->name, "description", def->help, "unit",
                       unit_of(def), shapes[def->type], data);
    json_array_append_new(l->metrics, metric);
}

static void add_point(const struct metric_point *p, void *ctx)
{
    struct metric_list *l = ctx;
    json_t *point;

    if (l->def != p->def)
        begin_metric(l, p->def);
    if (p->def->type == METRIC_HISTOGRAM) {
        json_array_append_new(l->points, histogram_point(l, p));
        return;
    }
    point = data_point(l, p);
    json_object_set_new(point, "asInt", integer(p->value));
    json_array_append_new(l->points, point);
}

char *otlp_metrics_json(const struct otlp_process *process, uint64_t now_unix_us)
{
    struct metric_list l = {
        .metrics = json_array(), .start_us = metrics_since_us(), .now_us = now_unix_us};

    metrics_visit(add_point, &l);
    return envelope("resourceMetrics", "scopeMetrics", "metrics", l.metrics, process);
}

/* ---- answers ---- */

static int64_t read_integer(const json_t *value)
{
    return json_is_string(value) ? strtoll(json_string_value(value), NULL, 10)
                                 : json_integer_value(value);
}

void otlp_read_answer(struct slice body, struct otlp_answer *out)
{
    json_t *doc = json_loadb(body.ptr, body.len, 0, NULL);
    const json_t *partial = json_object_get(doc, "partialSuccess");
    const char *reason = json_string_value(partial ? json_object_get(partial, "errorMessage")
                                                   : json_object_get(doc, "message"));

    out->rejected = read_integer(json_object_get(partial, "rejectedSpans")) +
                    read_integer(json_object_get(partial, "rejectedDataPoints"));
    snprintf(out->reason, sizeof out->reason, "%s", reason ? reason : "");
    json_decref(doc);
}
