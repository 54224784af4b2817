#ifndef RELAYCTL_ADDRESS_H
#define RELAYCTL_ADDRESS_H
/* A relay's URL, taken apart. One thread. */
#include "base/base.h"

struct address {
    char *base; /* http://host:port or https://..., no slash at the end */
    char *host; /* as the Host header wants it: without the scheme's own port */
    char *path; /* with the query; at least "/" */
};

#define ADDRESS_EXPECTED "a relay's URL begins with ws:// or wss://"

/* url is ws:// or wss://; http:// and https:// mean the same. */
NODISCARD bool address_parse(const char *url, struct address *out);
void address_deinit(struct address *a);

#endif
