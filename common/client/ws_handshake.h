#ifndef COMMON_CLIENT_WS_HANDSHAKE_H
#define COMMON_CLIENT_WS_HANDSHAKE_H
/* The client's half of RFC 6455's opening handshake, without its input and output. Any thread. */
#include "base/buf.h"

enum { WS_KEY_LETTERS = 24, WS_ACCEPT_LETTERS = 28 };

/* A random Sec-WebSocket-Key, terminated. */
void ws_handshake_key(char out[WS_KEY_LETTERS + 1]);
/* host is the Host header's value; path begins with '/'. */
void ws_handshake_request(struct buf *out, const char *host, const char *path, const char *key,
                          const char *user_agent);
/* The Sec-WebSocket-Accept that answers key, terminated. */
void ws_handshake_accept(const char *key, char out[WS_ACCEPT_LETTERS + 1]);

/* Does head, the answer up to and with its empty line, accept the request that carried key? If not,
 * *error is a static sentence and *status the HTTP status, 0 when it is no HTTP at all. */
NODISCARD bool ws_handshake_check(struct slice head, const char *key, int *status,
                                  const char **error);

#endif
