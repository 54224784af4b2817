#include "conn/http_head.h"

#include <strings.h>

static bool is_token_char(char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
        return true;
    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_token(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_token_char(s.ptr[i]))
            return false;
    }
    return s.len > 0;
}

static bool has_control_char(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return true;
    }
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct slice trim(struct slice s)
{
    while (s.len > 0 && is_blank(s.ptr[0]))
        s = slice_of(s.ptr + 1, s.len - 1);
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* Takes everything up to separator off *rest; all of it when there is none. */
static struct slice take_until(struct slice *rest, char separator)
{
    const char *at = rest->len > 0 ? memchr(rest->ptr, separator, rest->len) : NULL;
    size_t n = at ? (size_t)(at - rest->ptr) : rest->len;
    struct slice taken = slice_of(rest->ptr, n);

    *rest = at ? slice_of(at + 1, rest->len - n - 1) : slice_of(rest->ptr + n, 0);
    return taken;
}

static bool equals_ignoring_case(struct slice s, const char *text)
{
    return s.len == strlen(text) && (s.len == 0 || strncasecmp(s.ptr, text, s.len) == 0);
}

/* "/path?query" or "scheme://authority/path?query" (RFC 9112 3.2.2), or "*". */
static bool parse_target(struct slice target, struct http_head *out)
{
    if (target.len == 0 || has_control_char(target))
        return false;
    if (target.ptr[0] != '/' && !slice_eq(target, SLICE("*"))) {
        const char *end = target.ptr + target.len;
        const char *colon = memmem(target.ptr, target.len, "://", 3);
        const char *slash = colon ? memchr(colon + 3, '/', (size_t)(end - colon) - 3) : NULL;

        if (!colon)
            return false;
        target = slash ? slice_of(slash, (size_t)(end - slash)) : SLICE("/");
    }
    out->path = take_until(&target, '?');
    out->query = target;
    return true;
}

static bool parse_request_line(struct slice line, struct http_head *out, const char **error)
{
    struct slice target;

    out->method = take_until(&line, ' ');
    target = take_until(&line, ' ');
    if (!is_token(out->method) || !parse_target(target, out)) {
        *error = "this is not an HTTP request";
        return false;
    }
    if (!slice_eq(line, SLICE("HTTP/1.1")) && !slice_eq(line, SLICE("HTTP/1.0"))) {
        *error = "only HTTP/1.1 and HTTP/1.0 are spoken here";
        return false;
    }
    out->minor = line.ptr[line.len - 1] - '0';
    return true;
}

static bool parse_field(struct slice line, struct http_field *out)
{
    if (!memchr(line.ptr, ':', line.len))
        return false;
    out->name = take_until(&line, ':');
    out->value = trim(line);
    return is_token(out->name) && !has_control_char(out->value);
}

/* Takes one line off *rest, without its CRLF. False at a bare LF. */
static bool take_line(struct slice *rest, struct slice *line)
{
    *line = take_until(rest, '\n');
    if (line->len == 0 || line->ptr[line->len - 1] != '\r')
        return false;
    line->len--;
    return true;
}

/* The length of the head with its empty line, or 0 when that has not come yet. */
static size_t find_end(struct slice bytes)
{
    const char *end = bytes.len >= 4 ? memmem(bytes.ptr, bytes.len, "\r\n\r\n", 4) : NULL;

    return end ? (size_t)(end - bytes.ptr) + 4 : 0;
}

enum http_head_result http_head_parse(struct slice bytes, struct http_head *out, size_t *used,
                                      const char **error)
{
    size_t blank = bytes.len >= 2 && memcmp(bytes.ptr, "\r\n", 2) == 0 ? 2 : 0; /* RFC 9112 2.2 */
    struct slice rest = slice_of(bytes.ptr + blank, bytes.len - blank);
    struct slice line;
    size_t end = find_end(rest);

    out->n_fields = 0;
    *error = NULL;
    if (end == 0 && rest.len > 0 && rest.ptr[0] != '\r' && !is_token_char(rest.ptr[0])) {
        *error =
            "this is not an HTTP request"; /* TLS, most likely: no need to wait for more of it */
        return HTTP_HEAD_BAD;
    }
    if (blank + end > HTTP_HEAD_MAX_BYTES || (end == 0 && bytes.len >= HTTP_HEAD_MAX_BYTES)) {
        *error = "the request head is larger than 8 KiB";
        return HTTP_HEAD_TOO_LARGE;
    }
    if (end == 0)
        return HTTP_HEAD_MORE;

    rest.len = end - 2; /* without the empty line */
    if (!take_line(&rest, &line)) {
        *error = "lines must end in CR LF";
        return HTTP_HEAD_BAD;
    }
    if (!parse_request_line(line, out, error))
        return HTTP_HEAD_BAD;
    while (rest.len > 0) {
        if (out->n_fields == HTTP_HEAD_MAX_FIELDS) {
            *error = "the request has more than 100 header fields";
            return HTTP_HEAD_TOO_LARGE;
        }
        if (!take_line(&rest, &line) || !parse_field(line, &out->fields[out->n_fields])) {
            *error = "a header field is malformed";
            return HTTP_HEAD_BAD;
        }
        out->n_fields++;
    }
    *used = blank + end;
    return HTTP_HEAD_OK;
}

const struct http_field *http_head_find(const struct http_head *head, const char *name)
{
    for (size_t i = 0; i < head->n_fields; i++) {
        if (equals_ignoring_case(head->fields[i].name, name))
            return &head->fields[i];
    }
    return NULL;
}

size_t http_head_count(const struct http_head *head, const char *name)
{
    size_t n = 0;

    for (size_t i = 0; i < head->n_fields; i++)
        n += equals_ignoring_case(head->fields[i].name, name);
    return n;
}

bool http_head_lists(const struct http_head *head, const char *name, const char *token)
{
    for (size_t i = 0; i < head->n_fields; i++) {
        struct slice rest = head->fields[i].value;

        if (!equals_ignoring_case(head->fields[i].name, name))
            continue;
        while (rest.len > 0) {
            struct slice item = take_until(&rest, ',');

            if (equals_ignoring_case(trim(take_until(&item, ';')), token))
                return true;
        }
    }
    return false;
}
