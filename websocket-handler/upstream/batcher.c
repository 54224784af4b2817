#include "upstream/batcher.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "config.h"
#include "metrics.h"
#include "otel/otel.h"
#include "upstream/handler_client.h"

enum {
    RECORD_OVERHEAD = 4 + 1 + INGEST_MAX_AUTH * 32 + 1 + INGEST_MAX_ADDRESS,
    KEEP_BATCHES = 4,         /* empty ones kept for reuse */
    KEEP_BYTES = 1024 * 1024, /* unless they have grown beyond this */
    VERDICT_BYTES = 1024,     /* more than any verdict line */
    SPLIT_MOST = 128, /* requests besides those that may be under way, since they are split */
};

struct batch_entry {
    struct batch_sender sender;
    bool told; /* has its verdict */
};

/* One POST: filling, then waiting its turn, then under way. */
struct batch {
    struct list node; /* in batcher.waiting, .under_way, .split or .spare */
    struct batcher *owner;
    struct buf body;
    struct batch_entry *entry;
    size_t n, room;
    struct handler_sink sink;
    struct handler_call *call;
    bool has_more;    /* of its answer has come since it was looked at */
    bool split;       /* is in batcher.split */
    uint32_t attempt; /* whose answer was read, up to... */
    size_t read;      /* bytes */
    uint64_t sent_us;
    struct span span; /* of the POST */
};

struct batcher {
    const struct config *cfg;
    struct handler_client *client;
    batch_verdict_fn *verdict;
    uv_prepare_t prepare; /* end of the loop turn; active while there is something to do then */
    struct list waiting;  /* batches in order; the last one is being filled */
    struct list under_way;
    struct list split; /* under way, too: but their answers have begun */
    struct list spare;
    size_t n_under_way, n_split, n_spare;
    bool has_more;        /* one of the batches has */
    size_t events, bytes; /* without a verdict */
};

static const struct handler_sink_ops sink_ops;

/* ---- batches ---- */

static struct batch *batch_new(struct batcher *b)
{
    struct list *spare = list_pop(&b->spare);
    struct batch *batch;

    if (spare) {
        b->n_spare--;
        return container_of(spare, struct batch, node);
    }
    batch = calloc(1, sizeof *batch);
    if (!batch)
        return NULL;
    batch->owner = b;
    batch->sink.ops = &sink_ops;
    list_init(&batch->node);
    /* A single event is always taken, however small the configured batch. */
    buf_init(&batch->body,
             (size_t)b->cfg->batch_bytes + (size_t)b->cfg->max_message_bytes + RECORD_OVERHEAD);
    return batch;
}

static void batch_free(struct batch *batch)
{
    list_remove(&batch->node);
    buf_deinit(&batch->body);
    free(batch->entry);
    free(batch);
}

/* Its events have their verdicts. */
static void batch_recycle(struct batch *batch)
{
    struct batcher *b = batch->owner;

    list_remove(&batch->node);
    if (b->n_spare == KEEP_BATCHES || batch->body.room > KEEP_BYTES) {
        batch_free(batch);
        return;
    }
    batch->n = 0;
    batch->split = batch->has_more = false;
    batch->attempt = 0;
    buf_reset(&batch->body);
    list_push(&b->spare, &batch->node);
    b->n_spare++;
}

static bool batch_is_full(const struct batcher *b, const struct batch *batch, size_t bytes)
{
    return batch->n >= (size_t)b->cfg->batch_events ||
           (batch->n > 0 && batch->body.len + bytes > (size_t)b->cfg->batch_bytes);
}

/* The batch that takes an event of so many bytes. */
static struct batch *batch_to_fill(struct batcher *b, size_t bytes)
{
    struct batch *batch;

    if (!list_empty(&b->waiting)) {
        batch = container_of(b->waiting.prev, struct batch, node);
        if (!batch_is_full(b, batch, bytes))
            return batch;
    }
    batch = batch_new(b);
    if (batch)
        list_push(&b->waiting, &batch->node);
    return batch;
}

static bool reserve_entry(struct batch *batch)
{
    size_t room = batch->room ? batch->room * 2 : 16;
    struct batch_entry *grown;

    if (batch->n < batch->room)
        return true;
    grown = realloc(batch->entry, room * sizeof *grown);
    if (!grown)
        return false;
    batch->entry = grown;
    batch->room = room;
    return true;
}

/* ---- verdicts ---- */

static void show_waiting(const struct batcher *b)
{
    metric_set(M_EVENTS_WAITING, 0, (int64_t)b->events);
    metric_set(M_EVENTS_WAITING_BYTES, 0, (int64_t)b->bytes);
}

/* verdict is NULL when there is only a sentence. */
static void tell(struct batch *batch, size_t place, const struct ingest_verdict *verdict,
                 const char *sentence)
{
    struct batcher *b = batch->owner;
    struct batch_entry *entry = &batch->entry[place];

    entry->told = true;
    b->events--;
    b->bytes -= entry->sender.bytes;
    b->verdict(&entry->sender, verdict, sentence);
}

/* The lines of a split answer that have not been read. */
static void read_split(struct batch *batch, struct slice body)
{
    struct slice rest = slice_of(body.ptr + batch->read, body.len - batch->read);
    struct ingest_verdict verdict;
    uint64_t place;

    if (batch->read == 0 && !ingest_split_take(&rest))
        return;
    while (ingest_verdict_next_at(&rest, &place, &verdict)) {
        if (place < batch->n && !batch->entry[place].told)
            tell(batch, (size_t)place, &verdict, NULL);
    }
    batch->read = body.len - rest.len;
}

static void read_whole(struct batch *batch, struct slice body)
{
    struct ingest_verdict verdict;

    for (size_t i = 0; i < batch->n && ingest_verdict_next(&body, &verdict); i++) {
        if (!batch->entry[i].told)
            tell(batch, i, &verdict, NULL);
    }
}

/* The answer has ended: tells every sender, and sentence to whomever no verdict reaches. */
static void settle(struct batch *batch, struct slice body, const char *sentence)
{
    struct slice lines = body;

    batch->read = 0;
    if (ingest_split_take(&lines))
        read_split(batch, body);
    else
        read_whole(batch, body);
    for (size_t i = 0; i < batch->n; i++) {
        if (!batch->entry[i].told)
            tell(batch, i, NULL, sentence);
    }
    show_waiting(batch->owner);
}

/* ---- sending ---- */

static void flush(struct batcher *b);
static void on_prepare(uv_prepare_t *prepare);

static void leave_list(struct batch *batch)
{
    struct batcher *b = batch->owner;

    if (batch->split)
        b->n_split--;
    else
        b->n_under_way--;
}

static void on_done(struct handler_sink *sink, const struct handler_result *r)
{
    struct batch *batch = container_of(sink, struct batch, sink);
    struct batcher *b = batch->owner;

    batch->call = NULL;
    leave_list(batch);
    batch->span.failed = r->err != OK;
    otel_end(&batch->span);
    metric_observe(M_BATCH_SECONDS, 0, clock_mono_us() - batch->sent_us);
    metric_add(M_BATCHES, 0, 1);
    metric_add(M_BATCH_EVENTS, 0, (int64_t)batch->n);
    flush(b); /* the event handler should not wait while we answer */
    settle(batch, r->body,
           r->err == OK ? "the event handler gave no verdict, please try again" : r->sentence);
    batch_recycle(batch);
}

static void on_arrived(struct handler_sink *sink)
{
    struct batch *batch = container_of(sink, struct batch, sink);
    struct batcher *b = batch->owner;

    batch->has_more = b->has_more = true;
    uv_prepare_start(&b->prepare, on_prepare);
}

static const struct handler_sink_ops sink_ops = {.done = on_done, .arrived = on_arrived};

/* A split answer lasts as long as the slowest of its events: others need not wait behind it. */
static void set_aside(struct batch *batch)
{
    struct batcher *b = batch->owner;

    if (batch->split || b->n_split == SPLIT_MOST)
        return;
    batch->split = true;
    b->n_under_way--;
    b->n_split++;
    list_remove(&batch->node);
    list_push(&b->split, &batch->node);
}

/* A part of its answer has come; a whole one is on_done()'s. */
static void look_at(struct batch *batch)
{
    uint32_t attempt;
    struct slice body = handler_call_collected(batch->call, &attempt), begin = body;

    batch->has_more = false;
    if (!ingest_split_take(&begin))
        return;
    if (attempt != batch->attempt)
        batch->read = 0;
    batch->attempt = attempt;
    set_aside(batch);
    read_split(batch, body);
}

static void look_at_all(struct list *batches)
{
    struct list *next;

    for (struct list *node = batches->next; node != batches; node = next) {
        struct batch *batch = container_of(node, struct batch, node);

        next = node->next;
        if (batch->has_more)
            look_at(batch);
    }
}

/* False without memory; the batch has then been settled. */
static bool send_batch(struct batcher *b, struct batch *batch)
{
    otel_begin(&batch->span, "send events", SPAN_CLIENT);
    span_set(&batch->span, "tandem.events", (int64_t)batch->n);
    span_set(&batch->span, "tandem.bytes", (int64_t)batch->body.len);

    const struct handler_request req = {.route = HANDLER_EVENTS,
                                        .query = "?split=1",
                                        .body = buf_slice(&batch->body),
                                        .trace = &batch->span.context,
                                        .idle_ms = (uint32_t)b->cfg->events_seconds * 1000,
                                        .max_collect = batch->n * VERDICT_BYTES};

    list_remove(&batch->node);
    list_push(&b->under_way, &batch->node);
    batch->sent_us = clock_mono_us();
    batch->call = handler_call_start(b->client, &req, &batch->sink);
    if (batch->call) {
        b->n_under_way++;
        return true;
    }
    settle(batch, slice_of(NULL, 0), "out of memory, please try again");
    batch_recycle(batch);
    return false;
}

static void flush(struct batcher *b)
{
    while (!list_empty(&b->waiting) && b->n_under_way < (size_t)b->cfg->batches_in_flight)
        if (!send_batch(b, container_of(b->waiting.next, struct batch, node)))
            break;
    if (!b->has_more && (list_empty(&b->waiting) || b->n_under_way > 0))
        uv_prepare_stop(&b->prepare); /* on_done() goes on */
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct batcher *b = prepare->data;

    if (b->has_more) {
        b->has_more = false;
        look_at_all(&b->under_way);
        look_at_all(&b->split);
        show_waiting(b);
    }
    flush(b);
}

enum err batcher_add(struct batcher *b, const struct batch_sender *sender,
                     const struct ingest_record *rec)
{
    size_t bytes = rec->event.len + RECORD_OVERHEAD, before;
    struct batch *batch;

    if (b->events >= (size_t)b->cfg->queue_events ||
        b->bytes + sender->bytes > (size_t)b->cfg->queue_bytes) {
        metric_add(M_EVENTS_REFUSED, 0, 1);
        return ERR_BUSY;
    }
    batch = batch_to_fill(b, bytes);
    if (!batch || !reserve_entry(batch))
        return ERR_NOMEM;
    before = batch->body.len;
    ingest_record_write(&batch->body, rec);
    if (batch->body.failed) {
        batch->body.failed = false;
        batch->body.len = before;
        return ERR_NOMEM;
    }
    batch->entry[batch->n++] = (struct batch_entry){.sender = *sender};
    b->events++;
    b->bytes += sender->bytes;
    show_waiting(b);
    uv_prepare_start(&b->prepare, on_prepare);
    return OK;
}

bool batcher_idle(const struct batcher *b)
{
    return b->events == 0;
}

/* ---- life ---- */

struct batcher *batcher_new(uv_loop_t *loop, const struct config *cfg,
                            struct handler_client *client)
{
    struct batcher *b = calloc(1, sizeof *b);

    if (!b)
        return NULL;
    b->cfg = cfg;
    b->client = client;
    list_init(&b->waiting);
    list_init(&b->under_way);
    list_init(&b->split);
    list_init(&b->spare);
    uv_prepare_init(loop, &b->prepare);
    b->prepare.data = b;
    return b;
}

void batcher_set_verdict(struct batcher *b, batch_verdict_fn *fn)
{
    b->verdict = fn;
}

static void free_all(struct list *batches)
{
    while (!list_empty(batches)) {
        struct batch *batch = container_of(batches->next, struct batch, node);

        handler_call_cancel(batch->call);
        batch_free(batch);
    }
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void batcher_close(struct batcher *b)
{
    if (!b)
        return;
    free_all(&b->waiting);
    free_all(&b->under_way);
    free_all(&b->split);
    free_all(&b->spare);
    uv_close((uv_handle_t *)&b->prepare, on_closed);
}
