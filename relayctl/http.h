#ifndef RELAYCTL_HTTP_H
#define RELAYCTL_HTTP_H
/* What is common to all transfers by libcurl, GET and POST. Blocking; one thread. */
#include <curl/curl.h>

#include "base/buf.h"
#include "options.h"

/* A handle with the user's timeout and certificates, or NULL without memory. error is
 * CURL_ERROR_SIZE bytes that live as long as the handle. */
CURL *http_handle(const struct options *o, char *error);

struct http_answer {
    long status; /* 0: there was no answer, and error says why */
    struct buf body;
    char error[CURL_ERROR_SIZE];
};

/* header is one line to send along ("Accept: text/plain"). Bodies above 4 MiB count as no answer.
 * http_answer_deinit() in any case. */
void http_get(const struct options *o, const char *url, const char *header,
              struct http_answer *out);
/* headers ends with NULL. */
void http_post(const struct options *o, const char *url, const char *const *headers,
               struct slice body, struct http_answer *out);
void http_answer_deinit(struct http_answer *a);

#endif
