#ifndef RELAYCTL_WS_CLIENT_H
#define RELAYCTL_WS_CLIENT_H
/*
 * A WebSocket client (RFC 6455): libcurl makes the connection, plain or TLS, wslay reads and writes
 * the frames. It blocks in ws_client_next() alone, which also answers pings, and pings a peer that
 * is silent.
 *
 * Bounds, for the peer is not trusted: a message has at most WS_MAX_MESSAGE bytes and 1,024
 * fragments, and at most one such message is held; a peer that does not read what it is sent is
 * given up at WS_MAX_BACKLOG. One thread.
 */
#include "base/slice.h"
#include "options.h"

#define WS_MAX_MESSAGE (8 * MIB)
#define WS_MAX_BACKLOG (64 * MIB)

struct ws_client;

/* NULL without memory. */
NODISCARD struct ws_client *ws_client_new(void);
/* url is ws:// or wss://. After anything but OK ws_client_error() tells why. */
NODISCARD enum err ws_client_connect(struct ws_client *c, const char *url, const struct options *o);
/* Says goodbye when the connection still stands. NULL is fine. */
void ws_client_free(struct ws_client *c);

/* Queues a text message; ws_client_next() sends it. Nothing happens on a lost connection, which
 * ws_client_next() will report. */
void ws_client_send(struct ws_client *c, struct slice text);
/* Bytes queued and not sent. */
size_t ws_client_backlog(const struct ws_client *c);

enum ws_result {
    WS_MESSAGE, /* *message is a text message, good until the next call */
    WS_INPUT,   /* also_fd can be read */
    WS_TIMEOUT,
    WS_INTERRUPTED, /* interrupt.h */
    WS_LOST,        /* no further message will come; ws_client_error() tells why */
};

/* Sends what is queued and waits for the first of these. also_fd may be -1, timeout_ms -1. */
enum ws_result ws_client_next(struct ws_client *c, int also_fd, int timeout_ms,
                              struct slice *message);
/* Why connecting failed or the connection was lost: a sentence, with words of the peer in it. */
const char *ws_client_error(const struct ws_client *c);

#endif
