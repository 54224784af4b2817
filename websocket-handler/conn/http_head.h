#ifndef WEBSOCKET_HANDLER_CONN_HTTP_HEAD_H
#define WEBSOCKET_HANDLER_CONN_HTTP_HEAD_H
/*
 * The head of one HTTP/1.x request (RFC 9112) as slices of the bytes that came. Pure: no
 * allocation, no I/O, any thread.
 *
 * Strict where leniency has been abused: lines end in CRLF, no folded fields, no white space before
 * the colon, no control characters.
 */
#include "base/slice.h"

enum { HTTP_HEAD_MAX_BYTES = 8192, HTTP_HEAD_MAX_FIELDS = 100 };

struct http_field {
    struct slice name;
    struct slice value; /* without white space around it */
};

struct http_head {
    struct slice method;
    struct slice path;  /* from the first '/', without the query; "*" for OPTIONS * */
    struct slice query; /* behind the '?', or empty */
    int minor;          /* HTTP/1.minor: 0 or 1 */
    size_t n_fields;
    struct http_field fields[HTTP_HEAD_MAX_FIELDS];
};

enum http_head_result {
    HTTP_HEAD_OK,
    HTTP_HEAD_MORE,      /* not all of it has come yet */
    HTTP_HEAD_BAD,       /* not HTTP: *error says what */
    HTTP_HEAD_TOO_LARGE, /* over HTTP_HEAD_MAX_BYTES or HTTP_HEAD_MAX_FIELDS: *error says which */
};

/* bytes is all that has come so far; *used is the length of the head when it is whole. The slices
 * in *out point into bytes. */
NODISCARD enum http_head_result http_head_parse(struct slice bytes, struct http_head *out,
                                                size_t *used, const char **error);

/* The first field of that name, or NULL; names compare without case. */
const struct http_field *http_head_find(const struct http_head *head, const char *name);
/* How many fields have that name. */
size_t http_head_count(const struct http_head *head, const char *name);
/* Is token an element of the comma-separated list(s) in the fields of that name? Compared without
 * case, parameters (";q=0.9") left out. */
bool http_head_lists(const struct http_head *head, const char *name, const char *token);

#endif
