#include "access/access.h"
#include "api/request.h"
#include "ingest/ingest.h"
#include "metrics.h"
#include "query/query.h"

static const char text_type[] = "text/plain; charset=utf-8";

enum MHD_Result api_healthz(struct request *req)
{
    return request_reply(req, MHD_HTTP_OK, text_type, SLICE("ok\n"));
}

static bool add_reason(struct buf *out, bool holds, const char *reason)
{
    if (holds)
        buf_printf(out, "%s\n", reason);
    return holds;
}

static bool lacks_admin(struct api *api)
{
    struct access_view *view = access_acquire(api->access);
    bool lacks = access_lacks_admin(view);

    access_release(view);
    return lacks;
}

/* Usable? What is only degraded (P5) is told, but does not take the service out. */
enum MHD_Result api_readyz(struct request *req)
{
    struct api *api = req->api;
    bool draining = atomic_load(&api->draining), open = atomic_load(&api->open);
    struct query_health queries = {0};
    struct ingest_health ingest = {0};
    enum MHD_Result result;
    bool unusable;
    struct buf out;

    buf_init(&out, 1024);
    unusable = add_reason(&out, draining, "not ready: stopping");
    unusable |= add_reason(&out, !open, "not ready: waiting for the database");
    if (open && !draining) {
        ingest_health(api->ingest, &ingest);
        query_pool_health(api->queries, &queries);
        unusable |=
            add_reason(&out, !ingest.database_ok, "not ready: the write database is not available");
        unusable |=
            add_reason(&out, !queries.database_ok, "not ready: the read database is not available");
        add_reason(&out, !ingest.redis_ok,
                   "degraded: Redis is not available, live events are late");
        add_reason(&out, lacks_admin(api),
                   "degraded: WOT_ENABLED needs ADMIN_PUBKEY, all writes are refused");
    }
    add_reason(&out, !unusable, "ready");
    result = request_reply(req, unusable ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK, text_type,
                           buf_slice(&out));
    buf_deinit(&out);
    return result;
}

enum MHD_Result api_metrics(struct request *req)
{
    enum MHD_Result result;
    struct buf out;

    buf_init(&out, MIB);
    metrics_write(&out);
    result = request_reply(req, MHD_HTTP_OK, "text/plain; version=0.0.4", buf_slice(&out));
    buf_deinit(&out);
    return result;
}
