#ifndef COMMON_CLIENT_ADDRESS_SCOPE_H
#define COMMON_CLIENT_ADDRESS_SCOPE_H
/*
 * Which addresses belong to the public internet. Whoever connects to hosts that strangers name must
 * not reach the machine itself or its neighbours (loopback, private, link-local with the clouds'
 * metadata services, ...), in whatever notation. Any thread.
 */
#include <sys/socket.h>

#include "base/base.h"

/* False for every range that RFC 6890 and its successors give another use, multicast included, for
 * IPv6 addresses that carry such an IPv4 one (mapped, NAT64, 6to4), and for other families. */
bool address_is_public(const struct sockaddr *address);
/* What can be said of a URL's host without resolving it: false for a literal address that is not
 * public (IPv6 in brackets) and for names that mean this machine or its network. */
bool address_host_may_be_public(const char *host);

#endif
