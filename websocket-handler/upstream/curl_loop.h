#ifndef WEBSOCKET_HANDLER_UPSTREAM_CURL_LOOP_H
#define WEBSOCKET_HANDLER_UPSTREAM_CURL_LOOP_H
/*
 * HTTP/1.1 requests by libcurl's multi interface on a libuv loop. Loop thread only.
 *
 * Each call completes exactly once: done() or http_call_cancel(). Everything may be called from
 * within bytes() and done(): what libcurl forbids in its own callbacks is put off until it has
 * returned. Easy handles and connections are reused. URLs hold addresses, not names: who calls
 * knows which replica is asked.
 */
#include <curl/curl.h>
#include <uv.h>

#include "base/base.h"
#include "base/slice.h"

struct curl_loop;
struct http_call;
struct http_sink;

struct http_sink_ops {
    /* Bytes of the response's body, which may be changed in place. False: not now; they come again
     * after http_call_resume(). */
    bool (*bytes)(struct http_sink *sink, char *ptr, size_t n);
    /* The end. OK: there is a status. ERR_GONE: nobody answers at that address; ERR_IO: the
     * connection broke; ERR_TIMEOUT: silence; ERR_NOMEM. */
    void (*done)(struct http_sink *sink, enum err err);
};

/* Embedded by whoever makes the call; must live until done() or http_call_cancel(). */
struct http_sink {
    const struct http_sink_ops *ops;
};

struct http_request {
    const char *url;
    struct curl_slist *headers; /* must outlive the call */
    const struct slice *post;   /* NULL: GET. The bytes must outlive the call */
    uint32_t connect_ms;
    /* Without a byte in either direction for so long it fails; a paused call has all the time. */
    uint32_t idle_ms;
};

/* NULL without memory. */
struct curl_loop *curl_loop_new(uv_loop_t *loop);
/* Cancels all calls; memory goes when the loop has run the close callbacks. NULL is fine. */
void curl_loop_close(struct curl_loop *cl);

/* Never calls back at once. NULL without memory. */
struct http_call *http_call_start(struct curl_loop *cl, const struct http_request *req,
                                  struct http_sink *sink);
void http_call_resume(struct http_call *call);
/* sink is not called any more. */
void http_call_cancel(struct http_call *call);
/* The response's status, valid in bytes() and done(). */
int http_call_status(const struct http_call *call);

#endif
