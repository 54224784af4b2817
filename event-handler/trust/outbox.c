#include "trust/outbox.h"

/* A comma would end the entry where URLs stand in a list. */
static bool is_path_byte(char c)
{
    return c > 0x20 && c < 0x7f && c != ',' && c != '"' && c != '\\' && c != '<' && c != '>';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '.' || c == '-' || c == '_';
}

static bool is_v6_byte(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
}

/* How many bytes of text are a host: a name, or an IPv6 address in brackets. */
static size_t host_length(struct slice text)
{
    bool brackets = text.len > 0 && text.ptr[0] == '[';
    size_t n = brackets;

    while (n < text.len && (brackets ? is_v6_byte(text.ptr[n]) : is_name_byte(text.ptr[n])))
        n++;
    if (!brackets)
        return n;
    return n > 1 && n < text.len && text.ptr[n] == ']' ? n + 1 : 0;
}

/* Is text nothing, or a colon and a port? */
static bool is_port(struct slice text)
{
    size_t n = 1;

    while (n < text.len && n <= 5 && is_digit(text.ptr[n]))
        n++;
    return text.len == 0 || (text.ptr[0] == ':' && n == text.len && n > 1);
}

/* Takes scheme, host and port off *rest, in lower case and without the scheme's own port. Returns
 * their length in out, 0 when they are not what they should be. */
static size_t take_origin(struct slice *rest, char out[OUTBOX_MAX_URL_BYTES])
{
    struct slice origin = {out, 0}, port;
    size_t scheme, host;

    for (int slashes = 0; origin.len < rest->len; origin.len++) {
        char c = rest->ptr[origin.len];

        slashes += c == '/';
        if (c == '?' || c == '#' || slashes == 3)
            break;
        out[origin.len] = lower(c);
    }
    *rest = slice_of(rest->ptr + origin.len, rest->len - origin.len);
    scheme = slice_has_prefix(origin, SLICE("ws://"))    ? 5
             : slice_has_prefix(origin, SLICE("wss://")) ? 6
                                                         : 0;
    host = host_length(slice_of(out + scheme, origin.len - scheme));
    port = slice_of(out + scheme + host, origin.len - scheme - host);
    if (scheme == 0 || host == 0 || !is_port(port))
        return 0;
    if (slice_eq(port, scheme == 5 ? SLICE(":80") : SLICE(":443")))
        return scheme + host;
    return origin.len;
}

bool outbox_normalise(struct slice url, struct buf *out)
{
    char origin[OUTBOX_MAX_URL_BYTES];
    size_t n = 0, len;

    if (url.len > sizeof(origin))
        return false;
    len = take_origin(&url, origin);
    while (n < url.len && url.ptr[n] != '#') {
        if (!is_path_byte(url.ptr[n]))
            return false;
        n++;
    }
    if (len == 0)
        return false;
    if (n == 1 && url.ptr[0] == '/')
        n = 0;
    buf_add(out, origin, len);
    if (n > 0 && url.ptr[0] == '?')
        buf_add_char(out, '/');
    buf_add(out, url.ptr, n);
    return !out->failed;
}

static bool is_for_writing(const struct tag *t)
{
    return t->n >= 2 && slice_eq(t->item[0], SLICE("r")) &&
           (t->n == 2 || t->item[2].len == 0 || slice_eq(t->item[2], SLICE("write")));
}

void outbox_write_urls(const struct event *ev, struct buf *out)
{
    struct slice seen[OUTBOX_MAX_RELAYS];
    char text[OUTBOX_MAX_TEXT];
    struct buf one;
    size_t n = 0, used = 0;

    buf_init(&one, OUTBOX_MAX_URL_BYTES + 1);
    for (uint32_t i = 0; i < ev->n_tags && n < OUTBOX_MAX_RELAYS; i++) {
        size_t known = 0;

        buf_reset(&one);
        if (!is_for_writing(&ev->tag[i]) || !outbox_normalise(ev->tag[i].item[1], &one))
            continue;
        while (known < n && !slice_eq(seen[known], buf_slice(&one)))
            known++;
        if (known < n)
            continue;
        memcpy(text + used, one.ptr, one.len);
        seen[n] = slice_of(text + used, one.len);
        used += one.len;
        if (n++ > 0)
            buf_add_char(out, ',');
        buf_add_slice(out, buf_slice(&one));
    }
    buf_deinit(&one);
}
