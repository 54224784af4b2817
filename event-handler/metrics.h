#ifndef EVENT_HANDLER_METRICS_H
#define EVENT_HANDLER_METRICS_H
/*
 * All metrics of the event handler (ops/metrics.h). The enum indexes the table in metrics.c: a row
 * here, a row there, same order.
 */
#include "ops/metrics.h"

enum metric {
    /* api/ */
    M_HTTP_REQUESTS, /* by enum http_metric_status */
    M_HTTP_CONNECTIONS,
    /* query/ */
    M_QUERIES,       /* by enum query_metric_result */
    M_QUERY_SECONDS, /* time on a read worker, per page */
    M_QUERY_EVENTS,
    M_QUERY_WAITING,
    M_QUERY_RUNNING,
    M_QUERY_PRIMARY,
    M_READ_DATABASE_UP,
    /* ingest/ */
    M_EVENTS,       /* by enum verdict */
    M_EVENT_KINDS,  /* accepted ones, by event_metric_kind() */
    M_INGEST_QUEUE, /* events between arrival and answer */
    M_INGEST_BUSY,
    M_INGEST_SECONDS, /* from arrival to answer, per request */
    M_STAGE_SECONDS,  /* by enum stage_metric */
    M_VERIFY_SKIPPED,
    M_WRITE_SECONDS,
    M_WRITE_EVENTS,
    M_WRITE_DATABASE_UP,
    M_FEED_HEAD,
    M_EXPIRED,
    M_HISTORY_KEPT,
    M_HISTORY_PRUNED,
    M_RETENTION_SEEN,
    M_RETENTION_DELETED, /* by enum tier */
    M_DISK_FULL,
    M_SEARCH_INDEXED,
    M_SEARCH_LAG,
    /* limits/ */
    M_RATE_LIMITED, /* by budget, as limits.c orders them */
    M_LEASES,       /* by enum lease_metric_result */
    M_LIMITS_LOCAL,
    M_LIMIT_SUBJECTS,
    /* policy/ and plugin/ */
    M_POLICY_REFUSALS, /* by rule, as policy.c orders them */
    M_PLUGIN_EVENTS,   /* by enum plugin_metric */
    M_PLUGIN_SECONDS,  /* from asking for an answer until it was there */
    M_PLUGIN_WAITING,
    M_PLUGIN_RUNNING,
    M_PLUGIN_STARTS,
    M_PLUGIN_NOISE, /* lines that are no answers */
    /* trust/ */
    M_WOT_GENERATION,
    M_WOT_AGE_SECONDS,
    M_WOT_PEOPLE, /* by enum wot_metric_people */
    M_WOT_MEMORY,
    M_WOT_CHANGES, /* by enum wot_metric_change */
    M_WOT_LISTS,   /* by enum wot_metric_list */
    M_WOT_REFUSED,
    M_WOT_BUILD_SECONDS,
    /* publish/ */
    M_PUBLISHED, /* by enum publish_metric_result */
    M_PUBLISH_SECONDS,
    M_REDIS_UP,
    /* trust/crawler */
    M_CRAWL_RELAYS, /* by enum crawl_metric_relay */
    M_CRAWL_EVENTS, /* 0: taken; then by enum crawl_reject, plus one */
    METRIC_COUNT
};

enum crawl_metric_relay { CRAWL_METRIC_ANSWERED, CRAWL_METRIC_FAILED };

/* From the arrival of an event until it is known to be good, and until it is committed. */
enum stage_metric { STAGE_METRIC_CHECKED, STAGE_METRIC_COMMITTED };

enum plugin_metric {
    PLUGIN_METRIC_ACCEPTED,
    PLUGIN_METRIC_REJECTED,
    PLUGIN_METRIC_SHADOWED,
    PLUGIN_METRIC_TIMEOUT,
    PLUGIN_METRIC_ENDED,
    PLUGIN_METRIC_MALFORMED,
    PLUGIN_METRIC_UNAVAILABLE,
    PLUGIN_METRIC_BUSY,
};
enum lease_metric_result { LEASE_METRIC_DONE, LEASE_METRIC_FAILED };
enum wot_metric_people { WOT_METRIC_TRUSTED, WOT_METRIC_KNOWN, WOT_METRIC_OTHERS };
enum wot_metric_change { WOT_METRIC_ADDED, WOT_METRIC_REMOVED };
enum wot_metric_list { WOT_METRIC_HELD, WOT_METRIC_CAPPED };

enum publish_metric_result { PUBLISH_METRIC_SENT, PUBLISH_METRIC_FAILED, PUBLISH_METRIC_DROPPED };

enum http_metric_status { HTTP_METRIC_2XX, HTTP_METRIC_4XX, HTTP_METRIC_5XX };
enum query_metric_result {
    QUERY_METRIC_OK,
    QUERY_METRIC_BUSY,
    QUERY_METRIC_INVALID,
    QUERY_METRIC_TIMEOUT,
    QUERY_METRIC_FAILED
};

/* The label of M_EVENT_KINDS for a kind: the common ones have one each, the others one per storage
 * class. */
unsigned event_metric_kind(int kind);

/* Once, before threads. */
void event_handler_metrics_open(void);

#endif
