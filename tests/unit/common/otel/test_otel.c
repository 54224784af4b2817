/* Trace context, the JSON that a collector gets, and the exporter against a collector. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "ops/metrics.h"
#include "otel/otel.h"
#include "otel/otlp_json.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"

static void test_traceparent(void **state)
{
    static const struct {
        const char *text;
        bool ok, sampled;
    } rows[] = {
        {"00-" TRACE "-" SPAN "-01", true, true},
        {"00-" TRACE "-" SPAN "-00", true, false},
        {"00-" TRACE "-" SPAN "-03", true, true},
        {"01-" TRACE "-" SPAN "-01-more", true, true},
        {"01-" TRACE "-" SPAN "-01", true, true},
        {"00-" TRACE "-" SPAN "-01-more", false, false},
        {"ff-" TRACE "-" SPAN "-01", false, false},
        {"00-00000000000000000000000000000000-" SPAN "-01", false, false},
        {"00-" TRACE "-0000000000000000-01", false, false},
        {"00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01", false, false},
        {"00-" TRACE "-" SPAN "-0", false, false},
        {"00-" TRACE "_" SPAN "-01", false, false},
        {"", false, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct trace_context c;
        char again[TRACEPARENT_BYTES + 1];

        if (trace_context_parse(slice_str(rows[i].text), &c) != rows[i].ok ||
            c.sampled != rows[i].sampled)
            fail_msg("%s", rows[i].text);
        if (!rows[i].ok)
            continue;
        trace_context_format(&c, again);
        assert_memory_equal(again + 3, rows[i].text + 3, 50);
    }
}

static const struct metric_def defs[] = {
    {"t_requests_total", METRIC_COUNTER, "Requests.", "class",
     (const char *const[]){"good", "bad", NULL}},
    {"t_seconds", METRIC_HISTOGRAM, "Time.", NULL, NULL},
    {"t_open_bytes", METRIC_GAUGE, "Open.", NULL, NULL},
};

/* The member at a path of keys and indexes such as "resourceSpans.0.scopeSpans". */
static json_t *at(json_t *doc, const char *path)
{
    char copy[256], *rest = copy, *part;

    snprintf(copy, sizeof copy, "%s", path);
    while (doc && (part = strsep(&rest, ".")))
        doc = json_is_array(doc) ? json_array_get(doc, strtoul(part, NULL, 10))
                                 : json_object_get(doc, part);
    if (!doc)
        fail_msg("nothing at %s", path);
    return doc;
}

static void test_traces_json(void **state)
{
    struct span s = {.name = "work", .kind = SPAN_SERVER, .start_us = 1000, .end_us = 3000};
    struct otlp_clock now = {.mono_us = 5000, .unix_us = 1700000000000000};
    char *text;
    json_t *doc, *span;

    (void)state;
    assert_true(trace_context_parse(SLICE("00-" TRACE "-" SPAN "-01"), &s.context));
    s.parent_id[0] = 0xab;
    s.failed = true;
    span_set(&s, "events", 7);
    text = otlp_traces_json(&s, 1, &(struct otlp_process){"svc", "host:1"}, &now);
    doc = json_loads(text, 0, NULL);
    assert_string_equal(
        json_string_value(at(doc, "resourceSpans.0.resource.attributes.0.value.stringValue")),
        "svc");
    assert_string_equal(
        json_string_value(at(doc, "resourceSpans.0.resource.attributes.1.value.stringValue")),
        "host:1");
    span = at(doc, "resourceSpans.0.scopeSpans.0.spans.0");
    assert_string_equal(json_string_value(at(span, "traceId")), TRACE);
    assert_string_equal(json_string_value(at(span, "spanId")), SPAN);
    assert_string_equal(json_string_value(at(span, "parentSpanId")), "ab00000000000000");
    assert_string_equal(json_string_value(at(span, "startTimeUnixNano")), "1699999999996000000");
    assert_string_equal(json_string_value(at(span, "endTimeUnixNano")), "1699999999998000000");
    assert_string_equal(json_string_value(at(span, "attributes.0.value.intValue")), "7");
    assert_int_equal(json_integer_value(at(span, "kind")), 2);
    assert_int_equal(json_integer_value(at(span, "status.code")), 2);
    json_decref(doc);
    free(text);
}

static void test_metrics_json(void **state)
{
    char *text, since[32];
    json_t *doc, *list;

    (void)state;
    metrics_open(defs, ARRAY_LEN(defs), 1);
    metric_add(0, 1, 5);
    metric_observe(1, 0, 2000);
    metric_set(2, 0, -3);
    text = otlp_metrics_json(&(struct otlp_process){"svc", "host:1"}, 2000000);
    doc = json_loads(text, 0, NULL);
    list = at(doc, "resourceMetrics.0.scopeMetrics.0.metrics");
    assert_int_equal(json_array_size(list), 3);
    assert_string_equal(json_string_value(at(list, "0.name")), "t_requests_total");
    assert_true(json_is_true(at(list, "0.sum.isMonotonic")));
    assert_string_equal(json_string_value(at(list, "0.sum.dataPoints.1.asInt")), "5");
    assert_string_equal(
        json_string_value(at(list, "0.sum.dataPoints.1.attributes.0.value.stringValue")), "bad");
    assert_string_equal(json_string_value(at(list, "0.sum.dataPoints.0.timeUnixNano")),
                        "2000000000");
    /* A worker that is started anew begins nothing anew: the counters go on. */
    snprintf(since, sizeof since, "%llu000", (unsigned long long)metrics_since_us());
    assert_string_equal(json_string_value(at(list, "0.sum.dataPoints.0.startTimeUnixNano")), since);
    assert_string_equal(json_string_value(at(list, "1.histogram.dataPoints.0.count")), "1");
    assert_int_equal(json_array_size(at(list, "1.histogram.dataPoints.0.bucketCounts")),
                     json_array_size(at(list, "1.histogram.dataPoints.0.explicitBounds")) + 1);
    assert_string_equal(json_string_value(at(list, "2.gauge.dataPoints.0.asInt")), "-3");
    assert_string_equal(json_string_value(at(list, "0.unit")), "");
    assert_string_equal(json_string_value(at(list, "1.unit")), "s");
    assert_string_equal(json_string_value(at(list, "2.unit")), "By");
    json_decref(doc);
    free(text);
}

/* ---- a collector that takes one request ---- */

static struct {
    int fd;
    const char *answer;
    char got[8192];
} collector;

static void *collect(void *arg)
{
    int conn = accept(collector.fd, NULL, NULL);
    size_t n = 0;
    ssize_t more;

    (void)arg;
    while (n < sizeof collector.got - 1 &&
           (more = read(conn, collector.got + n, sizeof collector.got - 1 - n)) > 0) {
        n += (size_t)more;
        if (strstr(collector.got, "]}]}]}"))
            break;
    }
    (void)!write(conn, collector.answer, strlen(collector.answer));
    close(conn);
    return NULL;
}

static unsigned short listen_somewhere(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;

    memset(collector.got, 0, sizeof collector.got);
    collector.fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(collector.fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(collector.fd, 4), 0);
    getsockname(collector.fd, (struct sockaddr *)&a, &len);
    return ntohs(a.sin_port);
}

static void test_export(void **state)
{
    char endpoint[64];
    pthread_t thread;
    struct span root, child, unsampled;
    struct trace_context none = {0};

    (void)state;
    collector.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u/", listen_somewhere());
    assert_int_equal(pthread_create(&thread, NULL, collect, NULL), 0);
    assert_true(otel_start(&(struct otel_options){
        .endpoint = endpoint,
        .headers = " x-key = secret ,Authorization=Basic dTpw==,x-coded=a%20b%2cc%zz%,",
        .service = "svc",
        .sample_ratio = "1"}));
    otel_begin(&root, "root", SPAN_CLIENT);
    assert_true(root.context.sampled);
    otel_begin_child(&child, "child", SPAN_SERVER, &root.context);
    assert_memory_equal(child.context.trace_id, root.context.trace_id, 16);
    assert_memory_equal(child.parent_id, root.context.span_id, 8);
    otel_begin_child(&unsampled, "never", SPAN_SERVER, &none);
    assert_false(unsampled.context.sampled);
    otel_end(&child);
    otel_end(&root);
    otel_end(&unsampled);
    otel_stop();
    pthread_join(thread, NULL);
    close(collector.fd);
    assert_non_null(strstr(collector.got, "POST /v1/traces HTTP/1.1"));
    assert_non_null(strstr(collector.got, "x-key: secret\r\n"));
    assert_non_null(strstr(collector.got, "Authorization: Basic dTpw==\r\n"));
    assert_non_null(strstr(collector.got, "x-coded: a b,c%zz%\r\n"));
    assert_non_null(strstr(collector.got, "\"name\":\"child\""));
    assert_non_null(strstr(collector.got, "\"name\":\"root\""));
    assert_null(strstr(collector.got, "never"));
    assert_int_equal(otel_dropped(), 0);
}

/* Sends five spans to a collector that answers so; how many of them it did not get. */
static uint64_t dropped_of_five(const char *answer)
{
    uint64_t before = otel_dropped();
    char endpoint[64];
    pthread_t thread;
    struct span s;

    collector.answer = answer;
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u", listen_somewhere());
    assert_int_equal(pthread_create(&thread, NULL, collect, NULL), 0);
    assert_true(otel_start(&(struct otel_options){
        .endpoint = endpoint, .headers = "", .service = "svc", .sample_ratio = "1"}));
    for (unsigned i = 0; i < 5; i++) {
        otel_begin(&s, "one of five", SPAN_INTERNAL);
        otel_end(&s);
    }
    otel_stop();
    pthread_join(thread, NULL);
    close(collector.fd);
    return otel_dropped() - before;
}

static void test_answers(void **state)
{
    static const struct {
        const char *body;
        int64_t rejected;
        const char *reason;
    } rows[] = {
        {"{}", 0, ""},
        {"", 0, ""},
        {"no JSON", 0, ""},
        {"[1]", 0, ""},
        {"{\"partialSuccess\":{}}", 0, ""},
        {"{\"partialSuccess\":{\"rejectedSpans\":\"3\",\"errorMessage\":\"old\"}}", 3, "old"},
        {"{\"partialSuccess\":{\"rejectedDataPoints\":4}}", 4, ""},
        {"{\"partialSuccess\":{\"errorMessage\":\"a word\"}}", 0, "a word"},
        {"{\"code\":14,\"message\":\"not now\"}", 0, "not now"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct otlp_answer a;

        otlp_read_answer(slice_str(rows[i].body), &a);
        if (a.rejected != rows[i].rejected || strcmp(a.reason, rows[i].reason) != 0)
            fail_msg("%s", rows[i].body);
    }
    assert_int_equal(dropped_of_five("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n"
                                     "{\"partialSuccess\":{\"rejectedSpans\":\"2\"}}"),
                     2);
    assert_int_equal(dropped_of_five("HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n"), 5);
    assert_int_equal(dropped_of_five("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"), 5);
}

static void test_settings(void **state)
{
    struct buf error;

    (void)state;
    buf_init(&error, KIB);
    assert_true(otel_check_ratio("0.25", &error) && otel_check_ratio("0", &error));
    assert_false(otel_check_ratio("1.5", &error) || otel_check_ratio("x", &error) ||
                 otel_check_ratio("0.1x", &error) || otel_check_ratio("nan", &error));
    assert_true(otel_check_endpoint("", &error) && otel_check_endpoint("https://c:4318", &error));
    assert_false(otel_check_endpoint("collector:4318", &error));
    assert_true(otel_check_headers("", &error) && otel_check_headers("a=b, c=d e,", &error));
    assert_false(otel_check_headers("a", &error) || otel_check_headers("a=b,=c", &error));
    buf_deinit(&error);
}

static void test_absent_collector(void **state)
{
    char endpoint[64];
    uint64_t start = clock_mono_ms();
    struct span s;

    (void)state;
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%u", listen_somewhere());
    close(collector.fd);
    assert_true(otel_start(&(struct otel_options){
        .endpoint = endpoint, .headers = "", .service = "svc", .sample_ratio = "1"}));
    for (unsigned i = 0; i < 5000; i++) {
        otel_begin(&s, "lost", SPAN_INTERNAL);
        otel_end(&s);
    }
    otel_stop();
    assert_true(otel_dropped() > 0);
    assert_true(clock_mono_ms() - start < 10000);
    otel_begin(&s, "off", SPAN_INTERNAL);
    assert_false(s.context.sampled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_traceparent),      cmocka_unit_test(test_traces_json),
        cmocka_unit_test(test_metrics_json),     cmocka_unit_test(test_export),
        cmocka_unit_test(test_answers),          cmocka_unit_test(test_settings),
        cmocka_unit_test(test_absent_collector),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
