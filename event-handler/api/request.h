#ifndef EVENT_HANDLER_API_REQUEST_H
#define EVENT_HANDLER_API_REQUEST_H
/*
 * One HTTP request. All of it runs on the MHD thread that owns the connection, except
 * request_wake().
 *
 * A handler either answers at once, or calls request_wait(), starts its work, and is continued by
 * `resume` once somebody has called request_wake(). Suspending comes first: MHD takes note of a
 * resume of a connection that is suspended already, even while the handler is still running, so a
 * worker that is quick loses nothing.
 */
#include <microhttpd.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "config.h"
#include "otel/span.h"

struct access;
struct ingest;
struct ingest_batch;
struct manage;
struct manage_request;
struct query;
struct query_pool;
struct request;

typedef enum MHD_Result request_fn(struct request *req);

struct route {
    const char *method, *path;
    request_fn *handler; /* called when the whole body has arrived */
    size_t body_cap;
    bool internal; /* asks for the token, and for a service that is open */
};

struct api {
    const struct config *cfg;
    struct MHD_Daemon *daemon;
    struct access *access; /* this and the next three: set before `open` */
    struct ingest *ingest;
    struct query_pool *queries;
    struct manage *manage;
    atomic_bool open, draining;
    atomic_int in_progress;
    atomic_size_t body_bytes; /* of all requests in progress */
};

struct request {
    struct api *api;
    struct MHD_Connection *conn;
    const struct route *route;
    struct buf body;
    size_t counted;   /* of api->body_bytes */
    unsigned refusal; /* an HTTP status that is decided before the body has arrived; 0 for none */
    const char *refusal_text;
    request_fn *resume; /* set while waiting */
    struct ingest_batch *batch;
    struct query *query;
    struct manage_request *managed;
    size_t streamed; /* bytes of the query's page that were sent */
    struct span span;
};

/* The route of path and method. Without one, *refusal is 404 or 405. routes.c */
const struct route *route_find(const char *path, const char *method, unsigned *refusal);

/* Does the header value carry the token? Takes the same time wherever they differ. */
bool request_token_ok(const char *authorization, const char *token);

/* Answers with a copy of body. 503 carries Retry-After. */
enum MHD_Result request_reply(struct request *req, unsigned status, const char *type,
                              struct slice body);
/* Answers with a sentence. */
enum MHD_Result request_refuse(struct request *req, unsigned status, const char *sentence);
/* Answers with bytes that stay valid until the request is freed. */
enum MHD_Result request_reply_borrowed(struct request *req, unsigned status, const char *type,
                                       struct slice body);
/* Answers with response, and lets go of it. */
enum MHD_Result request_reply_response(struct request *req, unsigned status, const char *type,
                                       struct MHD_Response *response);

void request_wait(struct request *req, request_fn *resume);
void request_wake(struct request *req); /* any thread, once per request_wait() */

/* Handlers. api_ingest.c, api_query.c, api_health.c */
request_fn api_manage;              /* api_manage.c */
request_fn api_control, api_access; /* api_control.c */
request_fn api_events, api_query, api_count, api_feed, api_healthz, api_readyz, api_metrics;

#endif
