/*
 * Relay URLs reduced to what identifies a relay: host and port.
 *
 * Compared strings decide whose AUTH and whose request to vanish is meant for us, so anything
 * unusual (credentials, percent signs, a scheme that is no relay's) is no URL of ours rather than
 * something to be guessed.
 */
#include <stdio.h>

#include "nostr/relay_url.h"

enum { MAX_HOST = 255 };

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool eq_folded(struct slice s, const char *text)
{
    if (s.len != strlen(text))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (lower(s.ptr[i]) != text[i])
            return false;
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct slice trimmed(struct slice s)
{
    while (s.len > 0 && is_space(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* The part of s in front of the first of the characters in set; all of s when there is none. */
static struct slice until_any(struct slice s, const char *set)
{
    size_t n = 0;

    while (n < s.len && (s.ptr[n] == '\0' || !strchr(set, s.ptr[n])))
        n++;
    return slice_of(s.ptr, n);
}

/* Drops "scheme://" when there is one; false when it is none that a relay is reached by. */
static bool drop_scheme(struct slice *s)
{
    struct slice scheme = until_any(*s, ":/?#");

    if (!slice_has_prefix(slice_of(s->ptr + scheme.len, s->len - scheme.len), SLICE("://")))
        return true;
    if (!eq_folded(scheme, "wss") && !eq_folded(scheme, "ws") && !eq_folded(scheme, "https") &&
        !eq_folded(scheme, "http"))
        return false;
    s->ptr += scheme.len + 3;
    s->len -= scheme.len + 3;
    return true;
}

/* Letters, digits and what else a host name is made of; bytes above 0x7f for names in Unicode. */
static bool is_name_char(char c)
{
    c = lower(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           (unsigned char)c >= 0x80;
}

static bool is_address_char(char c)
{
    c = lower(c);
    return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9') || c == ':' || c == '.';
}

/* Takes the host off *s: a name without its final dot, or an IPv6 address in brackets. */
static bool take_host(struct slice *s, struct slice *host)
{
    bool bracketed = s->len > 0 && s->ptr[0] == '[';
    size_t n = bracketed ? 1 : 0;

    while (n < s->len && (bracketed ? is_address_char(s->ptr[n]) : is_name_char(s->ptr[n])))
        n++;
    if (bracketed) {
        if (n < 3 || n == s->len || s->ptr[n] != ']')
            return false;
        n++;
    }
    *host = slice_of(s->ptr, n);
    s->ptr += n;
    s->len -= n;
    if (n > 0 && host->ptr[n - 1] == '.')
        host->len--;
    return host->len > 0 && host->len <= MAX_HOST && host->ptr[host->len - 1] != '.';
}

/* Reads ":port" or nothing from the whole of s. *port is 0 when it is absent or the default of a
 * scheme: as ws, wss, http and https are one, both defaults count with any of them. */
static bool read_port(struct slice s, unsigned *port)
{
    *port = 0;
    if (s.len == 0)
        return true;
    if (s.ptr[0] != ':' || s.len < 2 || s.len > 6)
        return false;
    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        *port = *port * 10 + (unsigned)(s.ptr[i] - '0');
    }
    if (*port == 0 || *port > 65535)
        return false;
    if (*port == 80 || *port == 443)
        *port = 0;
    return true;
}

bool relay_url_host(struct slice url, char *out, size_t out_size)
{
    struct slice rest = trimmed(url), host;
    unsigned port;
    int n;

    if (rest.len == 0 || !drop_scheme(&rest))
        return false;
    rest = until_any(rest, "/?#");
    if (!take_host(&rest, &host) || !read_port(rest, &port))
        return false;
    if (port != 0)
        n = snprintf(out, out_size, SLICE_FMT ":%u", SLICE_ARG(host), port);
    else
        n = snprintf(out, out_size, SLICE_FMT, SLICE_ARG(host));
    if (n < 0 || (size_t)n >= out_size)
        return false;
    for (char *c = out; *c; c++)
        *c = lower(*c);
    return true;
}

bool relay_url_in_list(struct slice url, struct slice list)
{
    char wanted[MAX_HOST + sizeof ":65535"], ours[sizeof wanted];

    if (!relay_url_host(url, wanted, sizeof wanted))
        return false;
    while (list.len > 0) {
        struct slice item = until_any(list, ",");
        size_t taken = item.len < list.len ? item.len + 1 : item.len;

        if (relay_url_host(item, ours, sizeof ours) && strcmp(wanted, ours) == 0)
            return true;
        list.ptr += taken;
        list.len -= taken;
    }
    return false;
}
