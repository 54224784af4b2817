#include "api/request.h"
#include "manage/manage.h"

static void on_done(struct manage_request *r, void *ctx)
{
    (void)r;
    request_wake(ctx);
}

static enum MHD_Result answer(struct request *req)
{
    int status = req->managed ? manage_request_status(req->managed) : MHD_HTTP_SERVICE_UNAVAILABLE;

    switch (status) {
    case MHD_HTTP_OK:
        return request_reply_borrowed(req, MHD_HTTP_OK, "application/json",
                                      manage_request_answer(req->managed));
    case MHD_HTTP_BAD_REQUEST:
        return request_refuse(req, MHD_HTTP_BAD_REQUEST, "the envelope is malformed");
    default:
        return request_refuse(req, MHD_HTTP_SERVICE_UNAVAILABLE,
                              "the relay cannot be managed at the moment, please try again");
    }
}

enum MHD_Result api_manage(struct request *req)
{
    request_wait(req, answer);
    if (manage_submit(req->api->manage, &req->body, on_done, req, &req->managed) != OK) {
        req->managed = NULL;
        request_wake(req);
    }
    return MHD_YES;
}
