#include "conn/proxy_protocol.h"

#include <netinet/in.h>

/* ---- version 1: one line of text ---- */

#define V1_START "PROXY "

/* Takes the next word and the one blank behind it; the last word has none. False for an empty word.
 */
static bool take_word(struct slice *line, struct slice *word)
{
    const char *blank = line->len ? memchr(line->ptr, ' ', line->len) : NULL;
    size_t n = blank ? (size_t)(blank - line->ptr) : line->len;

    *word = slice_of(line->ptr, n);
    n += blank ? 1 : 0;
    *line = slice_of(line->ptr + n, line->len - n);
    return word->len > 0;
}

static bool is_port(struct slice text)
{
    unsigned n = 0;

    if (text.len == 0 || text.len > 5 || (text.len > 1 && text.ptr[0] == '0'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        n = n * 10 + (unsigned)(text.ptr[i] - '0');
    }
    return n <= 65535;
}

/* "TCP4 192.0.2.7 192.0.2.1 56324 443" or "UNKNOWN" and anything. */
static enum proxy_result parse_v1_line(struct slice line, struct ip *client)
{
    struct slice family, source, target, source_port, target_port;
    struct ip unused;
    bool colon;

    if (!take_word(&line, &family))
        return PROXY_BAD;
    if (slice_eq(family, SLICE("UNKNOWN")))
        return PROXY_LOCAL;
    if (!slice_eq(family, SLICE("TCP4")) && !slice_eq(family, SLICE("TCP6")))
        return PROXY_BAD;
    if (line.len == 0 || line.ptr[line.len - 1] == ' ')
        return PROXY_BAD;
    if (!take_word(&line, &source) || !take_word(&line, &target) ||
        !take_word(&line, &source_port) || !take_word(&line, &target_port) || line.len > 0)
        return PROXY_BAD;
    colon = memchr(source.ptr, ':', source.len) != NULL;
    if (colon != slice_eq(family, SLICE("TCP6")) || !ip_parse(source, client) ||
        !ip_parse(target, &unused) || !is_port(source_port) || !is_port(target_port))
        return PROXY_BAD;
    return PROXY_CLIENT;
}

static enum proxy_result parse_v1(struct slice bytes, struct ip *client, size_t *used)
{
    size_t looked_at = bytes.len < PROXY_V1_MAX_BYTES ? bytes.len : PROXY_V1_MAX_BYTES;
    const char *end = memchr(bytes.ptr, '\n', looked_at);
    size_t start = sizeof V1_START - 1, n;

    if (!end)
        return bytes.len < PROXY_V1_MAX_BYTES ? PROXY_MORE : PROXY_BAD;
    n = (size_t)(end - bytes.ptr);
    if (n < start + 1 || bytes.ptr[n - 1] != '\r')
        return PROXY_BAD;
    *used = n + 1;
    return parse_v1_line(slice_of(bytes.ptr + start, n - 1 - start), client);
}

/* ---- version 2: binary ---- */

static const char v2_start[12] = {'\r', '\n', '\r', '\n', '\0', '\r',
                                  '\n', 'Q',  'U',  'I',  'T',  '\n'};

enum {
    V2_HEAD = 16,
    V2_LOCAL = 0x20,
    V2_PROXY = 0x21,
    V2_TCP4 = 0x11,
    V2_TCP6 = 0x21,
    V2_TCP4_BYTES = 12,
    V2_TCP6_BYTES = 36,
};

static enum proxy_result parse_v2_address(const uint8_t *head, size_t n, struct ip *client)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    switch (head[13]) {
    case V2_TCP4:
        if (n < V2_TCP4_BYTES)
            return PROXY_BAD;
        memcpy(&v4.sin_addr, head + V2_HEAD, sizeof v4.sin_addr);
        *client = ip_of_sockaddr((const struct sockaddr *)&v4);
        return PROXY_CLIENT;
    case V2_TCP6:
        if (n < V2_TCP6_BYTES)
            return PROXY_BAD;
        memcpy(&v6.sin6_addr, head + V2_HEAD, sizeof v6.sin6_addr);
        *client = ip_of_sockaddr((const struct sockaddr *)&v6);
        return PROXY_CLIENT;
    default:
        return PROXY_LOCAL; /* datagrams, Unix sockets, unspecified: nothing that helps us */
    }
}

static enum proxy_result parse_v2(struct slice bytes, struct ip *client, size_t *used)
{
    const uint8_t *head = (const uint8_t *)bytes.ptr;
    size_t n;

    if (bytes.len < V2_HEAD)
        return PROXY_MORE;
    n = (size_t)head[14] << 8 | head[15];
    if ((head[12] != V2_LOCAL && head[12] != V2_PROXY) || V2_HEAD + n > PROXY_V2_MAX_BYTES)
        return PROXY_BAD;
    if (bytes.len < V2_HEAD + n)
        return PROXY_MORE;
    *used = V2_HEAD + n;
    return head[12] == V2_LOCAL ? PROXY_LOCAL : parse_v2_address(head, n, client);
}

/* ---- either ---- */

/* Do the bytes begin like start, as far as they go? */
static bool begins_like(struct slice bytes, const char *start, size_t n)
{
    return memcmp(bytes.ptr, start, bytes.len < n ? bytes.len : n) == 0;
}

enum proxy_result proxy_protocol_parse(struct slice bytes, struct ip *client, size_t *used)
{
    if (bytes.len == 0)
        return PROXY_MORE;
    if (begins_like(bytes, v2_start, sizeof v2_start))
        return bytes.len < sizeof v2_start ? PROXY_MORE : parse_v2(bytes, client, used);
    if (begins_like(bytes, V1_START, sizeof V1_START - 1))
        return bytes.len < sizeof V1_START - 1 ? PROXY_MORE : parse_v1(bytes, client, used);
    return PROXY_BAD;
}
