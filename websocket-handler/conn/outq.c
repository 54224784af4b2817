#include "conn/outq.h"

#include <stdlib.h>

struct outq_chunk {
    struct outq_chunk *next;
    struct refbuf *body; /* comes behind own[]; NULL when there is none. A chunk with a body takes
                            no more own bytes */
    size_t done;         /* written already, of own[] and then of body */
    uint32_t len;        /* bytes in own[] */
    uint32_t room;       /* size of own[] */
    char own[];
};

enum {
    POOLED_ROOM = 4096 - sizeof(struct outq_chunk) -
                  16, /* 16: malloc's own word, so that a chunk is a page */
    MAX_SPARE = 1024,
};

static struct outq_chunk *chunk_new(struct outq_pool *pool, size_t room)
{
    struct outq_chunk *chunk = pool->spare;

    if (room == POOLED_ROOM && chunk) {
        pool->spare = chunk->next;
        pool->n_spare--;
    } else {
        chunk = malloc(sizeof(*chunk) + room);
        if (!chunk)
            return NULL;
    }
    *chunk = (struct outq_chunk){.room = (uint32_t)room};
    return chunk;
}

static void chunk_free(struct outq_pool *pool, struct outq_chunk *chunk)
{
    refbuf_unref(chunk->body);
    if (chunk->room == POOLED_ROOM && pool->n_spare < MAX_SPARE) {
        chunk->next = pool->spare;
        pool->spare = chunk;
        pool->n_spare++;
    } else {
        free(chunk);
    }
}

void outq_pool_deinit(struct outq_pool *pool)
{
    while (pool->spare) {
        struct outq_chunk *chunk = pool->spare;

        pool->spare = chunk->next;
        free(chunk);
    }
    pool->n_spare = 0;
}

/* n own bytes in the last chunk, or in a new one of at least new_room. */
static char *add_own(struct outq *q, struct outq_pool *pool, size_t n, size_t new_room)
{
    struct outq_chunk *chunk = q->last;

    if (!chunk || chunk->body || chunk->room - chunk->len < n) {
        if (n > UINT32_MAX)
            return NULL;
        chunk = chunk_new(pool, n > new_room ? n : new_room);
        if (!chunk)
            return NULL;
        if (q->last)
            q->last->next = chunk;
        else
            q->first = chunk;
        q->last = chunk;
    }
    chunk->len += (uint32_t)n;
    q->bytes += n;
    return chunk->own + chunk->len - n;
}

char *outq_add(struct outq *q, struct outq_pool *pool, size_t n)
{
    return add_own(q, pool, n, POOLED_ROOM);
}

char *outq_add_shared(struct outq *q, struct outq_pool *pool, size_t n, struct refbuf *body)
{
    char *own =
        add_own(q, pool, n, n); /* sealed by its body at once: room for more would be wasted */

    if (!own)
        return NULL;
    q->last->body = refbuf_ref(body);
    q->bytes += body->len;
    return own;
}

static size_t chunk_len(const struct outq_chunk *chunk)
{
    return chunk->len + (chunk->body ? chunk->body->len : 0);
}

size_t outq_gather(const struct outq *q, struct iovec *pieces, size_t max)
{
    size_t n = 0;

    for (struct outq_chunk *chunk = q->first; chunk && n < max; chunk = chunk->next) {
        size_t done = chunk->done;

        if (done < chunk->len)
            pieces[n++] = (struct iovec){chunk->own + done, chunk->len - done};
        if (!chunk->body || n == max)
            continue;
        done = done > chunk->len ? done - chunk->len : 0;
        if (done < chunk->body->len)
            pieces[n++] = (struct iovec){chunk->body->bytes + done, chunk->body->len - done};
    }
    return n;
}

void outq_consume(struct outq *q, struct outq_pool *pool, size_t n)
{
    assert(n <= q->bytes);
    q->bytes -= n;
    while (q->first) {
        struct outq_chunk *chunk = q->first;
        size_t left = chunk_len(chunk) - chunk->done;

        if (n < left) {
            chunk->done += n;
            return;
        }
        n -= left;
        q->first = chunk->next;
        chunk_free(pool, chunk);
    }
    q->last = NULL;
}

void outq_clear(struct outq *q, struct outq_pool *pool)
{
    outq_consume(q, pool, q->bytes);
}
