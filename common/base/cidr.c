#include "base/cidr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "base/list_text.h"

enum { V4_BITS = 96, MAX_ENTRY_SHOWN = 64 };

static const uint8_t v4_prefix[12] = {[10] = 0xff, [11] = 0xff};

/* ---- addresses ---- */

static struct ip from_v4(const void *four_bytes)
{
    struct ip ip;

    memcpy(ip.b, v4_prefix, sizeof v4_prefix);
    memcpy(ip.b + sizeof v4_prefix, four_bytes, 4);
    return ip;
}

bool ip_parse(struct slice text, struct ip *out)
{
    char copy[IP_TEXT_BYTES];
    uint8_t v4[4];

    if (text.len == 0 || text.len >= sizeof copy || memchr(text.ptr, '\0', text.len))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, v4) == 1) {
        *out = from_v4(v4);
        return true;
    }
    return inet_pton(AF_INET6, copy, out->b) == 1;
}

struct ip ip_of_sockaddr(const struct sockaddr *address)
{
    struct ip ip = {{0}};

    if (address->sa_family == AF_INET)
        return from_v4(&((const struct sockaddr_in *)(const void *)address)->sin_addr);
    if (address->sa_family == AF_INET6)
        memcpy(ip.b, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, sizeof ip.b);
    return ip;
}

bool ip_is_v4(const struct ip *ip)
{
    return memcmp(ip->b, v4_prefix, sizeof v4_prefix) == 0;
}

bool ip_eq(const struct ip *a, const struct ip *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

const char *ip_text(const struct ip *ip, char out[IP_TEXT_BYTES])
{
    if (ip_is_v4(ip))
        inet_ntop(AF_INET, ip->b + sizeof v4_prefix, out, IP_TEXT_BYTES);
    else
        inet_ntop(AF_INET6, ip->b, out, IP_TEXT_BYTES);
    return out;
}

struct ip ip_group(const struct ip *ip)
{
    struct ip group = *ip;

    if (!ip_is_v4(ip))
        memset(group.b + 8, 0, 8);
    return group;
}

/* ---- networks ---- */

/* One to three digits, no leading zero, at most `most`. */
static bool parse_bits(struct slice text, unsigned most, unsigned *bits)
{
    if (text.len == 0 || text.len > 3 || (text.len > 1 && text.ptr[0] == '0'))
        return false;
    *bits = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        *bits = *bits * 10 + (unsigned)(text.ptr[i] - '0');
    }
    return *bits <= most;
}

/* The first bits of ip, the others zero. */
static struct ip masked(const struct ip *ip, unsigned bits)
{
    struct ip out = {{0}};

    memcpy(out.b, ip->b, bits / 8);
    if (bits % 8)
        out.b[bits / 8] = (uint8_t)(ip->b[bits / 8] & (0xff00 >> bits % 8));
    return out;
}

bool cidr_parse(struct slice text, struct cidr *out)
{
    const char *slash = text.len ? memchr(text.ptr, '/', text.len) : NULL;
    struct slice address = slash ? slice_of(text.ptr, (size_t)(slash - text.ptr)) : text;
    unsigned bits = 128;
    struct ip net;

    if (!ip_parse(address, &out->net))
        return false;
    if (slash) {
        /* "::ffff:192.0.2.0/120" is counted as it is written. */
        bool dotted = !memchr(address.ptr, ':', address.len);
        size_t start = address.len + 1;

        if (!parse_bits(slice_of(text.ptr + start, text.len - start), dotted ? 32 : 128, &bits))
            return false;
        bits += dotted ? V4_BITS : 0;
    }
    out->bits = (uint8_t)bits;
    net = masked(&out->net, bits);
    return ip_eq(&net, &out->net);
}

bool cidr_has(const struct cidr *c, const struct ip *ip)
{
    struct ip net = masked(ip, c->bits);

    return ip_eq(&net, &c->net);
}

/* ---- lists ---- */

static bool append(struct cidr_list *list, const struct cidr *c)
{
    struct cidr *grown = realloc(list->entry, (list->n + 1) * sizeof *grown);

    if (!grown)
        return false;
    list->entry = grown;
    grown[list->n++] = *c;
    return true;
}

static void name_entry(struct buf *error, struct slice entry)
{
    size_t shown = entry.len < MAX_ENTRY_SHOWN ? entry.len : MAX_ENTRY_SHOWN;

    buf_printf(error,
               "\"%.*s\" is not an address or network such as 192.0.2.7, 10.0.0.0/8 or "
               "2001:db8::/32",
               (int)shown, entry.ptr);
}

bool cidr_list_parse(struct slice text, struct cidr_list *out, struct buf *error)
{
    struct slice entry;
    struct cidr c;

    *out = (struct cidr_list){0};
    while (list_text_next(&text, &entry)) {
        bool good = cidr_parse(entry, &c);

        if (good && append(out, &c))
            continue;
        if (good)
            buf_add_str(error, "out of memory");
        else
            name_entry(error, entry);
        cidr_list_deinit(out);
        return false;
    }
    return true;
}

void cidr_list_deinit(struct cidr_list *list)
{
    free(list->entry);
    *list = (struct cidr_list){0};
}

bool cidr_list_has(const struct cidr_list *list, const struct ip *ip)
{
    for (size_t i = 0; i < list->n; i++)
        if (cidr_has(&list->entry[i], ip))
            return true;
    return false;
}

bool cidr_list_check(const char *text, struct buf *error)
{
    struct cidr_list list;
    bool good = cidr_list_parse(slice_str(text), &list, error);

    cidr_list_deinit(&list);
    return good;
}
