#include "ingest/batch.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/hex.h"

enum { VERDICT_LINE = 20 + 64 + 200, RESPONSE_MOST = 512 };

/* Walks the records once; false when malformed. With items NULL it only counts. */
static bool read_records(struct ingest_batch *b, struct slice body, struct ingest_item *items,
                         size_t *n)
{
    struct ingest_record rec;

    for (*n = 0; ingest_record_next(&body, &rec); (*n)++) {
        if (items)
            items[*n] = (struct ingest_item){.batch = b, .rec = rec, .message = ""};
    }
    return body.len == 0;
}

/* Gives neighbouring items to chunks; with chunks NULL it only counts. At least one chunk. */
static size_t cut_chunks(struct ingest_batch *b, struct chunk *chunks)
{
    size_t n = 0, bytes = 0, in_chunk = 0;

    for (size_t i = 0; i < b->n_items; i++) {
        size_t len = b->item[i].rec.event.len;

        if (n == 0 || in_chunk == CHUNK_ITEMS || bytes + len > CHUNK_BYTES) {
            if (chunks)
                chunks[n].item = &b->item[i];
            n++;
            bytes = in_chunk = 0;
        }
        bytes += len;
        in_chunk++;
        if (chunks)
            chunks[n - 1].n = in_chunk;
    }
    return n ? n : 1;
}

static enum err make_parts(struct ingest_batch *b)
{
    b->item = calloc(b->n_items ? b->n_items : 1, sizeof *b->item);
    if (!b->item)
        return ERR_NOMEM;
    if (b->n_items > 0) {
        bool well_formed = read_records(b, buf_slice(&b->body), b->item, &b->n_items);

        assert(well_formed); /* it was when the items were counted */
    }
    b->n_chunks = cut_chunks(b, NULL);
    b->chunk = calloc(b->n_chunks, sizeof *b->chunk);
    if (!b->chunk)
        return ERR_NOMEM;
    cut_chunks(b, b->chunk);
    for (size_t i = 0; i < b->n_chunks; i++) {
        list_init(&b->chunk[i].link);
        list_init(&b->chunk[i].work_link);
        b->chunk[i].batch = b;
        arena_init(&b->chunk[i].arena, CHUNK_MEMORY);
    }
    return OK;
}

enum err batch_new(struct buf *body, size_t max_items, ingest_done_fn *done, void *ctx,
                   struct ingest *owner, struct ingest_batch **out)
{
    struct ingest_batch *b = calloc(1, sizeof *b);
    enum err err;

    if (!b)
        return ERR_NOMEM;
    b->done = done;
    b->ctx = ctx;
    b->owner = owner;
    b->received_us = clock_mono_us();
    b->status = 200;
    b->body = *body; /* borrowed until all has gone well */
    if (!read_records(b, buf_slice(body), NULL, &b->n_items)) {
        b->status = 400;
        b->n_items = 0;
    }
    err = b->n_items > max_items ? ERR_BUSY : make_parts(b);
    if (err) {
        buf_init(&b->body, 0);
        ingest_batch_free(b);
        return err;
    }
    buf_init(&b->response, b->n_items * RESPONSE_MOST + KIB);
    atomic_init(&b->undecided, b->n_items + b->n_chunks);
    buf_init(body, body->cap);
    *out = b;
    return OK;
}

bool batch_settle(struct ingest_batch *b, size_t n)
{
    return n > 0 && atomic_fetch_sub_explicit(&b->undecided, n, memory_order_acq_rel) == n;
}

void batch_respond(struct ingest_batch *b, uint64_t seq)
{
    if (b->status != 200) {
        buf_add_str(&b->response, "the body is not a sequence of records\n");
        return;
    }
    if (!buf_reserve(&b->response, b->n_items * VERDICT_LINE) && b->n_items > 0)
        b->status = 503;
    for (size_t i = 0; i < b->n_items; i++) {
        const struct ingest_item *item = &b->item[i];
        char hex[64];

        if (item->has_id)
            hex_encode(item->ev.id.b, sizeof item->ev.id.b, hex);
        ingest_verdict_write(&b->response, seq, slice_of(hex, item->has_id ? sizeof hex : 0),
                             item->verdict, item->message);
    }
    if (b->response.failed)
        b->status = 503;
}

int ingest_batch_status(const struct ingest_batch *b)
{
    return b->status;
}

struct slice ingest_batch_response(const struct ingest_batch *b)
{
    return buf_slice(&b->response);
}

void ingest_batch_free(struct ingest_batch *b)
{
    if (!b)
        return;
    for (size_t i = 0; b->chunk && i < b->n_chunks; i++)
        arena_deinit(&b->chunk[i].arena);
    free(b->chunk);
    free(b->item);
    buf_deinit(&b->body);
    buf_deinit(&b->response);
    free(b);
}
