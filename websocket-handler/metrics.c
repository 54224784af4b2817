#include "metrics.h"

static const char *const close_reasons[] = {"peer",     "shutdown", "slow",   "timeout",  "protocol",
                                            "bad_utf8", "too_big",  "policy", "internal", NULL};
static const char *const refusals[] = {"full", "files", NULL};
static const char *const status_classes[] = {"1xx", "2xx", "4xx", "5xx", NULL};

static const struct metric_def defs[] = {
    [M_CONNECTIONS] = {"tandem_ws_connections", METRIC_GAUGE, "Open WebSocket clients.", NULL, NULL},
    [M_CONNECTIONS_OPENED] = {"tandem_ws_connections_opened_total", METRIC_COUNTER,
                              "WebSocket clients that came.", NULL, NULL},
    [M_CONNECTIONS_CLOSED] = {"tandem_ws_connections_closed_total", METRIC_COUNTER,
                              "WebSocket clients that went, by reason.", "reason", close_reasons},
    [M_CONNECTIONS_REFUSED] = {"tandem_ws_connections_refused_total", METRIC_COUNTER,
                               "Connections refused: too many clients, or too few file descriptors.",
                               "reason", refusals},
    [M_HTTP_REQUESTS] = {"tandem_ws_http_requests_total", METRIC_COUNTER,
                         "HTTP requests and upgrades answered, by class of status.", "status",
                         status_classes},
    [M_MESSAGES_IN] = {"tandem_ws_messages_received_total", METRIC_COUNTER,
                       "Text messages from clients.", NULL, NULL},
    [M_BYTES_IN] = {"tandem_ws_received_bytes_total", METRIC_COUNTER, "Bytes read from clients.",
                    NULL, NULL},
    [M_MESSAGES_OUT] = {"tandem_ws_messages_sent_total", METRIC_COUNTER,
                        "Text messages queued for clients.", NULL, NULL},
    [M_BYTES_OUT] = {"tandem_ws_sent_bytes_total", METRIC_COUNTER, "Bytes written to clients.", NULL,
                     NULL},
    [M_SEND_QUEUE_BYTES] = {"tandem_ws_send_queue_bytes", METRIC_GAUGE,
                            "Bytes that wait for clients to read, shared bodies counted for each.",
                            NULL, NULL},
    [M_CONGESTED] = {"tandem_ws_congested_connections", METRIC_GAUGE,
                     "Clients with more queued than WS_OUTBOUND_SOFT_BYTES.", NULL, NULL},
    [M_PINGS] = {"tandem_ws_pings_total", METRIC_COUNTER, "Pings sent to silent clients.", NULL, NULL},
    [M_FRAME_DECODERS] = {"tandem_ws_partial_messages", METRIC_GAUGE,
                          "Clients in the middle of a frame or message.", NULL, NULL},
    [M_WORKER_RESTARTS] = {"tandem_ws_worker_restarts_total", METRIC_COUNTER,
                           "Worker processes that had to be started again.", NULL, NULL},
};
static_assert(ARRAY_LEN(defs) == METRIC_COUNT, "one row per metric");

void websocket_handler_metrics_open(unsigned workers)
{
    metrics_open(defs, METRIC_COUNT, workers);
}
