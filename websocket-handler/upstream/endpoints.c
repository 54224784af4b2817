#include "upstream/endpoints.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics.h"
#include "upstream/host_watch.h"

enum {
    PROBE_READY_MS = 2000, /* between probes of one that is ready */
    PROBE_DEGRADED_MS = 500,
    PROBE_DOWN_FIRST_MS = 50, /* and of one that is down: growing */
    PROBE_DOWN_MOST_MS = 1000,
    LOG_EVERY_MS = 10000,
    MAX_HOST = 255,
};

static const char *const state_names[] = {"ready", "degraded", "down"};

/* ---- states ---- */

static bool usable(const struct endpoint *ep)
{
    return ep->host && !ep->leaving && ep->state != ENDPOINT_DOWN;
}

/* Something about an endpoint has changed: how many are up now? */
static void count_up(struct endpoints *all)
{
    unsigned up = 0;

    for (unsigned i = 0; i < MAX_ENDPOINTS; i++)
        up += usable(&all->place[i]);
    if (up == 0 && all->n_up > 0)
        all->outage_ms = uv_now(all->loop);
    all->n_up = up;
    metric_set(M_ENDPOINTS_UP, 0, up);
}

void endpoint_enter(struct endpoint *ep, enum endpoint_state state)
{
    uint64_t now = uv_now(ep->all->loop);

    if (state == ENDPOINT_DOWN) {
        ep->probe_at_ms = now + backoff_next(&ep->backoff);
    } else {
        backoff_reset(&ep->backoff);
        ep->probe_at_ms = now + (state == ENDPOINT_READY ? PROBE_READY_MS : PROBE_DEGRADED_MS);
    }
    if (ep->state == state || ep->leaving)
        return;
    ep->state = state;
    if (state == ENDPOINT_READY)
        log_info("upstream", "event handler is ready", "url=%s", ep->base);
    else
        log_warn("upstream", "event handler is not ready", "url=%s state=%s", ep->base,
                 state_names[state]);
    count_up(ep->all);
    if (usable(ep))
        ep->all->ops->up(ep->all);
}

bool endpoints_ready(const struct endpoints *all, const char **reason)
{
    *reason = "event handler: no answer yet";
    for (unsigned i = 0; i < MAX_ENDPOINTS; i++) {
        const struct endpoint *ep = &all->place[i];

        if (!ep->host || ep->leaving || !ep->probed)
            continue;
        if (ep->state == ENDPOINT_READY) {
            *reason = NULL;
            return true;
        }
        *reason = ep->reason;
    }
    return false;
}

/* ---- choosing ---- */

uint32_t endpoint_bit(const struct endpoint *ep)
{
    return 1u << (ep - ep->all->place);
}

struct endpoint *endpoints_choose(struct endpoints *all, uint32_t tried)
{
    struct endpoint *best = NULL;

    for (unsigned i = 0; i < MAX_ENDPOINTS; i++) {
        struct endpoint *ep = &all->place[(all->turn + i) % MAX_ENDPOINTS];

        if (!usable(ep) || (tried & endpoint_bit(ep)))
            continue;
        if (!best || ep->state < best->state ||
            (ep->state == best->state && ep->in_flight < best->in_flight))
            best = ep;
    }
    /* The turn begins behind the chosen one: free places are no advantage for whom they precede. */
    if (best)
        all->turn = (unsigned)(best - all->place) + 1;
    return best;
}

static void free_when_left(struct endpoint *ep)
{
    if (ep->leaving && ep->in_flight == 0)
        ep->host = NULL;
}

void endpoint_begin(struct endpoint *ep)
{
    ep->in_flight++;
}

void endpoint_end(struct endpoint *ep)
{
    ep->in_flight--;
    free_when_left(ep);
}

/* ---- coming and going ---- */

static void write_base(struct endpoint *ep)
{
    char text[IP_TEXT_BYTES];

    ip_text(&ep->ip, text);
    snprintf(ep->base, sizeof ep->base, ip_is_v4(&ep->ip) ? "http://%s:%u" : "http://[%s]:%u", text,
             (unsigned)ep->host->port);
}

static struct endpoint *find(struct endpoint_host *host, const struct ip *ip)
{
    for (unsigned i = 0; i < MAX_ENDPOINTS; i++) {
        struct endpoint *ep = &host->all->place[i];

        if (ep->host == host && ip_eq(&ep->ip, ip))
            return ep;
    }
    return NULL;
}

static struct endpoint *free_place(struct endpoints *all)
{
    for (unsigned i = 0; i < MAX_ENDPOINTS; i++)
        if (!all->place[i].host)
            return &all->place[i];
    return NULL;
}

/* The host has this address. False when there is no place left. */
static bool appear(struct endpoint_host *host, const struct ip *ip)
{
    struct endpoints *all = host->all;
    struct endpoint *ep = find(host, ip);

    if (ep && !ep->leaving)
        return true;
    if (!ep)
        ep = free_place(all);
    if (!ep)
        return false;
    if (ep->leaving && ep->host) {
        ep->leaving = false; /* back before its last call has ended */
        ep->probe_at_ms = 0;
    } else {
        *ep = (struct endpoint){.all = all, .host = host, .ip = *ip};
        backoff_init(&ep->backoff, PROBE_DOWN_FIRST_MS, PROBE_DOWN_MOST_MS);
        write_base(ep);
    }
    count_up(all);
    all->ops->up(all);
    return true;
}

/* The host has this address no longer. */
static void disappear(struct endpoint *ep)
{
    log_info("upstream", "event handler has left", "url=%s", ep->base);
    ep->leaving = true;
    count_up(ep->all);
    endpoint_begin(ep); /* keeps its place until the owner is done */
    ep->all->ops->leave(ep);
    endpoint_end(ep);
}

static bool among(const struct ip *list, unsigned n, const struct ip *ip)
{
    for (unsigned i = 0; i < n; i++)
        if (ip_eq(&list[i], ip))
            return true;
    return false;
}

static void on_found(void *owner, const struct ip *list, unsigned n)
{
    struct endpoint_host *host = owner;
    struct endpoints *all = host->all;
    unsigned without_place = 0;
    uint32_t suppressed;

    /* The new ones first: what leaves the old ones wants somewhere to go. */
    for (unsigned i = 0; i < n; i++)
        without_place += !appear(host, &list[i]);
    for (unsigned i = 0; i < MAX_ENDPOINTS; i++) {
        struct endpoint *ep = &all->place[i];

        if (ep->host == host && !ep->leaving && !among(list, n, &ep->ip))
            disappear(ep);
    }
    if (without_place > 0 && log_gate_open(&all->gate, LOG_EVERY_MS, &suppressed))
        log_warn("upstream", "more event handlers than can be used", "most=%d left_out=%u",
                 MAX_ENDPOINTS, without_place);
}

/* ---- the list of hosts ---- */

static bool parse_port(struct slice text, uint16_t *port)
{
    unsigned number = 0;

    if (text.len == 0 || text.len > 5)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        number = number * 10 + (unsigned)(text.ptr[i] - '0');
    }
    *port = (uint16_t)number;
    return number > 0 && number <= UINT16_MAX;
}

/* Takes one entry apart; *port stays what it is when the entry names none. */
static bool parse_entry(struct slice entry, struct slice *host, uint16_t *port)
{
    const char *colon = memchr(entry.ptr, ':', entry.len);
    const char *end = entry.ptr + entry.len;

    *host = entry;
    if (entry.ptr[0] == '[') {
        const char *close = memchr(entry.ptr, ']', entry.len);

        if (!close || (close + 1 < end && close[1] != ':'))
            return false;
        *host = slice_of(entry.ptr + 1, (size_t)(close - entry.ptr - 1));
        colon = close + 1 < end ? close + 1 : NULL;
    } else if (colon && memrchr(entry.ptr, ':', entry.len) != colon) {
        colon = NULL; /* IPv6 without brackets, and so without a port */
    } else if (colon) {
        host->len = (size_t)(colon - entry.ptr);
    }
    if (host->len == 0 || host->len > MAX_HOST)
        return false;
    return !colon || parse_port(slice_of(colon + 1, (size_t)(end - colon - 1)), port);
}

static bool add_host(struct endpoints *all, struct slice entry, int64_t port)
{
    struct endpoint_host *host = &all->host[all->n_hosts];
    char name[MAX_HOST + 1];
    struct slice text;
    struct ip ip;

    if (all->n_hosts == MAX_ENDPOINTS)
        return false;
    *host = (struct endpoint_host){.all = all, .port = (uint16_t)port};
    if (!parse_entry(entry, &text, &host->port))
        return false;
    all->n_hosts++;
    if (ip_parse(text, &ip))
        return appear(host, &ip);
    memcpy(name, text.ptr, text.len);
    name[text.len] = '\0';
    host->watch = host_watch_new(all->loop, name, on_found, host);
    return host->watch != NULL;
}

bool endpoints_open(struct endpoints *all, uv_loop_t *loop, const char *list, int64_t port,
                    const struct endpoints_ops *ops)
{
    *all = (struct endpoints){.loop = loop, .ops = ops, .outage_ms = uv_now(loop)};
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, ", ");

        if (n > 0 && !add_host(all, slice_of(p, n), port))
            return false;
        p += n;
        p += strspn(p, ", ");
    }
    count_up(all);
    return all->n_hosts > 0;
}

void endpoints_close(struct endpoints *all)
{
    for (unsigned i = 0; i < all->n_hosts; i++) {
        host_watch_close(all->host[i].watch);
        all->host[i].watch = NULL;
    }
}
