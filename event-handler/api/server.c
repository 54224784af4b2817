/*
 * MHD runs epoll on a few threads of its own; each connection belongs to one of them. What happens
 * on a request, in order: on_request() with the head (route, token, size), with each piece of the
 * body, with nothing left (the handler), and again after each wake-up. on_completed() frees it,
 * however it ended.
 */
#include "api/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "api/request.h"
#include "base/clock.h"
#include "ingest/ingest.h"
#include "manage/manage.h"
#include "metrics.h"
#include "ops/log.h"
#include "otel/otel.h"
#include "query/query.h"

enum {
    CONNECTION_MEMORY = 64 * 1024, /* headers and one block of a streamed answer */
    IDLE_SECONDS = 120,
    BODIES_CAP = 256 * 1024 * 1024, /* of all requests in progress */
    LISTEN_BACKLOG = 512,
    POLL_MS = 10,
    PROBE_SECONDS = 3,
};

/* ---- one request ---- */

static void refuse_later(struct request *req, unsigned status, const char *text)
{
    req->refusal = status;
    req->refusal_text = text;
}

static void check_head(struct request *req, const char *path, const char *method)
{
    struct api *api = req->api;
    const char *token = api->cfg->shared.internal_token;
    unsigned status;

    req->route = route_find(path, method, &status);
    if (!req->route)
        refuse_later(req, status,
                     status == MHD_HTTP_NOT_FOUND ? "there is nothing at this path"
                                                  : "this path has another method");
    else if (!req->route->internal)
        return;
    else if (token[0] &&
             !request_token_ok(MHD_lookup_connection_value(req->conn, MHD_HEADER_KIND,
                                                           MHD_HTTP_HEADER_AUTHORIZATION),
                               token))
        refuse_later(req, MHD_HTTP_UNAUTHORIZED, "the token is missing or wrong");
    else if (atomic_load(&api->draining))
        refuse_later(req, MHD_HTTP_SERVICE_UNAVAILABLE,
                     "the event handler is stopping, please try again");
    else if (!atomic_load(&api->open))
        refuse_later(req, MHD_HTTP_SERVICE_UNAVAILABLE,
                     "waiting for the database, please try again");
}

/* The caller's trace goes on here, when it has one. */
static void begin_span(struct request *req)
{
    const char *header = MHD_lookup_connection_value(req->conn, MHD_HEADER_KIND, "traceparent");
    struct trace_context parent = {0};

    if (header && req->route)
        (void)!trace_context_parse(slice_str(header), &parent);
    otel_begin_child(&req->span, req->route ? req->route->path : "", SPAN_SERVER, &parent);
}

static bool announces_too_much(const struct request *req)
{
    const char *length =
        MHD_lookup_connection_value(req->conn, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

    return length && req->route && strtoull(length, NULL, 10) > req->route->body_cap;
}

static enum MHD_Result begin(struct api *api, struct MHD_Connection *conn, const char *path,
                             const char *method, void **slot)
{
    struct request *req = calloc(1, sizeof *req);

    if (!req)
        return MHD_NO;
    req->api = api;
    req->conn = conn;
    *slot = req;
    atomic_fetch_add(&api->in_progress, 1);
    check_head(req, path, method);
    begin_span(req);
    buf_init(&req->body, req->route ? req->route->body_cap : 0);
    if (announces_too_much(req)) /* answering now spares the body, and ends the connection */
        return request_refuse(req, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large");
    return MHD_YES;
}

static void take_body(struct request *req, const char *bytes, size_t n)
{
    size_t total;

    if (req->refusal)
        return; /* read on, so that the answer arrives */
    buf_add(&req->body, bytes, n);
    if (req->body.failed)
        refuse_later(req, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large");
    req->counted += n;
    total = atomic_fetch_add(&req->api->body_bytes, n) + n;
    if (total > BODIES_CAP)
        refuse_later(req, MHD_HTTP_SERVICE_UNAVAILABLE,
                     "too many requests are in progress, please try again");
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *path,
                                  const char *method, const char *version, const char *bytes,
                                  size_t *n, void **slot)
{
    struct request *req = *slot;
    request_fn *resume;

    (void)version;
    if (!req)
        return begin(cls, conn, path, method, slot);
    if (*n > 0) {
        take_body(req, bytes, *n);
        *n = 0;
        return MHD_YES;
    }
    resume = req->resume;
    req->resume = NULL;
    if (resume)
        return resume(req);
    if (req->refusal)
        return request_refuse(req, req->refusal, req->refusal_text);
    return req->route->handler(req);
}

static void on_completed(void *cls, struct MHD_Connection *conn, void **slot,
                         enum MHD_RequestTerminationCode why)
{
    struct api *api = cls;
    struct request *req = *slot;

    (void)conn;
    (void)why;
    if (!req)
        return;
    *slot = NULL;
    if (req->query)
        query_free(req->query);
    if (req->batch)
        ingest_batch_free(req->batch);
    otel_end(&req->span);
    if (req->managed)
        manage_request_free(req->managed);
    buf_deinit(&req->body);
    atomic_fetch_sub(&api->body_bytes, req->counted);
    free(req);
    atomic_fetch_sub(&api->in_progress, 1);
}

static void on_connection(void *cls, struct MHD_Connection *conn, void **slot,
                          enum MHD_ConnectionNotificationCode what)
{
    (void)cls;
    (void)conn;
    (void)slot;
    metric_add(M_HTTP_CONNECTIONS, 0, what == MHD_CONNECTION_NOTIFY_STARTED ? 1 : -1);
}

/* ---- the daemon ---- */

static void log_mhd(void *cls, const char *fmt, va_list args) __attribute__((format(printf, 2, 0)));
static void log_mhd(void *cls, const char *fmt, va_list args)
{
    char text[256], quoted[300];
    int n = vsnprintf(text, sizeof text, fmt, args);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;

    (void)cls;
    while (len > 0 && text[len - 1] == '\n')
        len--;
    log_debug("api", "a connection failed", "reason=%s",
              log_quote(text, len, quoted, sizeof quoted));
}

static int listen_on(const struct addrinfo *ai)
{
    int one = 1;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
        return fd;
    close(fd);
    return -1;
}

static struct addrinfo *resolve(const char *host, int64_t port, int flags)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    struct addrinfo *ai = NULL;
    char service[16];

    snprintf(service, sizeof service, "%d", (int)port);
    return getaddrinfo(host[0] ? host : NULL, service, &hints, &ai) == 0 ? ai : NULL;
}

static int open_socket(const struct config *cfg)
{
    struct addrinfo *ai = resolve(cfg->host, cfg->port, AI_PASSIVE);
    int fd = ai ? listen_on(ai) : -1;

    if (fd < 0)
        log_error("api", "cannot listen", "host=%s port=%d reason=\"%s\"", cfg->host,
                  (int)cfg->port, ai ? strerror(errno) : "no such address");
    if (ai)
        freeaddrinfo(ai);
    return fd;
}

struct api *api_start(const struct config *cfg)
{
    struct api *api = calloc(1, sizeof *api);
    int fd = open_socket(cfg);

    if (api && fd >= 0) {
        api->cfg = cfg;
        api->daemon = MHD_start_daemon(
            MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
                MHD_USE_ERROR_LOG,
            (uint16_t)cfg->port, NULL, NULL, on_request, api, MHD_OPTION_EXTERNAL_LOGGER, log_mhd,
            NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE,
            (unsigned)cfg->http_threads, MHD_OPTION_CONNECTION_LIMIT,
            (unsigned)cfg->http_connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
            (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
            MHD_OPTION_NOTIFY_COMPLETED, on_completed, api, MHD_OPTION_NOTIFY_CONNECTION,
            on_connection, NULL, MHD_OPTION_END);
    }
    if (api && api->daemon)
        return api;
    if (fd >= 0) {
        log_error("api", "cannot start", "threads=%d", (int)cfg->http_threads);
        close(fd);
    }
    free(api);
    return NULL;
}

void api_open(struct api *api, const struct api_parts *parts)
{
    api->access = parts->access;
    api->ingest = parts->ingest;
    api->queries = parts->queries;
    api->manage = parts->manage;
    atomic_store(&api->open, true);
}

static void sleep_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000},
              NULL);
}

void api_drain(struct api *api, uint64_t deadline_ms)
{
    uint64_t until = clock_mono_ms() + deadline_ms;
    int fd;

    atomic_store(&api->draining, true);
    fd = MHD_quiesce_daemon(api->daemon);
    if (fd >= 0)
        close(fd);
    while (atomic_load(&api->in_progress) > 0 && clock_mono_ms() < until)
        sleep_ms(POLL_MS);
}

void api_stop(struct api *api)
{
    MHD_stop_daemon(api->daemon);
    free(api);
}

/* ---- --healthcheck ---- */

static const char *probe_host(const char *host)
{
    if (host[0] == '\0' || strcmp(host, "0.0.0.0") == 0)
        return "127.0.0.1";
    return strcmp(host, "::") == 0 ? "::1" : host;
}

static bool exchange(int fd)
{
    static const char request[] =
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    static const char wanted[] = "HTTP/1.1 200 ";
    char answer[sizeof wanted];
    size_t got = 0;

    if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) != (ssize_t)sizeof request - 1)
        return false;
    while (got < sizeof wanted - 1) {
        ssize_t n = recv(fd, answer + got, sizeof wanted - 1 - got, 0);

        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return memcmp(answer, wanted, sizeof wanted - 1) == 0;
}

bool api_healthcheck(const struct config *cfg)
{
    struct timeval patience = {.tv_sec = PROBE_SECONDS};
    struct addrinfo *ai = resolve(probe_host(cfg->host), cfg->port, 0);
    bool ok = false;
    int fd = ai ? socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;

    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        ok = connect(fd, ai->ai_addr, ai->ai_addrlen) == 0 && exchange(fd);
        close(fd);
    }
    if (ai)
        freeaddrinfo(ai);
    return ok;
}
