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
    list_init(&b->split_link);
    pthread_mutex_init(&b->lock, NULL);
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

static struct slice id_text(const struct ingest_item *item, char hex[64])
{
    if (!item->has_id)
        return slice_of(hex, 0);
    hex_encode(item->ev.id.b, sizeof item->ev.id.b, hex);
    return slice_of(hex, 64);
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

        ingest_verdict_write(&b->response, seq, id_text(item, hex), item->verdict, item->message);
    }
    if (b->response.failed)
        b->status = 503;
}

/* ---- split answers ---- */

static void add_line(struct ingest_item *item, uint64_t seq)
{
    struct ingest_batch *b = item->batch;
    char hex[64];

    ingest_verdict_write_at(&b->response, (uint64_t)(item - b->item), seq, id_text(item, hex),
                            item->verdict, item->message);
}

/* Whoever reads, and has read all there was, is told. */
static void tell_reader(struct ingest_batch *b)
{
    if (!b->awaited)
        return;
    b->awaited = false;
    b->done(b, b->ctx);
}

void batch_decided(struct ingest_item *item, uint64_t seq)
{
    struct ingest_batch *b = item->batch;

    if (!b->may_split)
        return;
    pthread_mutex_lock(&b->lock);
    item->decided = true;
    if (b->split) {
        add_line(item, seq);
        tell_reader(b);
    }
    pthread_mutex_unlock(&b->lock);
}

void batch_split(struct ingest_batch *b, uint64_t seq)
{
    pthread_mutex_lock(&b->lock);
    b->split = true;
    ingest_split_write(&b->response);
    for (size_t i = 0; i < b->n_items; i++) {
        if (b->item[i].decided)
            add_line(&b->item[i], seq);
    }
    b->done(b, b->ctx);
    pthread_mutex_unlock(&b->lock);
}

void batch_finish(struct ingest_batch *b)
{
    bool abandoned;

    pthread_mutex_lock(&b->lock);
    b->finished = true;
    abandoned = b->abandoned;
    tell_reader(b);
    pthread_mutex_unlock(&b->lock);
    if (abandoned)
        ingest_batch_free(b);
}

bool ingest_batch_is_split(const struct ingest_batch *b)
{
    return b->split;
}

size_t ingest_batch_take(struct ingest_batch *b, uint64_t at, char *out, size_t room, bool *end)
{
    size_t n;

    pthread_mutex_lock(&b->lock);
    n = b->response.len - (size_t)at;
    *end = n == 0 && b->finished;
    n = n < room ? n : room;
    memcpy(out, b->response.ptr + at, n);
    pthread_mutex_unlock(&b->lock);
    return n;
}

void ingest_batch_await(struct ingest_batch *b, uint64_t at)
{
    pthread_mutex_lock(&b->lock);
    b->awaited = true;
    if (b->finished || b->response.len > at)
        tell_reader(b);
    pthread_mutex_unlock(&b->lock);
}

/* True when somebody else will free it. */
static bool leave_to_pipeline(struct ingest_batch *b)
{
    bool leave;

    pthread_mutex_lock(&b->lock);
    leave = b->split && !b->finished;
    b->abandoned = leave;
    b->awaited = false;
    pthread_mutex_unlock(&b->lock);
    return leave;
}

/* ---- life ---- */

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
    if (!b || leave_to_pipeline(b))
        return;
    pthread_mutex_destroy(&b->lock);
    for (size_t i = 0; b->chunk && i < b->n_chunks; i++)
        arena_deinit(&b->chunk[i].arena);
    free(b->chunk);
    free(b->item);
    buf_deinit(&b->body);
    buf_deinit(&b->response);
    free(b);
}
