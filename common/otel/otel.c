/*
 *   any thread: otel_end() -> queue -> the thread: one POST for what has gathered, and metrics now
 *   and then
 */
#include "otel/otel.h"

#include <ctype.h>
#include <curl/curl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "ops/log.h"
#include "otel/otlp_json.h"

enum {
    QUEUE_SPANS = 4096,
    EXPORT_SPANS = 512, /* in one POST; so many waiting wake the thread early */
    EXPORT_MS = 5000,
    POST_TIMEOUT_MS = 5000,
    STOP_TIMEOUT_MS = 2000,
    MAX_URL = 512,
    MAX_HEADER = 16 * KIB,
    HOLD_MOST_MS = 300000, /* however long the collector asks for */
    ANSWER_BYTES = 4096,
    LOG_EVERY_MS = 60000,
};

struct exporter {
    char url[MAX_URL]; /* without the last part of the path */
    char service[32], instance[HOST_NAME_MAX + 8];
    struct otlp_process process; /* points to these */
    struct curl_slist *headers;
    CURL *curl;
    uint64_t sample_below; /* a new trace is sampled when its first 8 bytes are below this */
    uint64_t metric_interval_ms, metrics_due_ms; /* 0: no metrics */
    pthread_t thread;
    pthread_mutex_t lock; /* guards the next four */
    pthread_cond_t wake;
    struct span queue[QUEUE_SPANS];
    size_t first, n;
    bool stopping;
    struct span batch[EXPORT_SPANS]; /* this and what follows: the thread's own */
    size_t n_batch;                  /* not zero while it waits: the collector was away */
    uint64_t hold_until_ms;
    struct buf answer; /* during a POST */
    int64_t rejected;  /* of the last one that was taken */
    struct log_gate gate;
};

static _Atomic(struct exporter *) exporter;
static _Atomic uint64_t dropped;

/* ---- spans ---- */

static void fill_random(void *out, size_t n)
{
    if (getrandom(out, n, GRND_NONBLOCK) != (ssize_t)n)
        memset(out, 1, n); /* never zero: an id of zeros is none */
}

static void begin(struct span *s, const char *name, enum span_kind kind)
{
    *s = (struct span){.name = name, .kind = kind, .start_us = clock_mono_us()};
}

void otel_begin(struct span *s, const char *name, enum span_kind kind)
{
    struct exporter *e = atomic_load_explicit(&exporter, memory_order_acquire);
    uint64_t lot;

    begin(s, name, kind);
    if (!e || e->sample_below == 0)
        return;
    fill_random(s->context.trace_id, sizeof s->context.trace_id);
    memcpy(&lot, s->context.trace_id + 8, sizeof lot);
    s->context.sampled = lot <= e->sample_below;
    if (s->context.sampled)
        fill_random(s->context.span_id, sizeof s->context.span_id);
}

void otel_begin_child(struct span *s, const char *name, enum span_kind kind,
                      const struct trace_context *parent)
{
    begin(s, name, kind);
    if (!parent->sampled || !atomic_load_explicit(&exporter, memory_order_acquire))
        return;
    memcpy(s->context.trace_id, parent->trace_id, sizeof s->context.trace_id);
    memcpy(s->parent_id, parent->span_id, sizeof s->parent_id);
    fill_random(s->context.span_id, sizeof s->context.span_id);
    s->context.sampled = true;
}

void otel_end(struct span *s)
{
    struct exporter *e = atomic_load_explicit(&exporter, memory_order_acquire);

    if (!s->context.sampled || !e)
        return;
    s->end_us = clock_mono_us();
    pthread_mutex_lock(&e->lock);
    if (e->n == QUEUE_SPANS)
        atomic_fetch_add(&dropped, 1);
    else
        e->queue[(e->first + e->n++) % QUEUE_SPANS] = *s;
    if (e->n == EXPORT_SPANS)
        pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->lock);
}

uint64_t otel_dropped(void)
{
    return atomic_load(&dropped);
}

/* ---- sending ---- */

/* What a POST came to. */
enum post_result {
    POST_TAKEN,
    POST_REFUSED, /* would be refused again */
    POST_LATER,   /* the collector is away, or has too much to do */
};

static size_t on_answer(char *bytes, size_t size, size_t n, void *ctx)
{
    buf_add(ctx, bytes, size * n); /* one that is too long is read on, and not understood */
    return size * n;
}

static void complain(struct exporter *e, const char *path, CURLcode code, long status,
                     const struct otlp_answer *answer)
{
    const char *reason = code ? curl_easy_strerror(code) : answer->reason;
    uint32_t suppressed;
    char quoted[200];

    if (log_gate_open(&e->gate, LOG_EVERY_MS, &suppressed))
        log_warn("otel",
                 status / 100 == 2 ? "the collector did not take all"
                                   : "the collector took nothing",
                 "path=%s status=%ld rejected=%lld error=%s more=%u", path, status,
                 (long long)answer->rejected,
                 log_quote(reason, strlen(reason), quoted, sizeof quoted), suppressed);
}

/* As OTLP has it, these may be tried again; so may what did not arrive. */
static bool may_try_again(CURLcode code, long status)
{
    return code != CURLE_OK || status == 429 || status == 502 || status == 503 || status == 504;
}

/* Nothing more is sent for as long as the collector asks for, but for EXPORT_MS at least. */
static void hold(struct exporter *e)
{
    curl_off_t seconds = 0;
    uint64_t ms;

    curl_easy_getinfo(e->curl, CURLINFO_RETRY_AFTER, &seconds);
    ms = (uint64_t)seconds * 1000;
    ms = ms < EXPORT_MS ? EXPORT_MS : ms < HOLD_MOST_MS ? ms : HOLD_MOST_MS;
    e->hold_until_ms = clock_mono_ms() + ms;
}

static enum post_result judge(struct exporter *e, const char *path, CURLcode code, long status)
{
    struct otlp_answer answer;

    otlp_read_answer(buf_slice(&e->answer), &answer);
    if (code == CURLE_OK && status / 100 == 2) {
        if (answer.rejected > 0 || answer.reason[0])
            complain(e, path, code, status, &answer);
        e->rejected = answer.rejected;
        return POST_TAKEN;
    }
    complain(e, path, code, status, &answer);
    if (!may_try_again(code, status))
        return POST_REFUSED;
    hold(e);
    return POST_LATER;
}

/* Takes the body over. */
static enum post_result post(struct exporter *e, const char *path, char *body, long timeout_ms)
{
    char url[MAX_URL + 16];
    enum post_result result;
    long status = 0;
    CURLcode code;

    if (!body)
        return POST_REFUSED;
    snprintf(url, sizeof url, "%s%s", e->url, path);
    buf_init(&e->answer, ANSWER_BYTES);
    curl_easy_setopt(e->curl, CURLOPT_URL, url);
    curl_easy_setopt(e->curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(e->curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
    curl_easy_setopt(e->curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    code = curl_easy_perform(e->curl);
    curl_easy_getinfo(e->curl, CURLINFO_RESPONSE_CODE, &status);
    free(body);
    result = judge(e, path, code, status);
    buf_deinit(&e->answer);
    return result;
}

static struct otlp_clock read_clock(void)
{
    return (struct otlp_clock){clock_mono_us(), (uint64_t)clock_unix_us()};
}

/* Under the lock. What could not be sent last time comes first. */
static void take_spans(struct exporter *e)
{
    if (e->n_batch > 0)
        return;
    e->n_batch = e->n < EXPORT_SPANS ? e->n : EXPORT_SPANS;
    for (size_t i = 0; i < e->n_batch; i++)
        e->batch[i] = e->queue[(e->first + i) % QUEUE_SPANS];
    e->first = (e->first + e->n_batch) % QUEUE_SPANS;
    e->n -= e->n_batch;
}

static enum post_result export_spans(struct exporter *e, long timeout_ms)
{
    struct otlp_clock now = read_clock();
    enum post_result result = post(
        e, "/v1/traces", otlp_traces_json(e->batch, e->n_batch, &e->process, &now), timeout_ms);

    if (result == POST_LATER)
        return result;
    atomic_fetch_add(&dropped, result == POST_REFUSED ? e->n_batch : (uint64_t)e->rejected);
    e->n_batch = 0;
    return result;
}

/* Those that come next time hold all that these would have held. */
static void export_metrics(struct exporter *e, long timeout_ms)
{
    uint64_t now = read_clock().unix_us;

    e->metrics_due_ms = clock_mono_ms() + e->metric_interval_ms;
    (void)post(e, "/v1/metrics", otlp_metrics_json(&e->process, now), timeout_ms);
}

static uint64_t wait_ms(const struct exporter *e)
{
    uint64_t now = clock_mono_ms();

    if (e->hold_until_ms > now)
        return e->hold_until_ms - now;
    if (e->metric_interval_ms == 0 || e->metrics_due_ms >= now + EXPORT_MS)
        return EXPORT_MS;
    return e->metrics_due_ms > now ? e->metrics_due_ms - now : 0;
}

static void add_ms(struct timespec *t, uint64_t ms)
{
    t->tv_sec += (time_t)(ms / 1000);
    t->tv_nsec += (long)(ms % 1000) * 1000000;
    if (t->tv_nsec >= 1000000000) {
        t->tv_sec++;
        t->tv_nsec -= 1000000000;
    }
}

/* Waits for EXPORT_MS, or less when much has gathered or the metrics are due, or until the
 * collector may be tried again. True when it is time to stop. */
static bool wait_for_work(struct exporter *e)
{
    bool stopping, held = e->hold_until_ms > clock_mono_ms();
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    add_ms(&until, wait_ms(e));
    pthread_mutex_lock(&e->lock);
    while (!e->stopping && (held || e->n < EXPORT_SPANS) &&
           pthread_cond_timedwait(&e->wake, &e->lock, &until) == 0)
        continue;
    take_spans(e);
    stopping = e->stopping;
    pthread_mutex_unlock(&e->lock);
    return stopping;
}

/* Once: what the collector does not take now, nobody will send. */
static void export_last(struct exporter *e)
{
    uint64_t end_ms = clock_mono_ms() + STOP_TIMEOUT_MS;

    while (e->n_batch > 0 && clock_mono_ms() < end_ms &&
           export_spans(e, STOP_TIMEOUT_MS) != POST_LATER)
        take_spans(e); /* nobody adds any more */
    atomic_fetch_add(&dropped, e->n_batch + e->n);
    if (e->metric_interval_ms > 0)
        export_metrics(e, STOP_TIMEOUT_MS);
}

static void *run(void *arg)
{
    struct exporter *e = arg;

    while (!wait_for_work(e)) {
        if (e->n_batch > 0 && export_spans(e, POST_TIMEOUT_MS) == POST_LATER)
            continue;
        if (e->metric_interval_ms > 0 && clock_mono_ms() >= e->metrics_due_ms)
            export_metrics(e, POST_TIMEOUT_MS);
    }
    export_last(e);
    return NULL;
}

/* ---- setting up ---- */

static struct slice trim(const char *begin, const char *end)
{
    while (begin < end && isspace((unsigned char)*begin))
        begin++;
    while (begin < end && isspace((unsigned char)end[-1]))
        end--;
    return slice_of(begin, (size_t)(end - begin));
}

/* The next of "key=value,key=value", without the blanks around it; empty ones too. A value may hold
 * blanks and more equals signs ("Authorization=Basic dTpw=="). False at the end. */
static bool next_entry(const char **text, struct slice *entry)
{
    const char *begin = *text, *end = begin + strcspn(begin, ",");

    if (*begin == '\0')
        return false;
    *text = *end ? end + 1 : end;
    *entry = trim(begin, end);
    return true;
}

static bool split_entry(struct slice entry, struct slice *key, struct slice *value)
{
    const char *equals = entry.len > 0 ? memchr(entry.ptr, '=', entry.len) : NULL;

    if (!equals)
        return false;
    *key = trim(entry.ptr, equals);
    *value = trim(equals + 1, entry.ptr + entry.len);
    return key->len > 0;
}

/* Values are percent-encoded, as in W3C Baggage. What is no such code is itself. */
static void add_decoded(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        const char *p = s.ptr + i;
        char code[3] = "";

        if (*p == '%' && s.len - i > 2 && isxdigit((unsigned char)p[1]) &&
            isxdigit((unsigned char)p[2])) {
            memcpy(code, p + 1, 2);
            i += 2;
            buf_add_char(out, (char)strtoul(code, NULL, 16));
        } else {
            buf_add_char(out, *p);
        }
    }
}

static struct curl_slist *append_header(struct curl_slist *list, struct slice key,
                                        struct slice value)
{
    struct curl_slist *grown = NULL;
    struct buf line;

    buf_init(&line, MAX_HEADER);
    buf_add_slice(&line, key);
    buf_add_str(&line, ": ");
    add_decoded(&line, value);
    buf_add_char(&line, '\0');
    if (!line.failed)
        grown = curl_slist_append(list, line.ptr);
    buf_deinit(&line);
    return grown;
}

static bool add_headers(struct exporter *e, const char *text)
{
    struct curl_slist *grown = curl_slist_append(NULL, "Content-Type: application/json");
    struct slice entry, key, value;

    while (grown && next_entry(&text, &entry)) {
        if (!split_entry(entry, &key, &value))
            continue;
        e->headers = grown;
        grown = append_header(grown, key, value);
    }
    if (grown)
        e->headers = grown;
    return grown != NULL;
}

static bool set_up_curl(struct exporter *e)
{
    e->curl = curl_easy_init();
    if (!e->curl)
        return false;
    curl_easy_setopt(e->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e->curl, CURLOPT_HTTPHEADER, e->headers);
    curl_easy_setopt(e->curl, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(e->curl, CURLOPT_WRITEDATA, &e->answer);
    curl_easy_setopt(e->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    return true;
}

static void exporter_free(struct exporter *e)
{
    curl_easy_cleanup(e->curl);
    curl_slist_free_all(e->headers);
    free(e);
}

static uint64_t share_of_range(double ratio)
{
    if (ratio >= 1)
        return UINT64_MAX;
    return ratio > 0 ? (uint64_t)(ratio * 0x1p64) : 0;
}

/* ---- settings ---- */

bool otel_check_endpoint(const char *value, struct buf *error)
{
    if (value[0] == '\0' || strncmp(value, "http://", 7) == 0 ||
        strncmp(value, "https://", 8) == 0) {
        if (strlen(value) < MAX_URL)
            return true;
        buf_add_str(error, "is too long");
        return false;
    }
    buf_printf(error, "\"%.80s\" must begin with http:// or https://", value);
    return false;
}

bool otel_check_headers(const char *value, struct buf *error)
{
    struct slice entry, key, text;

    while (next_entry(&value, &entry)) {
        if (entry.len > 0 && !split_entry(entry, &key, &text)) {
            buf_add_str(error, "must be key=value pairs, comma-separated");
            return false;
        }
    }
    return true;
}

static bool parse_ratio(const char *text, double *out)
{
    char *end;

    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out >= 0 && *out <= 1;
}

bool otel_check_ratio(const char *value, struct buf *error)
{
    double ratio;

    if (parse_ratio(value, &ratio))
        return true;
    buf_printf(error, "\"%.80s\" must be a number from 0 to 1", value);
    return false;
}

/* ---- life ---- */

static void set_process(struct exporter *e, const struct otel_options *o)
{
    char host[HOST_NAME_MAX + 1] = "";

    (void)gethostname(host, sizeof host - 1);
    snprintf(e->service, sizeof e->service, "%s", o->service);
    snprintf(e->instance, sizeof e->instance, "%s:%d", host, (int)o->port);
    e->process = (struct otlp_process){e->service, e->instance};
}

static struct exporter *exporter_new(const struct otel_options *o)
{
    struct exporter *e = calloc(1, sizeof *e);
    pthread_condattr_t attr;
    double ratio;

    if (!e)
        return NULL;
    snprintf(e->url, sizeof e->url, "%s", o->endpoint);
    while (e->url[0] && e->url[strlen(e->url) - 1] == '/')
        e->url[strlen(e->url) - 1] = '\0';
    if (parse_ratio(o->sample_ratio, &ratio))
        e->sample_below = share_of_range(ratio);
    e->metric_interval_ms = o->with_metrics ? (uint64_t)o->metric_interval_ms : 0;
    e->metrics_due_ms = clock_mono_ms() + e->metric_interval_ms;
    set_process(e, o);
    if (!add_headers(e, o->headers) || !set_up_curl(e)) {
        exporter_free(e);
        return NULL;
    }
    pthread_mutex_init(&e->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&e->wake, &attr);
    pthread_condattr_destroy(&attr);
    return e;
}

bool otel_start(const struct otel_options *options)
{
    struct exporter *e;

    if (options->endpoint[0] == '\0')
        return true;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    e = exporter_new(options);
    if (!e)
        return false;
    if (pthread_create(&e->thread, NULL, run, e) != 0) {
        exporter_free(e);
        return false;
    }
    atomic_store_explicit(&exporter, e, memory_order_release);
    return true;
}

void otel_stop(void)
{
    struct exporter *e = atomic_exchange(&exporter, NULL);

    if (!e)
        return;
    pthread_mutex_lock(&e->lock);
    e->stopping = true;
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->lock);
    pthread_join(e->thread, NULL);
    pthread_cond_destroy(&e->wake);
    pthread_mutex_destroy(&e->lock);
    exporter_free(e);
}
