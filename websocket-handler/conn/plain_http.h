#ifndef WEBSOCKET_HANDLER_CONN_PLAIN_HTTP_H
#define WEBSOCKET_HANDLER_CONN_PLAIN_HTTP_H
/*
 * All answers to requests that do not become a WebSocket: relay information (NIP-11), the page for
 * browsers, health, metrics, refusals. Each answer is the last on its connection. Writes into a
 * buffer; knows no socket. Loop thread only.
 */
#include "base/buf.h"
#include "conn/http_head.h"

struct config;
struct control_state;
struct gateway;

/* /metrics is served on a port of its own, which the public must not reach. */
enum http_port { HTTP_PUBLIC, HTTP_METRICS };

enum health {
    HEALTH_OK,
    HEALTH_DEGRADED, /* works, but a person should look */
    HEALTH_DOWN,     /* send clients elsewhere */
};

/* One line of /readyz. Unless it returns HEALTH_OK, *reason is a static sentence. */
struct health_check {
    const char *name;
    enum health (*probe)(const struct gateway *gateway, const char **reason);
};

struct site {
    const struct config *cfg;
    const struct control_state *control; /* never NULL */
    struct buf nip11;                    /* the document */
    const struct gateway *gateway;
    const struct health_check *checks;
    size_t n_checks;
    /* The metrics of an event handler, for the status page; empty while there are none. */
    struct slice (*handler_metrics)(const struct gateway *gateway);
};

enum { HTTP_ANSWER_MAX_BYTES = 4 * 1024 * 1024 };

/* Borrows all its arguments for the site's lifetime. handler_metrics may be set afterwards.
 * ERR_NOMEM. */
NODISCARD enum err site_init(struct site *site, const struct config *cfg,
                             const struct gateway *gateway, const struct health_check *checks,
                             size_t n_checks);
void site_deinit(struct site *site);
/* From now on the site shows what the admins have changed, and blocked addresses do not become
 * clients. Borrowed until the next call. Without memory the NIP-11 document stays as it was. */
void site_set_control(struct site *site, const struct control_state *control);

/* Appends the whole answer to a well-formed request; returns its status. */
int plain_http_answer(const struct site *site, enum http_port port, const struct http_head *head,
                      struct buf *out);
/* Appends the answer to a management request (NIP-86): 200, 400, 401, 403, 405, 411, 413, 429 or
 * 503. */
void plain_http_rpc(struct buf *out, int status, struct slice json);
/* Appends a refusal with a sentence; returns status. */
int plain_http_refuse(struct buf *out, int status, const char *sentence);
/* The same with 429, and when to try again. */
void plain_http_refuse_for_now(struct buf *out, uint32_t seconds, const char *sentence);

#endif
