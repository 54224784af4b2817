#ifndef WEBSOCKET_HANDLER_CONN_CONN_H
#define WEBSOCKET_HANDLER_CONN_CONN_H
/*
 * One WebSocket client: libuv below, frames by wslay, a bounded outbound queue. Knows nothing of
 * Nostr: whole text messages go up through conn_ops, text goes down through conn_send_*(). Loop
 * thread only.
 *
 * A connection ends in one function, conn_close(); its struct outlives the call until libuv lets go
 * of it, and the session is told exactly once (conn_ops.closed). Whoever waits for an answer from
 * elsewhere keeps a struct conn_handle and looks the connection up when it comes.
 */
#include "base/cidr.h"
#include "base/refbuf.h"
#include "base/slice.h"

struct conn;    /* conn.c */
struct session; /* session/session.h; opaque here */

/* Names a connection across asynchronous calls; never reused within a process. */
struct conn_handle {
    uint32_t slot;
    uint32_t generation;
};

/* What the layer above provides; set once with conn_set_ops() before the listener starts. */
struct conn_ops {
    /* A client has upgraded. Returns its session, or NULL to refuse (the connection is then
     * closed). host is the name it used for us, address its own as text (client_origin.h); both are
     * borrowed for the call. */
    struct session *(*opened)(struct conn *c, struct slice host, struct slice address);
    /* One whole text message, valid UTF-8, borrowed for the call. May close the connection. */
    void (*message)(struct session *s, struct slice text);
    /* A binary message was received and dropped. */
    void (*binary)(struct session *s);
    /* The outbound queue fell below its low mark after conn_send_* had returned false or
     * conn_is_congested() true. */
    void (*drained)(struct session *s);
    /* Is nothing that the client has sent still waiting to be acknowledged? */
    bool (*settled)(const struct session *s);
    /* The connection has ended; the session must be freed. Nothing may be sent any more. Comes at
     * the end of the loop turn, never from within another function of this header. */
    void (*closed)(struct session *s);
};

void conn_set_ops(const struct conn_ops *ops);

/* The client's, as conn_ops.opened was told it as text. */
const struct ip *conn_address(const struct conn *c);
struct conn_handle conn_handle_of(const struct conn *c);
/* The connection, or NULL when it has gone or is closing. */
struct conn *conn_lookup(struct conn_handle h);
struct session *conn_session(struct conn *c);
/* Calls fn for each client that is not closing; fn may close it. */
void conn_each(void (*fn)(struct conn *c));

/*
 * Queue one text message made of two parts, copied: head then tail (tail may be empty). Written at
 * the end of the loop turn, together with all else that this turn queues. Returns false when the
 * connection is (or, the queue being over its hard mark, has just been) closed: the caller must not
 * touch its session any more.
 */
bool conn_send(struct conn *c, struct slice head, struct slice tail);
/* The same, with the tail shared instead of copied: one body for many recipients. Takes its own
 * reference. */
bool conn_send_shared(struct conn *c, struct slice head, struct refbuf *tail);
/* True while more is queued than the soft mark: producers should pause until conn_ops.drained. */
bool conn_is_congested(const struct conn *c);

/* Stops taking messages from the client until conn_resume_reading(), so that TCP holds it back: the
 * session has as much unanswered as it may. A few messages that were already received may still
 * come up. Keep-alive deadlines must not cut a connection for this. Harmless when repeated. */
void conn_pause_reading(struct conn *c);
void conn_resume_reading(struct conn *c);

enum conn_close_reason {
    CONN_CLOSE_BY_PEER,  /* the client closed, or its socket failed */
    CONN_CLOSE_SHUTDOWN, /* 1012: this process is going away */
    CONN_CLOSE_SLOW,     /* outbound queue over its hard mark: cut without a farewell */
    CONN_CLOSE_TIMEOUT,  /* 1001: no sign of life within the deadline */
    CONN_CLOSE_PROTOCOL, /* 1002 */
    CONN_CLOSE_BAD_UTF8, /* 1007 */
    CONN_CLOSE_TOO_BIG,  /* 1009 */
    CONN_CLOSE_POLICY,   /* 1008: too many violations */
    CONN_CLOSE_BLOCKED,  /* 1008: the moderators want none of it */
    CONN_CLOSE_INTERNAL, /* 1011: out of memory and the like */
};

/* Ends the connection: queues the close frame that fits, flushes what it can, tells the session,
 * closes the socket. Harmless when already closing. */
void conn_close(struct conn *c, enum conn_close_reason reason);

#endif
