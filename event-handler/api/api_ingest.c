#include <string.h>

#include "api/request.h"
#include "ingest/ingest.h"

static void on_done(struct ingest_batch *batch, void *ctx)
{
    (void)batch;
    request_wake(ctx);
}

static enum MHD_Result answer(struct request *req)
{
    if (!req->batch)
        return request_refuse(req, MHD_HTTP_SERVICE_UNAVAILABLE,
                              "too many events are waiting, please try again");
    if (ingest_batch_status(req->batch) == MHD_HTTP_BAD_REQUEST)
        return request_refuse(req, MHD_HTTP_BAD_REQUEST, "the body is not a list of records");
    return request_reply_borrowed(req, (unsigned)ingest_batch_status(req->batch),
                                  "text/plain; charset=utf-8", ingest_batch_response(req->batch));
}

enum MHD_Result api_events(struct request *req)
{
    const char *import = MHD_lookup_connection_value(req->conn, MHD_GET_ARGUMENT_KIND, "import");

    request_wait(req, answer);
    if (ingest_submit(req->api->ingest, &req->body, import && strcmp(import, "1") == 0, on_done,
                      req, &req->batch) != OK) {
        req->batch = NULL;
        request_wake(req);
    }
    return MHD_YES;
}
