#include "conn/plain_http.h"

#include <stdio.h>

#include "config.h"
#include "conn/landing_page.h"
#include "conn/nip11.h"
#include "conn/pages.h"
#include "control/control_state.h"
#include "metrics.h"

/* NIP-11 asks for CORS on its answers; a browser shows an error's sentence to a script only when
 * that has them too. */
static const char cors[] = "Access-Control-Allow-Origin: *\r\n"
                           "Access-Control-Allow-Headers: Accept, Authorization, Content-Type\r\n"
                           "Access-Control-Allow-Methods: GET, HEAD, POST, OPTIONS\r\n";

struct status_text {
    int status;
    const char *reason;
    const char *extra; /* header lines that belong to this status */
};

static const struct status_text statuses[] = {
    {200, "OK", ""},
    {204, "No Content", "Access-Control-Max-Age: 86400\r\n"},
    {400, "Bad Request", ""},
    {401, "Unauthorized", "WWW-Authenticate: Nostr\r\n"},
    {403, "Forbidden", ""},
    {404, "Not Found", ""},
    {405, "Method Not Allowed", "Allow: GET, HEAD, POST, OPTIONS\r\n"},
    {411, "Length Required", ""},
    {413, "Content Too Large", ""},
    {426, "Upgrade Required", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"},
    {429, "Too Many Requests", ""},
    {431, "Request Header Fields Too Large", ""},
    {503, "Service Unavailable", "Retry-After: 10\r\n"},
};

static const struct status_text *find_status(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        if (statuses[i].status == status)
            return &statuses[i];
    }
    assert(false && "a status that is not in the table");
    return NULL;
}

struct answer {
    int status;
    const char *type;
    const char *headers; /* further header lines */
    struct slice body;
};

static int write_answer(struct buf *out, const struct answer *a, bool with_body)
{
    const struct status_text *text = find_status(a->status);
    bool upgrade = a->status == 426;

    buf_printf(out, "HTTP/1.1 %d %s\r\n", a->status, text->reason);
    if (a->status != 204)
        buf_printf(out, "Content-Type: %s\r\nContent-Length: %zu\r\n", a->type, a->body.len);
    buf_printf(out, "Connection: %sclose\r\n", upgrade ? "Upgrade, " : "");
    buf_add_str(out, text->extra);
    buf_add_str(out, a->headers ? a->headers : "");
    buf_add_str(out, cors);
    buf_add_str(out, "X-Content-Type-Options: nosniff\r\n\r\n");
    if (with_body)
        buf_add_slice(out, a->body);
    return a->status;
}

void plain_http_rpc(struct buf *out, int status, struct slice json)
{
    write_answer(
        out, &(struct answer){.status = status, .type = "application/nostr+json+rpc", .body = json},
        true);
}

int plain_http_refuse(struct buf *out, int status, const char *sentence)
{
    struct buf body;

    buf_init(&body, 1024);
    buf_add_str(&body, sentence);
    buf_add_char(&body, '\n');
    write_answer(out,
                 &(struct answer){.status = status,
                                  .type = "text/plain; charset=utf-8",
                                  .body = buf_slice(&body)},
                 true);
    buf_deinit(&body);
    return status;
}

void plain_http_refuse_for_now(struct buf *out, uint32_t seconds, const char *sentence)
{
    char header[48], body[256];

    snprintf(header, sizeof(header), "Retry-After: %u\r\n", (unsigned)seconds);
    snprintf(body, sizeof(body), "%s Please try again in %u s.\n", sentence, (unsigned)seconds);
    write_answer(out,
                 &(struct answer){.status = 429,
                                  .type = "text/plain; charset=utf-8",
                                  .headers = header,
                                  .body = slice_str(body)},
                 true);
}

/* A route fills in the answer; what it builds goes into body. */
typedef void route_fn(const struct site *, const struct http_head *, struct buf *body,
                      struct answer *);

static route_fn route_root, route_healthz, route_readyz, route_metrics, route_status,
    route_handler_metrics;

static void route_root(const struct site *site, const struct http_head *head, struct buf *body,
                       struct answer *a)
{
    if (http_head_lists(head, "Accept", "application/nostr+json")) {
        a->type = "application/nostr+json; charset=utf-8";
        a->headers = "Vary: Accept\r\n";
        a->body = buf_slice(&site->nip11);
        return;
    }
    landing_page_write(body, site->cfg, site->control, head);
    a->type = "text/html; charset=utf-8";
    a->headers =
        "Vary: Accept\r\nReferrer-Policy: no-referrer\r\n"
        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; img-src data:\r\n";
    a->body = buf_slice(body);
}

static void route_healthz(const struct site *site, const struct http_head *head, struct buf *body,
                          struct answer *a)
{
    (void)site, (void)head, (void)body;
    a->body = SLICE("ok\n");
}

static void route_readyz(const struct site *site, const struct http_head *head, struct buf *body,
                         struct answer *a)
{
    static const char *const words[] = {"ok", "degraded", "down"};

    (void)head;
    for (size_t i = 0; i < site->n_checks; i++) {
        const char *reason = NULL;
        enum health health = site->checks[i].probe(site->gateway, &reason);

        if (health == HEALTH_DOWN)
            a->status = 503;
        buf_printf(body, "%s: %s%s%s\n", site->checks[i].name, words[health], reason ? ": " : "",
                   reason ? reason : "");
    }
    a->body = buf_slice(body);
}

static void route_metrics(const struct site *site, const struct http_head *head, struct buf *body,
                          struct answer *a)
{
    (void)site, (void)head;
    metrics_write(body);
    a->type = "text/plain; version=0.0.4; charset=utf-8";
    a->body = buf_slice(body);
}

static void route_status(const struct site *site, const struct http_head *head, struct buf *body,
                         struct answer *a)
{
    (void)site, (void)head, (void)body;
    a->type = "text/html; charset=utf-8";
    a->headers = "Referrer-Policy: no-referrer\r\n"
                 "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; "
                 "script-src 'unsafe-inline'; connect-src 'self'; img-src data:\r\n";
    a->body = slice_of(status_html, status_html_len);
}

static void route_handler_metrics(const struct site *site, const struct http_head *head,
                                  struct buf *body, struct answer *a)
{
    (void)head, (void)body;
    a->body = site->handler_metrics ? site->handler_metrics(site->gateway) : SLICE("");
    if (a->body.len == 0) {
        a->status = 503;
        a->body = SLICE("No event handler has answered yet.\n");
    } else {
        a->type = "text/plain; version=0.0.4; charset=utf-8";
    }
}

static const struct route {
    const char *path;
    enum http_port port;
    route_fn *fn;
} routes[] = {
    {"/", HTTP_PUBLIC, route_root},
    {"/healthz", HTTP_PUBLIC, route_healthz},
    {"/readyz", HTTP_PUBLIC, route_readyz},
    {"/metrics", HTTP_METRICS, route_metrics},
    {"/", HTTP_METRICS, route_status},
    {"/event-handler/metrics", HTTP_METRICS, route_handler_metrics},
    {"/healthz", HTTP_METRICS, route_healthz},
};

static const struct route *find_route(enum http_port port, struct slice path)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (routes[i].port == port && slice_eq(slice_str(routes[i].path), path))
            return &routes[i];
    }
    return NULL;
}

enum err site_init(struct site *site, const struct config *cfg, const struct gateway *gateway,
                   const struct health_check *checks, size_t n_checks)
{
    *site = (struct site){.cfg = cfg, .gateway = gateway, .checks = checks, .n_checks = n_checks};
    buf_init(&site->nip11, HTTP_ANSWER_MAX_BYTES);
    site_set_control(site, &control_nothing);
    return site->nip11.len == 0 ? ERR_NOMEM : OK;
}

void site_set_control(struct site *site, const struct control_state *control)
{
    struct buf document;

    site->control = control;
    buf_init(&document, HTTP_ANSWER_MAX_BYTES);
    nip11_write(&document, site->cfg, control);
    if (document.failed) {
        buf_deinit(&document);
        return;
    }
    buf_deinit(&site->nip11);
    site->nip11 = document;
}

void site_deinit(struct site *site)
{
    buf_deinit(&site->nip11);
}

int plain_http_answer(const struct site *site, enum http_port port, const struct http_head *head,
                      struct buf *out)
{
    bool is_head = slice_eq(head->method, SLICE("HEAD"));
    const struct route *route = find_route(port, head->path);
    struct answer a = {.status = 200, .type = "text/plain; charset=utf-8"};
    struct buf body;

    if (slice_eq(head->method, SLICE("OPTIONS")) && (route || slice_eq(head->path, SLICE("*"))))
        return write_answer(out, &(struct answer){.status = 204}, false);
    if (!route)
        return plain_http_refuse(out, 404, "There is nothing here. The relay is at the path /.");
    if (!is_head && !slice_eq(head->method, SLICE("GET")))
        return plain_http_refuse(out, 405, "Only GET, HEAD and OPTIONS are understood here.");

    buf_init(&body, HTTP_ANSWER_MAX_BYTES);
    route->fn(site, head, &body, &a);
    if (body.failed)
        plain_http_refuse(out, a.status = 503, "Out of memory.");
    else
        write_answer(out, &a, !is_head);
    buf_deinit(&body);
    return a.status;
}
