#include "conn/client_origin.h"

#include <strings.h>

/* ---- pieces of header values ---- */

static struct slice trim(struct slice s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = slice_of(s.ptr + 1, s.len - 1);
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/*
 * Takes what stands behind the last separator off *rest, which is left with what stands before it.
 * Separators within quotes do not count, and quotes are counted from the right as well: one that
 * the client has left open must not swallow what our proxy has written behind it. False when
 * nothing is left.
 */
static bool take_last(struct slice *rest, char separator, struct slice *last)
{
    size_t start;
    bool quoted = false;

    if (!rest->ptr)
        return false;
    for (start = rest->len; start > 0; start--) {
        char c = rest->ptr[start - 1];

        if (c == '"' && (start < 2 || rest->ptr[start - 2] != '\\'))
            quoted = !quoted;
        else if (c == separator && !quoted)
            break;
    }
    *last = trim(slice_of(rest->ptr + start, rest->len - start));
    *rest = start > 0 ? slice_of(rest->ptr, start - 1) : slice_of(NULL, 0);
    return true;
}

static bool equals(struct slice s, const char *text)
{
    return s.len == strlen(text) && (s.len == 0 || strncasecmp(s.ptr, text, s.len) == 0);
}

static bool is_digits(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    return s.len > 0 && s.len <= 5;
}

/* ---- one element ---- */

/* "192.0.2.7", "192.0.2.7:80", "2001:db8::1", "[2001:db8::1]" or "[2001:db8::1]:80". */
static bool parse_node(struct slice s, struct ip *out)
{
    const char *end;
    size_t n;

    if (ip_parse(s, out))
        return true;
    if (s.len > 0 && s.ptr[0] == '[') {
        end = memchr(s.ptr, ']', s.len);
        n = end ? (size_t)(end - s.ptr) : 0;
        if (!end || !ip_parse(slice_of(s.ptr + 1, n - 1), out) || ip_is_v4(out))
            return false;
        return n + 1 == s.len ||
               (s.ptr[n + 1] == ':' && is_digits(slice_of(s.ptr + n + 2, s.len - n - 2)));
    }
    end = s.len ? memchr(s.ptr, ':', s.len) : NULL;
    n = end ? (size_t)(end - s.ptr) : 0;
    return end && is_digits(slice_of(end + 1, s.len - n - 1)) && ip_parse(slice_of(s.ptr, n), out);
}

static struct slice unquote(struct slice s)
{
    if (s.len >= 2 && s.ptr[0] == '"' && s.ptr[s.len - 1] == '"')
        return slice_of(s.ptr + 1, s.len - 2);
    return s;
}

/* The value of a parameter of one element of Forwarded: for=192.0.2.7;proto=https */
static bool find_parameter(struct slice element, const char *name, struct slice *value)
{
    struct slice pair;

    while (take_last(&element, ';', &pair)) {
        const char *at = pair.len ? memchr(pair.ptr, '=', pair.len) : NULL;
        size_t n = at ? (size_t)(at - pair.ptr) : 0;

        if (!at || !equals(slice_of(pair.ptr, n), name))
            continue;
        *value = unquote(slice_of(at + 1, pair.len - n - 1));
        return true;
    }
    return false;
}

static bool parse_element(struct slice element, enum proxy_header header, struct ip *out)
{
    struct slice node;

    if (header == PROXY_HEADER_X_FORWARDED_FOR)
        return parse_node(element, out);
    return find_parameter(element, "for", &node) && parse_node(node, out);
}

/* ---- the whole list, which may be spread over several fields ---- */

static const char *const list_names[] = {
    [PROXY_HEADER_X_FORWARDED_FOR] = "X-Forwarded-For", [PROXY_HEADER_FORWARDED] = "Forwarded"};

static struct ip find_client(const struct http_head *head, const struct ip *peer,
                             const struct proxy_trust *trust)
{
    struct ip client = *peer;

    for (size_t i = head->n_fields; i-- > 0;) {
        struct slice rest = head->fields[i].value, element;

        if (!equals(head->fields[i].name, list_names[trust->header]))
            continue;
        while (take_last(&rest, ',', &element)) {
            struct ip heard;

            if (!cidr_list_has(trust->proxies, &client) ||
                !parse_element(element, trust->header, &heard))
                return client;
            client = heard;
        }
    }
    return client;
}

/* What the nearest proxy says: the last element of the last field of that name. */
static struct slice last_word(const struct http_head *head, const char *name)
{
    struct slice last = {NULL, 0};

    for (size_t i = 0; i < head->n_fields; i++) {
        struct slice rest = head->fields[i].value;

        if (equals(head->fields[i].name, name))
            (void)!take_last(&rest, ',', &last);
    }
    return last;
}

static struct slice said_by_proxy(const struct http_head *head, const struct proxy_trust *trust,
                                  const char *x_name, const char *parameter)
{
    struct slice value = {NULL, 0};

    if (trust->header == PROXY_HEADER_X_FORWARDED_FOR)
        return last_word(head, x_name);
    if (!find_parameter(last_word(head, "Forwarded"), parameter, &value))
        value = slice_of(NULL, 0);
    return value;
}

struct client_origin client_origin_of(const struct http_head *head, const struct ip *peer,
                                      const struct proxy_trust *trust)
{
    const struct http_field *field = http_head_find(head, "Host");
    struct client_origin origin = {.address = *peer,
                                   .host = field ? field->value : slice_of(NULL, 0)};
    struct slice host, proto;

    if (!cidr_list_has(trust->proxies, peer))
        return origin;
    origin.address = find_client(head, peer, trust);
    host = said_by_proxy(head, trust, "X-Forwarded-Host", "host");
    if (host.len > 0)
        origin.host = host;
    proto = said_by_proxy(head, trust, "X-Forwarded-Proto", "proto");
    origin.secure = equals(proto, "https") || equals(proto, "wss");
    return origin;
}
