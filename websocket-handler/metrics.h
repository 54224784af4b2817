#ifndef WEBSOCKET_HANDLER_METRICS_H
#define WEBSOCKET_HANDLER_METRICS_H
/*
 * All metrics of the front end (ops/metrics.h). The enum indexes the table in metrics.c: a row here, a row there, same order.
 */
#include "ops/metrics.h"

enum metric {
    /* conn/ */
    M_CONNECTIONS,
    M_CONNECTIONS_OPENED,
    M_CONNECTIONS_CLOSED,  /* by enum conn_close_reason */
    M_CONNECTIONS_REFUSED, /* by enum refused_metric */
    M_HTTP_REQUESTS,       /* by enum http_metric_status */
    M_MESSAGES_IN,
    M_BYTES_IN,
    M_MESSAGES_OUT,
    M_BYTES_OUT,
    M_SEND_QUEUE_BYTES,
    M_CONGESTED,
    M_PINGS,
    M_FRAME_DECODERS,
    /* supervisor */
    M_WORKER_RESTARTS,
    METRIC_COUNT
};

enum refused_metric { REFUSED_FULL, REFUSED_FILES };
enum http_metric_status { HTTP_METRIC_1XX, HTTP_METRIC_2XX, HTTP_METRIC_4XX, HTTP_METRIC_5XX };

/* Once, before forks. */
void websocket_handler_metrics_open(unsigned workers);

#endif
