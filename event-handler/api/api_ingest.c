#include <string.h>

#include "api/request.h"
#include "ingest/ingest.h"

static const char text_type[] = "text/plain; charset=utf-8";

enum { STREAM_BLOCK = 4 * 1024 };

static void on_done(struct ingest_batch *batch, void *ctx)
{
    (void)batch;
    request_wake(ctx);
}

/* The verdicts of a split answer as they come. */
static ssize_t stream_verdicts(void *ctx, uint64_t at, char *out, size_t room)
{
    struct request *req = ctx;
    bool end;
    size_t n = ingest_batch_take(req->batch, at, out, room, &end);

    if (n > 0)
        return (ssize_t)n;
    if (end)
        return MHD_CONTENT_READER_END_OF_STREAM;
    MHD_suspend_connection(req->conn);
    ingest_batch_await(req->batch, at);
    return 0;
}

static enum MHD_Result answer(struct request *req)
{
    if (!req->batch)
        return request_refuse(req, MHD_HTTP_SERVICE_UNAVAILABLE,
                              "too many events are waiting, please try again");
    if (ingest_batch_is_split(req->batch))
        return request_reply_response(
            req, MHD_HTTP_OK, text_type,
            MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, stream_verdicts, req,
                                              NULL));
    if (ingest_batch_status(req->batch) == MHD_HTTP_BAD_REQUEST)
        return request_refuse(req, MHD_HTTP_BAD_REQUEST, "the body is not a list of records");
    return request_reply_borrowed(req, (unsigned)ingest_batch_status(req->batch), text_type,
                                  ingest_batch_response(req->batch));
}

/* Is the argument name given as 1? */
static bool is_set(struct request *req, const char *name)
{
    const char *value = MHD_lookup_connection_value(req->conn, MHD_GET_ARGUMENT_KIND, name);

    return value && strcmp(value, "1") == 0;
}

enum MHD_Result api_events(struct request *req)
{
    unsigned how = (is_set(req, "import") ? (unsigned)INGEST_IMPORT : 0) |
                   (is_set(req, "split") ? (unsigned)INGEST_MAY_SPLIT : 0);

    request_wait(req, answer);
    if (ingest_submit(req->api->ingest, &req->body, how, on_done, req, &req->batch) != OK) {
        req->batch = NULL;
        request_wake(req);
    }
    return MHD_YES;
}
