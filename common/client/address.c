#include "client/address.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

static const struct {
    const char *name;
    const char *http;
    const char *port;
} schemes[] = {{"ws", "http", "80"},
               {"wss", "https", "443"},
               {"http", "http", "80"},
               {"https", "https", "443"}};

/* What a URL consists of, as curl hands it out. */
struct parts {
    char *scheme, *host, *port, *path, *query;
};

static bool split(const char *url, struct parts *p)
{
    CURLU *u = curl_url();
    bool ok = u && curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_SCHEME, &p->scheme, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_HOST, &p->host, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_PATH, &p->path, 0) == CURLUE_OK;

    if (ok) {
        curl_url_get(u, CURLUPART_PORT, &p->port, 0);
        curl_url_get(u, CURLUPART_QUERY, &p->query, 0);
    }
    curl_url_cleanup(u);
    return ok;
}

static void parts_deinit(struct parts *p)
{
    curl_free(p->scheme);
    curl_free(p->host);
    curl_free(p->port);
    curl_free(p->path);
    curl_free(p->query);
}

/* fmt filled in, malloc'd; NULL without memory. */
static char *PRINTF_LIKE(1, 2) format(const char *fmt, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0)
        text = NULL;
    va_end(args);
    return text;
}

static bool join(const struct parts *p, struct address *out)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        bool other_port = p->port && strcmp(p->port, schemes[i].port) != 0;

        if (strcmp(schemes[i].name, p->scheme) != 0)
            continue;
        out->name = format("%s", p->host);
        out->host = format("%s%s%s", p->host, other_port ? ":" : "", other_port ? p->port : "");
        out->base = format("%s://%s%s%s", schemes[i].http, p->host, other_port ? ":" : "",
                           other_port ? p->port : "");
        out->path = format("%s%s%s", p->path, p->query ? "?" : "", p->query ? p->query : "");
        return out->name && out->host && out->base && out->path;
    }
    return false;
}

bool address_parse(const char *url, struct address *out)
{
    struct parts parts = {0};
    bool ok;

    *out = (struct address){0};
    ok = split(url, &parts) && join(&parts, out);
    parts_deinit(&parts);
    if (!ok)
        address_deinit(out);
    return ok;
}

void address_deinit(struct address *a)
{
    free(a->base);
    free(a->name);
    free(a->host);
    free(a->path);
    *a = (struct address){0};
}
