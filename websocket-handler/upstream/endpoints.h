#ifndef WEBSOCKET_HANDLER_UPSTREAM_ENDPOINTS_H
#define WEBSOCKET_HANDLER_UPSTREAM_ENDPOINTS_H
/*
 * The event handlers that there are, and which one to ask. Part of handler_client: it makes the
 * calls and the probes, and tells here what came of them. Loop thread only.
 *
 * EVENT_HANDLER_SVC names hosts; a name may stand for several addresses (replicas behind one name,
 * as Compose and Kubernetes' headless services have them), and each is an endpoint of its own. One
 * whose address the name has lost is taken no further; its place is free when it has nothing left
 * under way.
 */
#include <uv.h>

#include "base/cidr.h"
#include "ops/backoff.h"
#include "ops/log.h"
#include "upstream/handler_client.h"

enum {
    MAX_ENDPOINTS = 32,
    MAX_SENTENCE = 160,
    ENDPOINT_BASE_BYTES = 64, /* room for http://[v6]:port */
};

enum endpoint_state { ENDPOINT_READY, ENDPOINT_DEGRADED, ENDPOINT_DOWN };

struct endpoint_host;
struct endpoints;

struct endpoint {
    struct endpoints *all;
    struct endpoint_host *host; /* NULL: a free place */
    struct ip ip;
    char base[ENDPOINT_BASE_BYTES]; /* http://address:port */
    bool leaving;                   /* its name has lost this address */
    enum endpoint_state state;
    bool probed; /* an answer to a probe has ever come; before, it counts as ready */
    unsigned in_flight;
    char reason[MAX_SENTENCE]; /* what its /readyz said with a 503 */
    struct backoff backoff;
    uint64_t probe_at_ms;
    struct handler_sink probe_sink; /* its probe: one at a time */
    struct handler_call *probe;
};

/* What the owner is told. */
struct endpoints_ops {
    void (*up)(struct endpoints *all);  /* one has become usable */
    void (*leave)(struct endpoint *ep); /* take all that is under way there elsewhere */
};

struct endpoint_host {
    struct endpoints *all;
    struct host_watch *watch; /* NULL: an address, not a name */
    uint16_t port;
};

struct endpoints {
    uv_loop_t *loop;
    const struct endpoints_ops *ops;
    struct endpoint place[MAX_ENDPOINTS];
    struct endpoint_host host[MAX_ENDPOINTS];
    unsigned n_hosts;
    unsigned turn;      /* where the search for one begins */
    unsigned n_up;      /* that are not DOWN */
    uint64_t outage_ms; /* when the last one went down */
    struct log_gate gate;
};

/* list: of hosts, separated by commas or spaces: host, host:port, [v6], [v6]:port or v6. False when
 * it is unusable or without memory; endpoints_close() it all the same. */
bool endpoints_open(struct endpoints *all, uv_loop_t *loop, const char *list, int64_t port,
                    const struct endpoints_ops *ops);
void endpoints_close(struct endpoints *all);

/* The least busy of the best state whose bit is not in tried; NULL when there is none. */
struct endpoint *endpoints_choose(struct endpoints *all, uint32_t tried);
uint32_t endpoint_bit(const struct endpoint *ep);

/* One more call is at ep, or one less. */
void endpoint_begin(struct endpoint *ep);
void endpoint_end(struct endpoint *ep);

/* What a probe or a failed call has shown. Sets when to probe next. */
void endpoint_enter(struct endpoint *ep, enum endpoint_state state);

/* Is one ready? If not, *reason is a sentence for /readyz, valid until the loop runs again. */
bool endpoints_ready(const struct endpoints *all, const char **reason);

#endif
