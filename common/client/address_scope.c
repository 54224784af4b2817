#include "client/address_scope.h"

#include <strings.h>

#include "base/cidr.h"

/* RFC 6890 and what came after it. IPv4 addresses are held mapped (cidr.h), so these hold for both
 * notations. */
static const char *const not_public[] = {
    "0.0.0.0/8",       /* this network */
    "10.0.0.0/8",      /* private */
    "100.64.0.0/10",   /* shared by a provider's customers */
    "127.0.0.0/8",     /* loopback */
    "169.254.0.0/16",  /* link-local */
    "172.16.0.0/12",   /* private */
    "192.0.0.0/24",    /* protocol assignments */
    "192.0.2.0/24",    /* documentation */
    "192.88.99.0/24",  /* 6to4 relays */
    "192.168.0.0/16",  /* private */
    "198.18.0.0/15",   /* benchmarks */
    "198.51.100.0/24", /* documentation */
    "203.0.113.0/24",  /* documentation */
    "224.0.0.0/4",     /* multicast */
    "240.0.0.0/4",     /* reserved, broadcast */
    "2001::/23",       /* protocol assignments, Teredo among them */
    "2001:db8::/32",   /* documentation */
    "3fff::/20",       /* documentation */
};

/* Networks whose addresses lead to an IPv4 address that they contain. */
static const struct {
    const char *net;
    size_t at;
} carriers[] = {{"64:ff9b::/96", 12}, {"2002::/16", 2}}; /* NAT64, 6to4 */

static bool is_in(const struct ip *ip, const char *net)
{
    struct cidr c;

    return cidr_parse(slice_str(net), &c) && cidr_has(&c, ip);
}

/* The IPv4 address that ip leads to, or ip itself. */
static struct ip destination(const struct ip *ip)
{
    struct ip v4 = {{[10] = 0xff, [11] = 0xff}};

    for (size_t i = 0; i < ARRAY_LEN(carriers); i++) {
        if (is_in(ip, carriers[i].net)) {
            memcpy(v4.b + 12, ip->b + carriers[i].at, 4);
            return v4;
        }
    }
    return *ip;
}

static bool ip_is_public(const struct ip *ip)
{
    struct ip to = destination(ip);

    for (size_t i = 0; i < ARRAY_LEN(not_public); i++) {
        if (is_in(&to, not_public[i]))
            return false;
    }
    return ip_is_v4(&to) || is_in(&to, "2000::/3"); /* all else of IPv6 is something special */
}

bool address_is_public(const struct sockaddr *address)
{
    struct ip ip = ip_of_sockaddr(address);

    return ip_is_public(&ip);
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
    struct slice text = slice_str(host);
    struct ip ip;

    if (text.len >= 2 && host[0] == '[') {
        text = slice_of(host + 1, text.len - 2);
        return ip_parse(text, &ip) && ip_is_public(&ip); /* a zone, which ip_parse() does not
                                                          * take, is for link-local ones */
    }
    if (ip_parse(text, &ip))
        return ip_is_public(&ip);
    for (size_t i = 0; i < ARRAY_LEN(local); i++) {
        if (is_below(host, local[i]))
            return false;
    }
    return strchr(host, '.') != NULL; /* a bare name is a neighbour's */
}
