/*
 * Queries, counts and the feed. An answer that fits on one page goes out as it is; a longer one is
 * streamed: MHD asks for bytes when the client takes them, and the next page is only asked for when
 * the last one is out.
 */
#include <string.h>

#include "api/request.h"
#include "query/query.h"
#include "wire/take.h"

static const char lines_type[] = "application/x-ndjson";

enum { STREAM_BLOCK = 32 * 1024 };

static void on_ready(struct query *q, void *ctx)
{
    (void)q;
    request_wake(ctx);
}

static ssize_t stream_bytes(void *ctx, uint64_t pos, char *out, size_t room)
{
    struct request *req = ctx;
    int status;
    bool end;
    struct slice page = query_page(req->query, &end, &status);
    size_t n = page.len - req->streamed;

    (void)pos;
    if (n > 0) {
        n = n < room ? n : room;
        memcpy(out, page.ptr + req->streamed, n);
        req->streamed += n;
        return (ssize_t)n;
    }
    if (end)
        return MHD_CONTENT_READER_END_OF_STREAM;
    req->streamed = 0;
    MHD_suspend_connection(req->conn);
    query_next(req->query);
    return 0;
}

static enum MHD_Result answer(struct request *req)
{
    struct slice page;
    int status;
    bool end;

    page = query_page(req->query, &end, &status);
    if (status != MHD_HTTP_OK)
        return request_reply(req, (unsigned)status, "text/plain; charset=utf-8", page);
    if (end)
        return request_reply_borrowed(req, MHD_HTTP_OK, lines_type, page);
    return request_reply_response(
        req, MHD_HTTP_OK, lines_type,
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, stream_bytes, req, NULL));
}

/* The connection is suspended already when it turns out that nobody will wake it. */
static enum MHD_Result answer_refusal(struct request *req)
{
    return request_refuse(req, req->refusal, req->refusal_text);
}

static enum MHD_Result start(struct request *req, enum query_verb verb, uint64_t after,
                             uint32_t limit)
{
    const char *error = "the query is malformed";
    enum err err;

    request_wait(req, answer);
    err = query_start(req->api->queries, verb, buf_slice(&req->body), after, limit, on_ready, req,
                      &req->query, &error);
    if (err) {
        req->resume = answer_refusal;
        req->refusal = err == ERR_INVALID ? MHD_HTTP_BAD_REQUEST : MHD_HTTP_SERVICE_UNAVAILABLE;
        req->refusal_text =
            err == ERR_INVALID ? error : "too many queries are waiting, please try again";
        request_wake(req);
    }
    return MHD_YES;
}

enum MHD_Result api_query(struct request *req)
{
    return start(req, QUERY_EVENTS, 0, 0);
}

enum MHD_Result api_count(struct request *req)
{
    return start(req, QUERY_COUNT, 0, 0);
}

/* A decimal argument of the URL; value is left alone when it is not given. */
static bool argument(struct request *req, const char *name, uint64_t *value)
{
    const char *text = MHD_lookup_connection_value(req->conn, MHD_GET_ARGUMENT_KIND, name);
    struct slice s;

    if (!text)
        return true;
    s = slice_str(text);
    return take_u64(&s, value) && s.len == 0;
}

enum MHD_Result api_feed(struct request *req)
{
    uint64_t after = 0, limit = UINT32_MAX;

    if (!MHD_lookup_connection_value(req->conn, MHD_GET_ARGUMENT_KIND, "after") ||
        !argument(req, "after", &after))
        return request_refuse(req, MHD_HTTP_BAD_REQUEST, "after must be an integer, 0 or more");
    if (!argument(req, "limit", &limit) || limit == 0)
        return request_refuse(req, MHD_HTTP_BAD_REQUEST, "limit must be an integer, 1 or more");
    return start(req, QUERY_FEED, after, limit < UINT32_MAX ? (uint32_t)limit : UINT32_MAX);
}
