#ifndef WEBSOCKET_HANDLER_CONN_CLIENT_ORIGIN_H
#define WEBSOCKET_HANDLER_CONN_CLIENT_ORIGIN_H
/*
 * Where a request really comes from, and what the client called us. A header says nothing about
 * that unless a proxy of ours has written it, so headers are read only when the peer is in
 * TRUSTED_PROXIES, and X-Forwarded-For (or Forwarded, RFC 7239) from the right: each proxy appends
 * whom it has heard, so the rightmost address that is no proxy of ours is the client; what stands
 * left of it is the client's own invention. At an element that is no address the reading ends, with
 * the last one that was. Pure, any thread.
 */
#include "base/cidr.h"
#include "conn/http_head.h"

enum proxy_header { PROXY_HEADER_X_FORWARDED_FOR, PROXY_HEADER_FORWARDED };

struct proxy_trust {
    const struct cidr_list *proxies;
    enum proxy_header header; /* the one that our proxies write; the other is the client's */
};

struct client_origin {
    struct ip address;
    struct slice host; /* X-Forwarded-Host from a trusted peer, else Host; may be empty */
    bool secure;       /* a trusted peer says that it was reached by TLS */
};

/* peer: the address of the TCP connection, or the one that the PROXY protocol names for it. The
 * slices point into head. */
struct client_origin client_origin_of(const struct http_head *head, const struct ip *peer,
                                      const struct proxy_trust *trust);

#endif
