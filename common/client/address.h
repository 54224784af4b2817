#ifndef COMMON_CLIENT_ADDRESS_H
#define COMMON_CLIENT_ADDRESS_H
/* A relay's URL, taken apart. Any thread. */
#include "base/base.h"

struct address {
    char *base; /* http://host:port or https://..., no slash at the end */
    char *name; /* the host alone; an IPv6 address in brackets */
    char *host; /* as the Host header wants it: without the scheme's own port */
    char *path; /* with the query; at least "/" */
};

#define ADDRESS_EXPECTED "a relay's URL begins with ws:// or wss://"

/* url is ws:// or wss://; http:// and https:// mean the same. On false, also without memory,
 * nothing is left to address_deinit(), which then does no harm. */
NODISCARD bool address_parse(const char *url, struct address *out);
void address_deinit(struct address *a);

#endif
