#include <string.h>

#include "api/request.h"

enum { EVENTS_CAP = 16 * 1024 * 1024, QUERY_CAP = 4 * 1024 * 1024, MANAGE_CAP = 512 * 1024 };

static const struct route routes[] = {
    {"POST", "/v1/events", api_events, EVENTS_CAP, true},
    {"POST", "/v1/query", api_query, QUERY_CAP, true},
    {"POST", "/v1/count", api_count, QUERY_CAP, true},
    {"GET", "/v1/feed", api_feed, 0, true},
    {"POST", "/v1/manage", api_manage, MANAGE_CAP, true},
    {"GET", "/v1/control", api_control, 0, true},
    {"GET", "/v1/access", api_access, 0, true},
    {"GET", "/healthz", api_healthz, 0, false},
    {"GET", "/readyz", api_readyz, 0, false},
    {"GET", "/metrics", api_metrics, 0, false},
};

const struct route *route_find(const char *path, const char *method, unsigned *refusal)
{
    *refusal = MHD_HTTP_NOT_FOUND;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (strcmp(routes[i].path, path) != 0)
            continue;
        if (strcmp(routes[i].method, method) == 0)
            return &routes[i];
        *refusal = MHD_HTTP_METHOD_NOT_ALLOWED;
    }
    return NULL;
}

bool request_token_ok(const char *authorization, const char *token)
{
    static const char scheme[] = "Bearer ";
    size_t token_len = strlen(token), given_len;
    const char *given;
    unsigned char differs;

    if (!authorization || strncmp(authorization, scheme, sizeof scheme - 1) != 0)
        return false;
    given = authorization + sizeof scheme - 1;
    given_len = strlen(given);
    differs = given_len != token_len;
    for (size_t i = 0; i < given_len; i++)
        differs |= (unsigned char)(given[i] ^ token[token_len > 0 ? i % token_len : 0]);
    return !differs;
}
