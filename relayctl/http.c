#include "http.h"

#include <stdio.h>

enum { MAX_BODY_MIB = 8 }; /* a page of the feed that ends with a large event */

CURL *http_handle(const struct options *o, char *error)
{
    CURL *curl = curl_easy_init();

    error[0] = '\0';
    if (!curl)
        return NULL;
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)o->timeout_seconds);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "relayctl/" TANDEM_VERSION);
    if (o->ca)
        curl_easy_setopt(curl, CURLOPT_CAINFO, o->ca);
    return curl;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *user)
{
    struct http_answer *a = user;

    buf_add(&a->body, bytes, size * n);
    return a->body.failed ? 0 : size * n;
}

static void perform(CURL *curl, struct http_answer *out)
{
    CURLcode code = curl_easy_perform(curl);

    if (code == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out->status);
    else if (out->body.failed)
        snprintf(out->error, sizeof(out->error), "the answer is larger than %d MiB", MAX_BODY_MIB);
    else if (out->error[0] == '\0')
        snprintf(out->error, sizeof(out->error), "%s", curl_easy_strerror(code));
}

/* post.ptr NULL: GET. */
static void transfer(const struct options *o, const char *url, const char *const *lines,
                     struct slice post, struct http_answer *out)
{
    CURL *curl = http_handle(o, out->error);
    struct curl_slist *headers = NULL;

    out->status = 0;
    buf_init(&out->body, MAX_BODY_MIB * MIB);
    for (; *lines; lines++)
        headers = curl_slist_append(headers, *lines);
    if (curl && headers) {
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)o->timeout_seconds);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
        if (post.ptr) {
            curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post.len);
            curl_easy_setopt(curl, CURLOPT_POSTFIELDS, post.ptr);
        }
        perform(curl, out);
    } else {
        snprintf(out->error, sizeof(out->error), "out of memory");
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
}

void http_get(const struct options *o, const char *url, const char *header, struct http_answer *out)
{
    transfer(o, url, (const char *const[]){header, NULL}, slice_of(NULL, 0), out);
}

void http_post(const struct options *o, const char *url, const char *const *headers,
               struct slice body, struct http_answer *out)
{
    transfer(o, url, headers, body, out);
}

void http_answer_deinit(struct http_answer *a)
{
    buf_deinit(&a->body);
}
