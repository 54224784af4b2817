#include "upstream/handler_client.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "config.h"
#include "metrics.h"
#include "ops/log.h"
#include "upstream/curl_loop.h"
#include "upstream/endpoints.h"

enum {
    MAX_URL = 512,
    PROBE_TICK_MS = 100,
    PROBE_IDLE_MS = 2000,
    OUTAGE_WAIT_MS =
        3000, /* how long after the last one went down calls wait for one to come back */
    LOG_EVERY_MS = 10000,
};

static const char *const paths[HANDLER_ROUTES] = {
    [HANDLER_METRICS] = "/metrics",    [HANDLER_EVENTS] = "/v1/events",
    [HANDLER_QUERY] = "/v1/query",     [HANDLER_COUNT] = "/v1/count",
    [HANDLER_MANAGE] = "/v1/manage",   [HANDLER_FEED] = "/v1/feed",
    [HANDLER_CONTROL] = "/v1/control", [HANDLER_ACCESS] = "/v1/access",
    [HANDLER_READYZ] = "/readyz",
};

struct handler_client {
    uv_loop_t *loop;
    const struct config *cfg;
    struct curl_loop *curl;
    struct curl_slist *headers;
    struct endpoints endpoints;
    struct list calls;
    struct list waiting; /* calls that nobody can take now */
    uv_timer_t probe_timer, wait_timer;
    unsigned open_handles;
    bool closing;
    struct log_gate gate;
};

struct handler_call {
    struct list node;
    struct handler_client *hc;
    struct handler_request req;
    struct handler_sink *sink;
    struct http_sink http_sink;
    struct http_call *http;    /* NULL between attempts and while failing */
    struct endpoint *endpoint; /* that it is at */
    uint32_t tried;            /* endpoint_bit() of each */
    uint32_t attempt;
    bool handed_on;             /* bytes have gone to the sink: it cannot be repeated */
    struct buf body;            /* collected, or the sentence of a failure */
    struct curl_slist *headers; /* its own, when it is traced */
    struct handler_result result;
    char sentence[MAX_SENTENCE];
};

static const struct http_sink_ops call_ops;

static void on_wait(uv_timer_t *timer);

/* ---- one call ---- */

static void call_free(struct handler_call *call)
{
    list_remove(&call->node);
    curl_slist_free_all(call->headers);
    buf_deinit(&call->body);
    free(call);
}

static void leave_endpoint(struct handler_call *call)
{
    call->http = NULL;
    endpoint_end(call->endpoint);
}

static void complete(struct handler_call *call)
{
    struct handler_sink *sink = call->sink;

    sink->ops->done(sink, &call->result);
    call_free(call);
}

/* Sends the call to ep. False without memory. */
static bool send_to(struct handler_call *call, struct endpoint *ep)
{
    char url[MAX_URL];
    struct http_request http = {.url = url,
                                .headers = call->headers ? call->headers : call->hc->headers,
                                .connect_ms = (uint32_t)call->hc->cfg->connect_ms,
                                .idle_ms = call->req.idle_ms};

    snprintf(url, sizeof url, "%s%s%s", ep->base, paths[call->req.route],
             call->req.query ? call->req.query : "");
    if (call->req.route <= HANDLER_MANAGE)
        http.post = &call->req.body;
    buf_reset(&call->body);
    call->attempt++;
    call->http = http_call_start(call->hc->curl, &http, &call->http_sink);
    if (!call->http)
        return false;
    call->endpoint = ep;
    call->tried |= endpoint_bit(ep);
    endpoint_begin(ep);
    return true;
}

/* The headers of every request, and traceparent. NULL without memory: the call goes untraced. */
static struct curl_slist *traced_headers(const struct handler_client *hc,
                                         const struct trace_context *trace)
{
    char line[sizeof "traceparent: " + TRACEPARENT_BYTES] = "traceparent: ";
    struct curl_slist *list, *grown;

    trace_context_format(trace, line + strlen(line));
    grown = list = curl_slist_append(NULL, line);
    for (const struct curl_slist *h = hc->headers; h && grown; h = h->next)
        grown = curl_slist_append(list, h->data);
    if (grown)
        return list;
    curl_slist_free_all(list);
    return NULL;
}

static struct handler_call *call_new(struct handler_client *hc, const struct handler_request *req,
                                     struct handler_sink *sink)
{
    struct handler_call *call = calloc(1, sizeof *call);

    if (!call)
        return NULL;
    call->hc = hc;
    call->req = *req;
    call->sink = sink;
    call->http_sink.ops = &call_ops;
    call->req.trace = NULL; /* not the caller's any longer */
    if (req->trace && req->trace->sampled)
        call->headers = traced_headers(hc, req->trace);
    buf_init(&call->body, sink->ops->bytes ? MAX_SENTENCE : req->max_collect);
    list_push(&hc->calls, &call->node);
    return call;
}

/*
 * Nobody can take the call now. While the outage is young it waits, since a restart is over in a
 * moment; later it fails, but from the loop, as nobody may be called back at once.
 */
static void wait_for_endpoint(struct handler_call *call)
{
    struct handler_client *hc = call->hc;
    uint64_t now = uv_now(hc->loop), end = hc->endpoints.outage_ms + OUTAGE_WAIT_MS;

    call->tried = 0;
    list_remove(&call->node);
    list_push(&hc->waiting, &call->node);
    if (!uv_is_active((uv_handle_t *)&hc->wait_timer))
        uv_timer_start(&hc->wait_timer, on_wait, end > now ? end - now : 0, 0);
}

/* The outage is over, or has lasted too long: sends what waits, or ends it. */
static void on_wait(uv_timer_t *timer)
{
    struct handler_client *hc = timer->data;
    struct list waiting;

    list_init(&waiting);
    for (struct list *node; (node = list_pop(&hc->waiting)) != NULL;)
        list_push(&waiting, node);
    while (!list_empty(&waiting)) {
        struct handler_call *call = container_of(waiting.next, struct handler_call, node);
        struct endpoint *ep = endpoints_choose(&hc->endpoints, call->tried);

        if (ep && send_to(call, ep)) {
            list_remove(&call->node);
            list_push(&hc->calls, &call->node);
            continue;
        }
        call->result = (struct handler_result){
            .err = ERR_GONE, .sentence = "the event handler is not available, please try again"};
        complete(call);
    }
}

struct handler_call *handler_call_start(struct handler_client *hc,
                                        const struct handler_request *req,
                                        struct handler_sink *sink)
{
    struct handler_call *call = call_new(hc, req, sink);
    struct endpoint *ep;

    if (!call)
        return NULL;
    ep = endpoints_choose(&hc->endpoints, call->tried);
    if (!ep) {
        wait_for_endpoint(call);
    } else if (!send_to(call, ep)) {
        call_free(call);
        return NULL;
    }
    return call;
}

void handler_call_resume(struct handler_call *call)
{
    if (call->http)
        http_call_resume(call->http);
}

struct slice handler_call_collected(const struct handler_call *call, uint32_t *attempt)
{
    *attempt = call->attempt;
    return call->body.failed ? slice_of(NULL, 0) : buf_slice(&call->body);
}

void handler_call_cancel(struct handler_call *call)
{
    if (!call)
        return;
    if (call->http) {
        http_call_cancel(call->http);
        leave_endpoint(call);
    }
    call_free(call);
}

/* ---- the answer ---- */

/* Keeps what fits of an error's body. */
static void keep_sentence(struct handler_call *call, const char *ptr, size_t n)
{
    size_t room = MAX_SENTENCE - 1;

    if (call->body.len < room)
        buf_add(&call->body, ptr, n < room - call->body.len ? n : room - call->body.len);
}

static bool on_bytes(struct http_sink *http_sink, char *ptr, size_t n)
{
    struct handler_call *call = container_of(http_sink, struct handler_call, http_sink);

    if (http_call_status(call->http) != 200) {
        keep_sentence(call, ptr, n);
        return true;
    }
    if (!call->sink->ops->bytes) {
        buf_add(&call->body, ptr, n);
        if (call->sink->ops->arrived)
            call->sink->ops->arrived(call->sink);
        return true;
    }
    call->handed_on = true;
    return call->sink->ops->bytes(call->sink, ptr, n);
}

/* The first line of an error's body if it is plain text, else NULL. */
static const char *sentence_of(struct handler_call *call)
{
    size_t n = 0;

    while (n < call->body.len && n < sizeof call->sentence - 1 && call->body.ptr[n] != '\n') {
        if (!isprint((unsigned char)call->body.ptr[n]))
            return NULL;
        call->sentence[n] = call->body.ptr[n];
        n++;
    }
    call->sentence[n] = '\0';
    return n > 0 ? call->sentence : NULL;
}

/* What came of it, in the words that a client may see. */
static void judge(struct handler_call *call, enum err err, int status)
{
    struct handler_result *r = &call->result;

    *r = (struct handler_result){.err = err, .status = status};
    if (err == ERR_TIMEOUT) {
        r->sentence = "the event handler did not answer in time, please try again";
    } else if (err != OK) {
        r->sentence = "the connection to the event handler broke, please try again";
    } else if (status == 200 && call->body.failed) {
        r->err = ERR_NOMEM;
        r->sentence = "the event handler's answer is too large";
    } else if (status == 200) {
        r->body = buf_slice(&call->body);
    } else {
        r->err = status == 503 ? ERR_BUSY : ERR_INVALID;
        r->sentence = status == 503 ? sentence_of(call) : NULL;
        if (!r->sentence)
            r->sentence = "the event handler could not take the request, please try again";
    }
}

static void count_failure(struct handler_call *call, enum err err, int status)
{
    enum upstream_metric why = UPSTREAM_METRIC_STATUS;
    uint32_t suppressed;

    if (err == ERR_GONE)
        why = UPSTREAM_METRIC_CONNECT;
    else if (err == ERR_TIMEOUT)
        why = UPSTREAM_METRIC_TIMEOUT;
    else if (err != OK)
        why = UPSTREAM_METRIC_BROKEN;
    metric_add(M_UPSTREAM_FAILURES, why, 1);
    if (log_gate_open(&call->hc->gate, LOG_EVERY_MS, &suppressed))
        log_warn("upstream",
                 status == 401 ? "event handler refuses our INTERNAL_TOKEN" : "request failed",
                 "url=%s path=%s status=%d sentence=\"%s\" suppressed=%u", call->endpoint->base,
                 paths[call->req.route], status, call->result.sentence, (unsigned)suppressed);
}

/*
 * May call be asked of another endpoint? An order to the relay may only when it was surely not
 * carried out: it would be refused as a replay, or done twice.
 */
static bool may_repeat(const struct handler_call *call)
{
    enum err err = call->result.err;

    if (call->handed_on || call->req.route == HANDLER_READYZ || err == OK || err == ERR_INVALID)
        return false;
    return call->req.route != HANDLER_MANAGE || err == ERR_GONE || err == ERR_BUSY;
}

/* What a failed request says about its endpoint. */
static void blame(struct endpoint *ep, enum err err)
{
    if ((err == ERR_GONE || err == ERR_IO) && ep->state != ENDPOINT_DOWN)
        endpoint_enter(ep, ENDPOINT_DOWN);
    else if (err == ERR_TIMEOUT)
        ep->probe_at_ms = 0; /* is it slow, or stuck? */
}

/* Is nobody up, but not for long? */
static bool outage_is_young(const struct handler_client *hc)
{
    return hc->endpoints.n_up == 0 && uv_now(hc->loop) < hc->endpoints.outage_ms + OUTAGE_WAIT_MS;
}

static void on_done(struct http_sink *http_sink, enum err err)
{
    struct handler_call *call = container_of(http_sink, struct handler_call, http_sink);
    int status = err == OK ? http_call_status(call->http) : 0;
    struct endpoint *at = call->endpoint, *next;

    judge(call, err, status);
    if (call->result.err != OK && call->req.route != HANDLER_READYZ)
        count_failure(call, err, status);
    leave_endpoint(call);
    if (call->req.route != HANDLER_READYZ)
        blame(at, err);
    if (!may_repeat(call)) {
        complete(call);
        return;
    }
    next = endpoints_choose(&call->hc->endpoints, call->tried);
    if (!next && outage_is_young(call->hc))
        wait_for_endpoint(call);
    else if (!next || !send_to(call, next))
        complete(call);
}

static const struct http_sink_ops call_ops = {.bytes = on_bytes, .done = on_done};

/* ---- probes ---- */

static struct handler_client *client_of(struct endpoints *all)
{
    return container_of(all, struct handler_client, endpoints);
}

/* ep does not answer probes, or is to be left: what waits for an answer from it is asked elsewhere,
 * if there is an elsewhere. */
static void evacuate(struct endpoint *ep)
{
    struct handler_client *hc = client_of(ep->all);

    for (struct list *l = hc->calls.next, *next; l != &hc->calls; l = next) {
        struct handler_call *call = container_of(l, struct handler_call, node);
        struct endpoint *other;

        next = l->next;
        if (call->endpoint != ep || call->handed_on || call->req.route == HANDLER_READYZ ||
            call->req.route == HANDLER_MANAGE)
            continue;
        other = endpoints_choose(&hc->endpoints, call->tried);
        if (!other)
            continue;
        http_call_cancel(call->http);
        leave_endpoint(call);
        if (!send_to(call, other))
            wait_for_endpoint(call);
    }
}

static void on_probed(struct handler_sink *sink, const struct handler_result *r)
{
    struct endpoint *ep = container_of(sink, struct endpoint, probe_sink);

    ep->probe = NULL;
    ep->probed = true;
    snprintf(ep->reason, sizeof ep->reason, "event handler: %s", r->err == OK ? "" : r->sentence);
    if (r->err == OK)
        endpoint_enter(ep, ENDPOINT_READY);
    else
        endpoint_enter(ep, r->err == ERR_BUSY || r->err == ERR_INVALID ? ENDPOINT_DEGRADED
                                                                       : ENDPOINT_DOWN);
    if (ep->state == ENDPOINT_DOWN)
        evacuate(ep);
}

static const struct handler_sink_ops probe_ops = {.done = on_probed};

static void probe(struct endpoint *ep)
{
    const struct handler_request req = {
        .route = HANDLER_READYZ, .idle_ms = PROBE_IDLE_MS, .max_collect = 4 * KIB};
    struct handler_call *call;

    ep->probe_sink.ops = &probe_ops;
    call = call_new(client_of(ep->all), &req, &ep->probe_sink);

    if (call && send_to(call, ep))
        ep->probe = call;
    else if (call)
        call_free(call);
}

static void on_probe_tick(uv_timer_t *timer)
{
    struct handler_client *hc = timer->data;
    uint64_t now = uv_now(hc->loop);

    for (unsigned i = 0; i < MAX_ENDPOINTS; i++) {
        struct endpoint *ep = &hc->endpoints.place[i];

        if (ep->host && !ep->leaving && !ep->probe && now >= ep->probe_at_ms)
            probe(ep);
    }
}

/* Calls that wait may have somewhere to go now. */
static void on_up(struct endpoints *all)
{
    uv_timer_start(&client_of(all)->wait_timer, on_wait, 0, 0);
}

static void on_leave(struct endpoint *ep)
{
    handler_call_cancel(ep->probe);
    ep->probe = NULL;
    evacuate(ep);
}

static const struct endpoints_ops endpoints_ops = {.up = on_up, .leave = on_leave};

bool handler_client_ready(const struct handler_client *hc, const char **reason)
{
    return endpoints_ready(&hc->endpoints, reason);
}

/* ---- life ---- */

/* The headers that every request carries; "Name:" takes away one that libcurl would send. */
static bool make_headers(struct handler_client *hc)
{
    static const char *const without[] = {"Expect:", "Accept:", "Content-Type:"};
    const char *token = hc->cfg->shared.internal_token;
    struct buf line;

    for (size_t i = 0; i < ARRAY_LEN(without); i++)
        hc->headers = curl_slist_append(hc->headers, without[i]);
    if (!hc->headers || !token[0])
        return hc->headers != NULL;
    buf_init(&line, 16 * KIB);
    buf_printf(&line, "Authorization: Bearer %s", token);
    buf_add_char(&line, '\0');
    if (line.failed || !curl_slist_append(hc->headers, line.ptr)) {
        buf_deinit(&line);
        return false;
    }
    buf_deinit(&line);
    return true;
}

struct handler_client *handler_client_new(uv_loop_t *loop, const struct config *cfg)
{
    struct handler_client *hc = calloc(1, sizeof *hc);

    if (!hc)
        return NULL;
    hc->loop = loop;
    hc->cfg = cfg;
    list_init(&hc->calls);
    list_init(&hc->waiting);
    uv_timer_init(loop, &hc->probe_timer);
    uv_timer_init(loop, &hc->wait_timer);
    hc->probe_timer.data = hc->wait_timer.data = hc;
    hc->open_handles = 2;
    hc->curl = curl_loop_new(loop);
    if (!hc->curl || !make_headers(hc) ||
        !endpoints_open(&hc->endpoints, loop, cfg->event_handler_hosts, cfg->event_handler_port,
                        &endpoints_ops)) {
        log_error("upstream", "EVENT_HANDLER_SVC must name 1 to 32 hosts", "");
        handler_client_close(hc);
        return NULL;
    }
    uv_timer_start(&hc->probe_timer, on_probe_tick, 0, PROBE_TICK_MS);
    return hc;
}

static void on_closed(uv_handle_t *handle)
{
    struct handler_client *hc = handle->data;

    if (--hc->open_handles == 0)
        free(hc);
}

static void cancel_all(struct list *calls)
{
    while (!list_empty(calls))
        handler_call_cancel(container_of(calls->next, struct handler_call, node));
}

void handler_client_close(struct handler_client *hc)
{
    if (!hc)
        return;
    endpoints_close(&hc->endpoints);
    cancel_all(&hc->calls);
    cancel_all(&hc->waiting);
    curl_loop_close(hc->curl);
    curl_slist_free_all(hc->headers);
    uv_close((uv_handle_t *)&hc->probe_timer, on_closed);
    uv_close((uv_handle_t *)&hc->wait_timer, on_closed);
}
