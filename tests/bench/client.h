#ifndef TESTS_BENCH_CLIENT_H
#define TESTS_BENCH_CLIENT_H
/*
 * Many WebSocket clients of a relay on one epoll. Made to cost little, because the tool shares the
 * machine with what it measures: frames are read in place and written in one go, and the mask that
 * RFC 6455 asks clients for is zero, which leaves the payload as it is.
 *
 * A pool is embedded in what a workload knows; its callback finds that with container_of(). When
 * the relay closes a connection the run is over: no workload here gives it a reason to.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "bench.h"
#include "nostr/keys.h"

struct client {
    size_t index; /* its place in pool.client */
    int fd;
    bool open;
    bool wants_write; /* the socket did not take all of `out` */
    size_t written;   /* bytes of `out` that are gone */
    struct buf out;
    struct buf rest;      /* the beginning of a frame that has not arrived whole */
    struct buf fragments; /* the beginning of a message in several frames */
};

struct pool;
/* One text message from the relay, borrowed for the call. */
typedef void pool_text_fn(struct pool *p, struct client *c, struct slice text);

struct pool {
    struct client *client;
    size_t n;
    pool_text_fn *on_text;
    int epoll;
    char *scratch;      /* where sockets are read to */
    size_t lost;        /* connections that the relay has closed */
    char farewell[160]; /* what it said about the first */
};

/* Opens n connections, spread evenly over the URLs of o; dies when one is refused. */
void pool_open(struct pool *p, const struct options *o, size_t n, pool_text_fn *on_text);
void pool_close(struct pool *p);
/* One turn: waits up to timeout_ms for the relay and serves what is ready; false when nothing was.
 */
bool pool_turn(struct pool *p, int timeout_ms);
/* Turns until *done. False when a connection was lost, or nothing has arrived for
 * quiet_ms. */
NODISCARD bool pool_run(struct pool *p, const bool *done, int quiet_ms);

/* Queues one text message made of three parts; client_flush() sends what is queued. */
void client_queue(struct client *c, struct slice head, struct slice body, struct slice tail);
void client_flush(struct pool *p, struct client *c);
/* Both at once, for a message in one piece. */
void client_send(struct pool *p, struct client *c, struct slice text);

/* ---- what relays say ---- */

enum relay_verb { RELAY_EVENT, RELAY_OK, RELAY_EOSE, RELAY_CLOSED, RELAY_NOTICE, RELAY_OTHER };

struct relay_message {
    enum relay_verb verb;
    struct event_id id; /* EVENT, OK */
    bool accepted;      /* OK */
    struct slice words; /* the last string of OK, CLOSED and NOTICE */
};

/* Reads what the workloads need of a message; anything unexpected is RELAY_OTHER. An event is not
 * parsed, only its id is looked for. scratch is reset. */
void relay_message_read(struct slice text, struct arena *scratch, struct relay_message *m);

#endif
