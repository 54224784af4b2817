#ifndef EVENT_HANDLER_API_SERVER_H
#define EVENT_HANDLER_API_SERVER_H
/*
 * The internal HTTP API (docs/PROTOCOL.md) on libmicrohttpd: it owns the listening socket and MHD's
 * threads. Started and stopped by main; routes are in routes.c.
 */
#include "base/base.h"

struct access;
struct config;
struct api;
struct ingest;
struct manage;
struct query_pool;

/* Listens. /healthz answers at once, everything else 503 until api_open(). NULL when the address
 * cannot be had (logged). */
struct api *api_start(const struct config *cfg);
struct api_parts { /* who does the work; all borrowed until api_stop() */
    struct access *access;
    struct ingest *ingest;
    struct query_pool *queries;
    struct manage *manage;
};
/* The database is there: requests are served from now on. */
void api_open(struct api *api, const struct api_parts *parts);
/* Not ready any more; accepts no connection; returns when no request is in progress, or after
 * deadline_ms. */
void api_drain(struct api *api, uint64_t deadline_ms);
/* Only after ingest and queries were stopped, which completes the requests that wait for them. */
void api_stop(struct api *api);

/* --healthcheck: GET /healthz of the event handler on this machine; true when it answers 200. */
bool api_healthcheck(const struct config *cfg);

#endif
