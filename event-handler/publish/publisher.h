#ifndef EVENT_HANDLER_PUBLISH_PUBLISHER_H
#define EVENT_HANDLER_PUBLISH_PUBLISHER_H
/*
 * Live records to Redis, from a thread of its own so that nobody waits for Redis. Redis is the
 * doorbell: a record that is lost is made good by the feed (GET /v1/feed), except ephemeral events,
 * whose publishers are told.
 */
#include "base/buf.h"
#include "base/list.h"

struct publisher;

struct publisher_target { /* borrowed for the life of the publisher */
    const char *host;
    int port;
    const char *password; /* "" for none */
};

/* Runs on the publisher's thread (or within publisher_push() and publisher_stop()): sent tells
 * whether Redis took the record. */
typedef void publish_done_fn(bool sent, void *ctx);

/* NULL without a thread or memory. */
struct publisher *publisher_start(const struct publisher_target *target);
/* Sends what is queued within deadline_ms; the rest is reported as not sent. */
void publisher_stop(struct publisher *p, uint64_t deadline_ms);

/* Any thread, never blocks. Takes the bytes of record over. done may be NULL; when the queue is
 * full the record is dropped and done called at once. */
void publisher_push(struct publisher *p, struct buf *record, publish_done_fn *done, void *ctx);
bool publisher_connected(const struct publisher *p); /* any thread */

#endif
