#ifndef WEBSOCKET_HANDLER_CONN_HANDSHAKE_H
#define WEBSOCKET_HANDLER_CONN_HANDSHAKE_H
/*
 * The WebSocket upgrade, server side (RFC 6455 section 4.2). Pure, any thread. Extensions and
 * subprotocols are not negotiated: what a client offers is ignored, as the RFC allows.
 */
#include "conn/http_head.h"

enum { HANDSHAKE_ACCEPT_LEN = 28 };

enum handshake_result {
    HANDSHAKE_NONE,         /* no upgrade was asked for: answer as plain HTTP */
    HANDSHAKE_OK,           /* 101 */
    HANDSHAKE_BAD,          /* 400: *error says what */
    HANDSHAKE_WRONG_METHOD, /* 405 */
    HANDSHAKE_WRONG_PATH,   /* 404: upgrades happen on "/" only */
    HANDSHAKE_UPGRADE,      /* 426: *error says what */
};

/* On HANDSHAKE_OK, accept holds the value of Sec-WebSocket-Accept, not terminated. */
NODISCARD enum handshake_result handshake_check(const struct http_head *head,
                                                char accept[HANDSHAKE_ACCEPT_LEN],
                                                const char **error);

#endif
