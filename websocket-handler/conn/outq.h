#ifndef WEBSOCKET_HANDLER_CONN_OUTQ_H
#define WEBSOCKET_HANDLER_CONN_OUTQ_H
/*
 * What waits to be written to one client: a list of chunks, each some bytes of its own and then,
 * perhaps, one shared body.
 *
 *     first                                            last
 *     | OK frame, EVENT frame, header+prefix | body -> refbuf | header+prefix | body -> refbuf |
 *       \________ own bytes ________________/
 *
 * Small messages are copied one behind the other, so that the kernel sees few pieces; a large body
 * that goes to many clients is shared. An empty queue owns no memory. Chunks of the usual size come
 * from a pool that all queues of a loop share. Loop thread only.
 */
#include <sys/uio.h>

#include "base/refbuf.h"
#include "base/slice.h"

struct outq_chunk; /* outq.c */

struct outq_pool {
    struct outq_chunk *spare;
    size_t n_spare;
};

struct outq {
    struct outq_chunk *first, *last;
    size_t bytes; /* not yet written, shared bodies included */
};

/* Frees the spare chunks. A zeroed struct is an empty pool, and an empty queue. */
void outq_pool_deinit(struct outq_pool *pool);

/* Room for n contiguous bytes at the end, already counted as queued: the caller must fill them.
 * NULL without memory. n >= 1. */
NODISCARD char *outq_add(struct outq *q, struct outq_pool *pool, size_t n);
/* The same, followed by body, of which the queue takes a reference of its own. */
NODISCARD char *outq_add_shared(struct outq *q, struct outq_pool *pool, size_t n,
                                struct refbuf *body);

/* The first pieces, at most max; returns how many. */
size_t outq_gather(const struct outq *q, struct iovec *pieces, size_t max);
/* The first n bytes have been written. */
void outq_consume(struct outq *q, struct outq_pool *pool, size_t n);
/* Drops everything. */
void outq_clear(struct outq *q, struct outq_pool *pool);

#endif
