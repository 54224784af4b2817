#include "client/address_scope.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>

struct range {
    uint8_t prefix[16];
    unsigned bits;
};

static const struct range v4_ranges[] = {
    {{0}, 8},             /* "this" network */
    {{10}, 8},            /* private */
    {{100, 64}, 10},      /* shared by a provider's customers */
    {{127}, 8},           /* loopback */
    {{169, 254}, 16},     /* link-local */
    {{172, 16}, 12},      /* private */
    {{192, 0, 0}, 24},    /* protocol assignments */
    {{192, 0, 2}, 24},    /* documentation */
    {{192, 88, 99}, 24},  /* 6to4 relays */
    {{192, 168}, 16},     /* private */
    {{198, 18}, 15},      /* benchmarks */
    {{198, 51, 100}, 24}, /* documentation */
    {{203, 0, 113}, 24},  /* documentation */
    {{224}, 4},           /* multicast */
    {{240}, 4},           /* reserved, broadcast */
};

/* Of IPv6 only 2000::/3 is public at all; these are its exceptions. */
static const struct range v6_ranges[] = {
    {{0x20, 0x01, 0x00}, 23},       /* protocol assignments, Teredo among them */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x3f, 0xff, 0x00}, 20},       /* documentation */
};

/* IPv6 prefixes behind which an IPv4 address follows. */
static const struct {
    struct range range;
    size_t at;
} carriers[] = {
    {{{[10] = 0xff, [11] = 0xff}, 96}, 12}, /* ::ffff:0:0/96, mapped */
    {{{0x00, 0x64, 0xff, 0x9b}, 96}, 12},   /* 64:ff9b::/96, NAT64 */
    {{{0x20, 0x02}, 16}, 2},                /* 2002::/16, 6to4 */
};

static bool in_range(const uint8_t *address, const struct range *r)
{
    unsigned bytes = r->bits / 8, rest = r->bits % 8;

    return memcmp(address, r->prefix, bytes) == 0 &&
           (rest == 0 || (address[bytes] ^ r->prefix[bytes]) >> (8 - rest) == 0);
}

static bool in_any(const uint8_t *address, const struct range *ranges, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (in_range(address, &ranges[i]))
            return true;
    }
    return false;
}

static bool v4_is_public(const uint8_t *address)
{
    return !in_any(address, v4_ranges, ARRAY_LEN(v4_ranges));
}

static bool v6_is_public(const uint8_t *address)
{
    for (size_t i = 0; i < ARRAY_LEN(carriers); i++) {
        if (in_range(address, &carriers[i].range))
            return v4_is_public(address + carriers[i].at);
    }
    return address[0] >> 5 == 1 && !in_any(address, v6_ranges, ARRAY_LEN(v6_ranges));
}

bool address_is_public(const struct sockaddr *address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    switch (address->sa_family) {
    case AF_INET:
        memcpy(&v4, address, sizeof(v4));
        return v4_is_public((const uint8_t *)&v4.sin_addr);
    case AF_INET6:
        memcpy(&v6, address, sizeof(v6));
        return v6_is_public(v6.sin6_addr.s6_addr);
    default:
        return false;
    }
}

/* Is name the domain, or below it? A dot at the end makes no difference. */
static bool is_below(const char *name, const char *domain)
{
    size_t n = strlen(name), d = strlen(domain);

    if (n > 0 && name[n - 1] == '.')
        n--;
    return n >= d && strncasecmp(name + n - d, domain, d) == 0 &&
           (n == d || name[n - d - 1] == '.');
}

bool address_host_may_be_public(const char *host)
{
    static const char *const local[] = {"localhost",   "local", "internal",
                                        "localdomain", "lan",   "home.arpa"};
    size_t n = strlen(host);
    char bare[INET6_ADDRSTRLEN];
    uint8_t address[16];

    if (n >= 2 && host[0] == '[') {
        n -= 2;
        if (n >= sizeof(bare))
            return false; /* a zone, which only a link-local address has */
        memcpy(bare, host + 1, n);
        bare[n] = '\0';
        return inet_pton(AF_INET6, bare, address) == 1 && v6_is_public(address);
    }
    if (inet_pton(AF_INET, host, address) == 1)
        return v4_is_public(address);
    for (size_t i = 0; i < ARRAY_LEN(local); i++) {
        if (is_below(host, local[i]))
            return false;
    }
    return strchr(host, '.') != NULL; /* a bare name is a neighbour's */
}
