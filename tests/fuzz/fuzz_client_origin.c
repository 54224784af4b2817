/*
 * A request head of any bytes from a proxy and from a stranger: the stranger's address is always
 * the one of the connection, and a trusted one is only believed as far as trusted addresses go.
 */
#include <stdlib.h>

#include "conn/client_origin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct cidr_list proxies;

static void must(bool condition)
{
    if (!condition)
        abort();
}

static struct ip parse(const char *text)
{
    struct ip ip;

    must(ip_parse(slice_str(text), &ip));
    return ip;
}

static void look(const struct http_head *head, enum proxy_header header, struct slice all)
{
    const struct proxy_trust trust = {&proxies, header};
    struct ip proxy = parse("10.0.0.2"), stranger = parse("203.0.113.5");
    struct client_origin origin = client_origin_of(head, &stranger, &trust);

    must(ip_eq(&origin.address, &stranger) && !origin.secure);
    origin = client_origin_of(head, &proxy, &trust);
    must(origin.host.len == 0 ||
         (origin.host.ptr >= all.ptr && origin.host.ptr + origin.host.len <= all.ptr + all.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice all = slice_of((const char *)data, size);
    struct http_head head;
    struct buf error;
    const char *why;
    size_t used;

    if (!proxies.entry) {
        buf_init(&error, KIB);
        must(cidr_list_parse(SLICE("10.0.0.0/8"), &proxies, &error));
    }
    if (http_head_parse(all, &head, &used, &why) != HTTP_HEAD_OK)
        return 0;
    look(&head, PROXY_HEADER_X_FORWARDED_FOR, all);
    look(&head, PROXY_HEADER_FORWARDED, all);
    return 0;
}
