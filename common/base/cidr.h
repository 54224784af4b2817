#ifndef COMMON_BASE_CIDR_H
#define COMMON_BASE_CIDR_H
/*
 * IP addresses and networks. Every address is held as 16 bytes of IPv6; IPv4 is held mapped
 * (::ffff:192.0.2.7), so one address has one form however it came. Any thread.
 */
#include <sys/socket.h>

#include "base/buf.h"

struct ip {
    uint8_t b[16]; /* network order; all zero for "unknown" */
};

enum { IP_TEXT_BYTES = 46 }; /* room for the longest text and its NUL */

/* "192.0.2.7" or "2001:db8::1", without port, brackets or zone. */
NODISCARD bool ip_parse(struct slice text, struct ip *out);
/* AF_INET or AF_INET6; all zero for anything else. */
struct ip ip_of_sockaddr(const struct sockaddr *address);
bool ip_is_v4(const struct ip *ip);
bool ip_eq(const struct ip *a, const struct ip *b);
/* Its text, mapped IPv4 as plain IPv4; returns out. */
const char *ip_text(const struct ip *ip, char out[IP_TEXT_BYTES]);
/* What one subscriber of a provider has: the address itself for IPv4, its /64 for IPv6. */
struct ip ip_group(const struct ip *ip);

struct cidr {
    struct ip net; /* the bits behind the prefix are zero */
    uint8_t bits;  /* 0 to 128; an IPv4 network has 96 more than it is written with */
};

/* "192.0.2.0/24", "2001:db8::/32", or an address alone. Bits behind the prefix must be zero: such
 * an entry is more likely a mistake than a wish. */
NODISCARD bool cidr_parse(struct slice text, struct cidr *out);
bool cidr_has(const struct cidr *c, const struct ip *ip);

struct cidr_list {
    struct cidr *entry; /* owned */
    size_t n;
};

/* Comma-separated networks and addresses. False after naming the entry at fault in error; out is
 * then empty. */
NODISCARD bool cidr_list_parse(struct slice text, struct cidr_list *out, struct buf *error);
void cidr_list_deinit(struct cidr_list *list); /* of a zeroed or parsed list; leaves it empty */
bool cidr_list_has(const struct cidr_list *list, const struct ip *ip);
/* The same without keeping the result: a setting's check (ops/settings.h). */
bool cidr_list_check(const char *text, struct buf *error);

#endif
