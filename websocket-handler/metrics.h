#ifndef WEBSOCKET_HANDLER_METRICS_H
#define WEBSOCKET_HANDLER_METRICS_H
/*
 * All metrics of the front end (ops/metrics.h). The enum indexes the table in metrics.c: a row
 * here, a row there, same order.
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
    /* session/ */
    M_CLIENT_MESSAGES, /* by enum message_metric */
    M_OK_SENT,         /* by enum ok_metric */
    M_OK_SECONDS,
    M_AUTH, /* by enum auth_metric */
    M_SUBSCRIPTIONS,
    M_CLOSED_SENT, /* by enum closed_metric */
    M_READING_PAUSED,
    /* limit/ */
    M_RATE_LIMITED, /* by enum limit_rate, then enum limit_open */
    M_LEASES,       /* by enum lease_metric */
    M_LIMITS_LOCAL,
    M_LIMIT_SUBJECTS,
    /* upstream/ */
    M_BATCHES,
    M_BATCH_EVENTS,
    M_BATCH_SECONDS,
    M_EVENTS_WAITING,
    M_EVENTS_WAITING_BYTES,
    M_EVENTS_REFUSED,
    M_QUERIES, /* by enum query_metric */
    M_QUERY_SECONDS,
    M_QUERY_FIRST_ROW_SECONDS,
    M_QUERY_ROWS,
    M_QUERIES_WAITING,
    M_QUERIES_ACTIVE,
    M_QUERIES_PAUSED,
    M_UPSTREAM_FAILURES, /* by enum upstream_metric */
    M_ENDPOINTS_UP,
    /* live/ */
    M_LIVE_EVENTS,
    M_LIVE_DELIVERIES,
    M_LIVE_DELAY_SECONDS,
    M_LIVE_FANOUT_SECONDS,
    M_LIVE_SUBSCRIPTIONS,
    M_LIVE_FILTERS,
    M_LIVE_FILTER_BYTES,
    M_RING_EVENTS,
    M_RING_BYTES,
    M_RING_REPLAYED,
    M_RING_LOST,
    M_FEED_GAPS,
    M_FEED_FETCHES, /* by enum fetch_metric */
    M_FEED_HELD,
    M_FEED_POLLING,
    M_CONTROL_FETCHES, /* by enum fetch_metric */
    M_REDIS_CONNECTED,
    M_REDIS_CONNECTS,
    /* supervisor */
    M_WORKER_RESTARTS,
    METRIC_COUNT
};

enum refused_metric { REFUSED_FULL, REFUSED_FILES, REFUSED_RATE, REFUSED_PROXY, REFUSED_BLOCKED };
enum http_metric_status { HTTP_METRIC_1XX, HTTP_METRIC_2XX, HTTP_METRIC_4XX, HTTP_METRIC_5XX };

enum message_metric {
    MESSAGE_METRIC_EVENT,
    MESSAGE_METRIC_REQ,
    MESSAGE_METRIC_CLOSE,
    MESSAGE_METRIC_AUTH,
    MESSAGE_METRIC_COUNT,
    MESSAGE_METRIC_UNKNOWN,
    MESSAGE_METRIC_MALFORMED
};
enum ok_metric { OK_METRIC_TRUE, OK_METRIC_FALSE, OK_METRIC_MALFORMED, OK_METRIC_FAILED };
enum auth_metric { AUTH_METRIC_OK, AUTH_METRIC_REFUSED };
enum closed_metric {
    CLOSED_METRIC_INVALID,
    CLOSED_METRIC_LIMIT,
    CLOSED_METRIC_AUTH,
    CLOSED_METRIC_ERROR
};
enum lease_metric { LEASE_METRIC_DONE, LEASE_METRIC_FAILED };
enum query_metric { QUERY_METRIC_DONE, QUERY_METRIC_FAILED, QUERY_METRIC_CANCELLED };
enum upstream_metric {
    UPSTREAM_METRIC_CONNECT,
    UPSTREAM_METRIC_TIMEOUT,
    UPSTREAM_METRIC_BROKEN,
    UPSTREAM_METRIC_STATUS
};
enum fetch_metric { FETCH_METRIC_DONE, FETCH_METRIC_FAILED };

/* Once, before forks. */
void websocket_handler_metrics_open(unsigned workers);

#endif
