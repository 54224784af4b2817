#ifndef WEBSOCKET_HANDLER_UPSTREAM_HANDLER_CLIENT_H
#define WEBSOCKET_HANDLER_UPSTREAM_HANDLER_CLIENT_H
/*
 * Calls to the event handlers (docs/PROTOCOL.md): which one to ask, what to do when it does not
 * answer. Loop thread only.
 *
 * A call goes to the least busy event handler that is ready. When it fails before a byte of its
 * answer was handed on, it is tried on the others, each once: calls may be repeated, since an
 * event that is already stored is answered with true. Only management calls are not, unless they
 * surely did not arrive. Event handlers are probed by GET /readyz,
 * often while they are away:
 *
 *   READY      takes work
 *   DEGRADED   answers, but says 503 (its database is away, say): asked only when none is ready
 *   DOWN       does not answer: not asked until a probe gets through
 *
 * Each address that a name of EVENT_HANDLER_SVC stands for is one event handler (endpoints.h).
 *
 * With all of them down calls wait for a few seconds, which bridges a restart. Once the outage has
 * lasted that long a call fails at once, so clients hear of it promptly.
 */
#include <uv.h>

#include "base/buf.h"
#include "base/slice.h"
#include "otel/trace_context.h"

struct config;
struct curl_loop;
struct handler_call;
struct handler_client;
struct handler_sink;

enum handler_route {
    HANDLER_EVENTS,
    HANDLER_QUERY,
    HANDLER_COUNT,
    HANDLER_MANAGE,
    HANDLER_FEED,
    HANDLER_CONTROL,
    HANDLER_ACCESS,
    HANDLER_READYZ,
    HANDLER_METRICS,
    HANDLER_ROUTES
};

struct handler_result {
    enum err err;         /* OK: status 200 and the whole body. ERR_BUSY: status 503 */
    int status;           /* HTTP; 0: no answer came */
    const char *sentence; /* on failure, for the client, without prefix: "the database is not
                             available, please try again" */
    struct slice body;    /* when it was collected */
};

struct handler_call;

struct handler_sink_ops {
    /* Bytes of the body of a 200, which may be changed in place. False: not now; they come again
     * after handler_call_resume(). NULL: the body is collected. */
    bool (*bytes)(struct handler_sink *sink, char *ptr, size_t n);
    /* More of a body that is collected has come, see handler_call_collected(). Must not start or
     * end calls. NULL: not of interest. */
    void (*arrived)(struct handler_sink *sink);
    /* The end, exactly once unless cancelled. *result is borrowed. */
    void (*done)(struct handler_sink *sink, const struct handler_result *result);
};

/* Embedded by whoever makes the call. */
struct handler_sink {
    const struct handler_sink_ops *ops;
};

struct handler_request {
    enum handler_route route;
    const char *query;                 /* "?after=1", or NULL */
    struct slice body;                 /* of a POST; must outlive the call */
    const struct trace_context *trace; /* sampled: goes along as traceparent. Or NULL; copied */
    uint32_t idle_ms;                  /* without a byte in either direction the call has failed */
    size_t max_collect;                /* most bytes of a collected body */
};

/* cfg: the hosts, the port, the token. NULL (after a log line) when the list of hosts is unusable
 * or without memory. */
struct handler_client *handler_client_new(uv_loop_t *loop, const struct config *cfg);
/* Cancels all calls. NULL is fine. */
void handler_client_close(struct handler_client *hc);

/* Never calls back at once. NULL without memory. */
struct handler_call *handler_call_start(struct handler_client *hc,
                                        const struct handler_request *req,
                                        struct handler_sink *sink);
void handler_call_resume(struct handler_call *call);
/* What there is of a collected body, valid until the loop runs again. When another event handler is
 * asked it begins anew: *attempt then differs. */
struct slice handler_call_collected(const struct handler_call *call, uint32_t *attempt);
/* sink is not called any more. NULL is fine. */
void handler_call_cancel(struct handler_call *call);

/* Is at least one event handler ready? If not, *reason is a sentence for /readyz, valid until the
 * loop runs again. */
bool handler_client_ready(const struct handler_client *hc, const char **reason);

#endif
