#ifndef WEBSOCKET_HANDLER_CONN_PROXY_PROTOCOL_H
#define WEBSOCKET_HANDLER_CONN_PROXY_PROTOCOL_H
/*
 * The PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt): what a TCP proxy says
 * about the client before the client's own bytes. Strict, and pure: no I/O, any thread.
 */
#include "base/cidr.h"

enum {
    PROXY_V1_MAX_BYTES = 107,
    PROXY_V2_MAX_BYTES = 16 + 2048, /* addresses, and more additions than any proxy sends */
};

enum proxy_result {
    PROXY_CLIENT, /* *client is the client's address */
    PROXY_LOCAL,  /* the proxy speaks for itself (a health check), or the family is another one */
    PROXY_MORE,   /* not all of it has come yet */
    PROXY_BAD,    /* something else, malformed or too long */
};

/* bytes is all that has come so far; *used is the length of the header when it is whole. */
NODISCARD enum proxy_result proxy_protocol_parse(struct slice bytes, struct ip *client,
                                                 size_t *used);

#endif
