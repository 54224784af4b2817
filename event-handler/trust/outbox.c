#include "trust/outbox.h"

/* What a host and a port consist of; a user, escapes and blanks do not belong. */
static bool is_authority_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr(".-_:[]", c) != NULL);
}

/* A comma would end the entry where URLs stand in a list. */
static bool is_path_byte(char c)
{
    return c > 0x20 && c < 0x7f && c != ',' && c != '"' && c != '\\' && c != '<' && c != '>';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool has_suffix(const char *text, size_t len, const char *suffix)
{
    size_t n = strlen(suffix);

    return len >= n && memcmp(text + len - n, suffix, n) == 0;
}

/* Takes scheme, host and port off *rest, in lower case and without the scheme's own port. Returns
 * their length in out, 0 when they are not what they should be. */
static size_t take_origin(struct slice *rest, char out[OUTBOX_MAX_URL_BYTES])
{
    size_t n = 0, scheme, len;

    while (n < rest->len && rest->ptr[n] != ':')
        n++;
    if (n + 3 > rest->len || memcmp(rest->ptr + n, "://", 3) != 0)
        return 0;
    for (size_t i = 0; i < n + 3; i++)
        out[i] = lower(rest->ptr[i]);
    scheme = n + 3;
    if (!slice_eq(slice_of(out, scheme), SLICE("ws://")) &&
        !slice_eq(slice_of(out, scheme), SLICE("wss://")))
        return 0;
    for (len = scheme; len < rest->len && !strchr("/?#", rest->ptr[len]); len++) {
        out[len] = lower(rest->ptr[len]);
        if (!is_authority_byte(out[len]))
            return 0;
    }
    *rest = slice_of(rest->ptr + len, rest->len - len);
    if (has_suffix(out, len, scheme == 5 ? ":80" : ":443"))
        len -= scheme == 5 ? 3 : 4;
    return len > scheme && out[scheme] != ':' ? len : 0;
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
    char text[OUTBOX_MAX_TEXT + OUTBOX_MAX_RELAYS];
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
