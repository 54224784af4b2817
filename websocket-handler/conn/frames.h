#ifndef WEBSOCKET_HANDLER_CONN_FRAMES_H
#define WEBSOCKET_HANDLER_CONN_FRAMES_H
/*
 * WebSocket frames of a client into messages (RFC 6455 section 5), by wslay. Knows no socket: bytes
 * go in, messages and reply frames come out.
 *
 * A decoder of wslay holds more than 8 KiB, far more than all else that belongs to an idle
 * connection. So a connection borrows one from the pool only while a frame or a message is
 * incomplete: nearly always it goes back at the end of the frames_feed() that took it. Loop thread
 * only.
 */
#include "base/slice.h"

struct conn;   /* only passed through to the callbacks */
struct frames; /* frames.c: a decoder in the middle of something */

struct frames_ops {
    /* One whole text message, valid UTF-8, borrowed for the call. May call frames_stop(). */
    void (*text)(struct conn *c, struct slice text);
    /* A binary message has ended; its bytes were dropped. */
    void (*binary)(struct conn *c);
    /* The next bytes of an answer to be sent as it is: a pong, the answer to a close. Whole frames
     * once frames_feed() returns. */
    void (*reply)(struct conn *c, struct slice bytes);
};

struct frames_pool {
    const struct frames_ops *ops;
    size_t max_message; /* bytes */
    struct frames *spare;
    size_t n_spare;
    size_t n_used; /* decoders that are lent */
};

enum frames_result {
    FRAMES_CLEAN,     /* nothing is incomplete: *state is NULL */
    FRAMES_PARTIAL,   /* *state holds the beginning of something */
    FRAMES_STOPPED,   /* frames_stop() was called */
    FRAMES_CLOSED,    /* the client sent a close frame, the answer went to reply() */
    FRAMES_PROTOCOL,  /* 1002 */
    FRAMES_BAD_UTF8,  /* 1007 */
    FRAMES_TOO_BIG,   /* 1009 */
    FRAMES_TOO_MANY,  /* 1008: a message in absurdly many fragments */
    FRAMES_NO_MEMORY, /* 1011 */
};

enum { FRAMES_MAX_FRAGMENTS = 4096, FRAMES_MAX_HEADER = 10 };

enum frames_opcode { FRAMES_TEXT = 0x1, FRAMES_CLOSE = 0x8, FRAMES_PING = 0x9 };

/* ops must outlive the pool. */
void frames_pool_init(struct frames_pool *pool, const struct frames_ops *ops, size_t max_message);
/* Frees the spare decoders; none may be lent. */
void frames_pool_deinit(struct frames_pool *pool);

/*
 * Decodes bytes, whatever they end with. *state is NULL for a connection at rest, and is kept by
 * the caller between calls. After any result but CLEAN and PARTIAL the connection is over: release
 * the state.
 */
NODISCARD enum frames_result frames_feed(struct frames_pool *pool, struct frames **state,
                                         struct conn *c, struct slice bytes);
/* From within a callback: no further message comes out of these bytes. */
void frames_stop(struct frames *f);
/* Gives up a decoder, in whatever state. Not from within a callback. NULL is fine. */
void frames_release(struct frames_pool *pool, struct frames *f);

/* Writes the header of an unmasked, unfragmented frame at out; returns its length, 2 to
 * FRAMES_MAX_HEADER. */
size_t frames_header(enum frames_opcode opcode, size_t payload_len, char out[FRAMES_MAX_HEADER]);

#endif
