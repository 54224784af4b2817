#include "metrics.h"

static const char *const status_classes[] = {"2xx", "4xx", "5xx", NULL};
static const char *const query_results[] = {"ok", "busy", "invalid", "timeout", "failed", NULL};

static const struct metric_def defs[] = {
    [M_HTTP_REQUESTS] = {"tandem_eh_http_requests_total", METRIC_COUNTER,
                         "Internal API requests answered, by class of status.", "status", status_classes},
    [M_HTTP_CONNECTIONS] = {"tandem_eh_http_connections", METRIC_GAUGE, "Open connections to the internal API.", NULL, NULL},
    [M_QUERIES] = {"tandem_eh_queries_total", METRIC_COUNTER, "Queries, counts and feed requests, by outcome.", "result",
                   query_results},
    [M_QUERY_SECONDS] = {"tandem_eh_query_page_seconds", METRIC_HISTOGRAM, "Time that a read worker spent on one page.", NULL,
                         NULL},
    [M_QUERY_EVENTS] = {"tandem_eh_query_events_total", METRIC_COUNTER, "Events read for answers.", NULL, NULL},
    [M_QUERY_WAITING] = {"tandem_eh_queries_waiting", METRIC_GAUGE, "Queries waiting for a read worker.", NULL, NULL},
    [M_QUERY_RUNNING] = {"tandem_eh_queries_running", METRIC_GAUGE, "Read workers at work.", NULL, NULL},
    [M_QUERY_PRIMARY] = {"tandem_eh_query_primary_total", METRIC_COUNTER,
                         "Queries passed to the primary because the replica was behind.", NULL, NULL},
    [M_READ_DATABASE_UP] = {"tandem_eh_read_database_up", METRIC_GAUGE, "1 while read workers reach their database.", NULL, NULL},
};
static_assert(ARRAY_LEN(defs) == METRIC_COUNT, "one row per metric");

void event_handler_metrics_open(void)
{
    metrics_open(defs, METRIC_COUNT, 1);
}
