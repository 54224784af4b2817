#include "api/request.h"

#include "metrics.h"

static void count_status(unsigned status)
{
    metric_add(M_HTTP_REQUESTS,
               status < 400   ? HTTP_METRIC_2XX
               : status < 500 ? HTTP_METRIC_4XX
                              : HTTP_METRIC_5XX,
               1);
}

enum MHD_Result request_reply_response(struct request *req, unsigned status, const char *type,
                                       struct MHD_Response *response)
{
    enum MHD_Result result;

    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, POST");
    result = MHD_queue_response(req->conn, status, response);
    MHD_destroy_response(response);
    count_status(status);
    span_set(&req->span, "http.response.status_code", status);
    req->span.failed = status >= MHD_HTTP_INTERNAL_SERVER_ERROR;
    return result;
}

static enum MHD_Result reply_bytes(struct request *req, unsigned status, const char *type,
                                   struct slice body, enum MHD_ResponseMemoryMode mode)
{
    void *bytes = body.len > 0 ? (void *)body.ptr : (void *)"";

    return request_reply_response(req, status, type,
                                  MHD_create_response_from_buffer(body.len, bytes, mode));
}

enum MHD_Result request_reply(struct request *req, unsigned status, const char *type,
                              struct slice body)
{
    return reply_bytes(req, status, type, body, MHD_RESPMEM_MUST_COPY);
}

enum MHD_Result request_reply_borrowed(struct request *req, unsigned status, const char *type,
                                       struct slice body)
{
    return reply_bytes(req, status, type, body, MHD_RESPMEM_PERSISTENT);
}

enum MHD_Result request_refuse(struct request *req, unsigned status, const char *sentence)
{
    struct buf text;
    enum MHD_Result result;

    buf_init(&text, 1024);
    buf_add_str(&text, sentence);
    buf_add_char(&text, '\n');
    result = request_reply(req, status, "text/plain; charset=utf-8", buf_slice(&text));
    buf_deinit(&text);
    return result;
}

void request_wait(struct request *req, request_fn *resume)
{
    req->resume = resume;
    MHD_suspend_connection(req->conn);
}

void request_wake(struct request *req)
{
    MHD_resume_connection(req->conn);
}
