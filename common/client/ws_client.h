#ifndef COMMON_CLIENT_WS_CLIENT_H
#define COMMON_CLIENT_WS_CLIENT_H
/*
 * A WebSocket client (RFC 6455): libcurl makes the connection, plain or TLS, straight or through a
 * proxy; wslay reads and writes the frames. Nothing here waits: the user calls ws_client_step()
 * until it has nothing for now, then polls what ws_client_poll() names, for one client or for many.
 * A step also answers pings, and pings a peer that is silent.
 *
 * Bounds, for the peer is not trusted: connecting, with TLS and the handshake, takes at most
 * connect_ms; a message has at most max_message bytes and 1,024 fragments, and at most one such
 * message is held; a peer that does not read what it is sent is given up at WS_MAX_BACKLOG, one
 * that is silent after 75 s. Redirects are not followed. One thread.
 */
#include <poll.h>

#include "base/slice.h"

#define WS_MAX_MESSAGE (8 * MIB)
#define WS_MAX_BACKLOG (64 * MIB)

struct ws_options {
    const char *user_agent;
    const char *ca;     /* a file of certificates to trust instead of the system's, or NULL */
    const char *proxy;  /* socks5h://host:port, http://host:port, ...; "" for none, NULL for what
                         * the environment says (https_proxy, ALL_PROXY, ...) */
    bool public_only;   /* connect to public addresses only (address_scope.h). What a proxy makes
                         * of a name is the proxy's affair; with NULL for proxy this is not allowed */
    size_t max_message; /* bytes, at most WS_MAX_MESSAGE */
    uint32_t connect_ms;
};

struct ws_client;

/* Begins to connect to url, ws:// or wss://; what o points to is not kept. NULL without memory; a
 * bad URL is a lost connection. */
NODISCARD struct ws_client *ws_client_open(const char *url, const struct ws_options *o);
/* Says goodbye if it still can, without waiting for an answer. NULL is fine. */
void ws_client_free(struct ws_client *c);

enum ws_result {
    WS_MESSAGE, /* *message is a text message, good until the next call */
    WS_WAITING, /* nothing for now */
    WS_LOST,    /* no message will come; ws_client_error() tells why */
};

/* Connects, sends what is queued and reads, as far as it goes without waiting. No step that finds
 * the connection not yet open yields a message. */
enum ws_result ws_client_step(struct ws_client *c, struct slice *message);
/* What to wait for: the socket (fd -1 while there is none) and how many milliseconds at most until
 * the next step is due. */
struct pollfd ws_client_poll(const struct ws_client *c, int *timeout_ms);
/* The handshake is done. Stays true when the connection is lost later. */
bool ws_client_is_open(const struct ws_client *c);

/* Queues a text message. Nothing happens on a lost connection, which the next step will report. */
void ws_client_send(struct ws_client *c, struct slice text);
/* Bytes queued and not sent. */
size_t ws_client_backlog(const struct ws_client *c);
/* Bytes received: handshake, frames of any kind. */
uint64_t ws_client_received(const struct ws_client *c);
/* Asks for an orderly end; stepping goes on until the connection is lost. */
void ws_client_close(struct ws_client *c);
/* Why connecting failed or the connection was lost: a sentence, with words of the peer in it. */
const char *ws_client_error(const struct ws_client *c);

#endif
