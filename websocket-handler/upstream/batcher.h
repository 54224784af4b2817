#ifndef WEBSOCKET_HANDLER_UPSTREAM_BATCHER_H
#define WEBSOCKET_HANDLER_UPSTREAM_BATCHER_H
/*
 * EVENTs on their way to the event handler and verdicts on their way back. What has arrived since
 * the last POST /v1/events makes the next one: when idle, an event leaves at the end of the loop
 * turn it came in; under load batches grow by themselves. Few requests are under way at a time, and
 * what waits is bounded. An answer may come in parts (wire/ingest_wire.h): the first makes room for
 * the next request.
 *
 * Every event that was taken gets exactly one verdict, whatever happens. Loop thread only.
 */
#include <uv.h>

#include "conn/conn.h"
#include "nostr/keys.h"
#include "wire/ingest_wire.h"

struct batcher;
struct config;
struct handler_client;

/* Who waits for a verdict, as told to batcher_add(). */
struct batch_sender {
    struct conn_handle conn; /* may have gone when the verdict comes */
    struct event_id id;
    uint32_t bytes;       /* of the event */
    uint64_t received_us; /* clock_mono_us() */
};

/* The verdict on one event; or NULL and a sentence (without prefix) when no event handler gave one.
 * Its slices are borrowed. */
typedef void batch_verdict_fn(const struct batch_sender *sender,
                              const struct ingest_verdict *verdict, const char *sentence);

/* NULL without memory. */
struct batcher *batcher_new(uv_loop_t *loop, const struct config *cfg,
                            struct handler_client *client);
/* Once, before the first event. */
void batcher_set_verdict(struct batcher *b, batch_verdict_fn *fn);
/* Cancels everything without verdicts. NULL is fine. */
void batcher_close(struct batcher *b);

/* Copies rec. ERR_BUSY when too much waits, ERR_NOMEM: then there will be no verdict. Never calls
 * back at once. */
NODISCARD enum err batcher_add(struct batcher *b, const struct batch_sender *sender,
                               const struct ingest_record *rec);
/* No event waits for a verdict. */
bool batcher_idle(const struct batcher *b);

#endif
