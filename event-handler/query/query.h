#ifndef EVENT_HANDLER_QUERY_QUERY_H
#define EVENT_HANDLER_QUERY_QUERY_H
/*
 * The read path: a query is a generator of pages. A read worker (own thread, own connection on the
 * _READ database) fills one page, hands it over and forgets the query until the reader has drained
 * it: a slow client holds no worker, no connection and no snapshot. Every page after the first
 * leaves out what is newer than the first page's snapshot, so the whole answer has one seq.
 */
#include "base/buf.h"
#include "wire/query_wire.h"

struct access;
struct config;
struct query_pool;
struct query; /* one running query */

/* Runs on a read worker when a page is ready (query_page) or the query ended; must only hand over.
 */
typedef void query_ready_fn(struct query *q, void *ctx);

/* Both are borrowed. */
struct query_pool *query_pool_start(const struct config *cfg, struct access *access);
void query_pool_stop(struct query_pool *pool);

enum query_verb { QUERY_EVENTS, QUERY_COUNT, QUERY_FEED };

/* body: the request (wire/query_wire.h); for QUERY_FEED "after" and "limit" are given instead.
 * Returns ERR_BUSY when too many wait, ERR_INVALID with *error set for a malformed request. The
 * query starts at once; ready is called for each page. */
NODISCARD enum err query_start(struct query_pool *pool, enum query_verb verb, struct slice body,
                               uint64_t after, uint32_t limit, query_ready_fn *ready, void *ctx,
                               struct query **out, const char **error);
/* After ready: the page's bytes (valid until query_next/query_free); *end is true when no page
 * follows. status 200 or 503 (database away, time-out). */
struct slice query_page(struct query *q, bool *end, int *status);
/* Asks for the next page; ready will be called again. */
void query_next(struct query *q);
/* Frees it: between a call of ready and query_next(), in which case the rest is not read, or after
 * the last page. A query that is waiting or running cannot be freed. */
void query_free(struct query *q);

struct query_health {
    bool database_ok;
    size_t waiting, running;
};
void query_pool_health(struct query_pool *pool, struct query_health *out); /* any thread */

#endif
