#include "metrics.h"

#include "nostr/kind.h"
#include "nostr/tier.h"
#include "nostr/verdict.h"
#include "policy/policy.h"
#include "trust/crawler.h"

static const char *const status_classes[] = {"2xx", "4xx", "5xx", NULL};
static const char *const query_results[] = {"ok", "busy", "invalid", "timeout", "failed", NULL};
static const char *const budgets[] = {
    "pubkey_trusted", "pubkey_known", "pubkey_guest",    "all_trusted",
    "all_known",      "all_guests",   "wraps_recipient", NULL};
static const char *const lease_results[] = {"done", "failed", NULL};
static const char *const publish_results[] = {"sent", "failed", "dropped", NULL};
/* Kinds with a series of their own, and behind them, as enum kind_class, the rest. */
static const int common_kinds[] = {0,    1,    3,    4,    5,     6,     7,     16,
                                   1059, 1111, 1984, 9735, 10000, 10002, 10050, 30023};
static const char *const kinds[] = {
    "0",     "1",     "3",       "4",           "5",         "6",           "7",
    "16",    "1059",  "1111",    "1984",        "9735",      "10000",       "10002",
    "10050", "30023", "regular", "replaceable", "ephemeral", "addressable", NULL};
static_assert(ARRAY_LEN(kinds) == ARRAY_LEN(common_kinds) + KIND_ADDRESSABLE + 2, "a name each");
static const char *const wot_people[] = {"trusted", "known", "others", NULL};
static const char *const wot_changes[] = {"added", "removed", NULL};
static const char *const wot_lists[] = {"held", "capped", NULL};
static const char *const stages[] = {"checked", "committed", NULL};
/* enum verdict, in its order */
static const char *const verdicts[] = {
    "accepted", "duplicate",    "stale", "invalid",     "blocked", "restricted", "auth-required",
    "pow",      "rate-limited", "mute",  "unsupported", "error",   NULL};
static_assert(ARRAY_LEN(verdicts) == VERDICT_ERROR + 2, "one name per verdict");

static const char *const crawl_relays[] = {"answered", "failed", NULL};
/* "taken", then enum crawl_reject in its order */
static const char *const crawl_events[] = {"taken",        "malformed", "foreign-author",
                                           "foreign-kind", "forged",    "future",
                                           "oversized",    "stale",     NULL};
static_assert(ARRAY_LEN(crawl_events) == CRAWL_REJECTS + 2, "one name per reason");

/* enum tier, in its order */
static const char *const tiers[] = {"admin", "trusted", "known", "guest", "muted", NULL};
static_assert(ARRAY_LEN(tiers) == TIERS + 1, "one name per tier");

/* enum plugin_metric, in its order */
static const char *const plugin_results[] = {"accepted",    "rejected", "shadow-rejected",
                                             "timeout",     "ended",    "malformed",
                                             "unavailable", "busy",     NULL};
static_assert(ARRAY_LEN(plugin_results) == PLUGIN_METRIC_BUSY + 2, "one name per result");

static const struct metric_def defs[] = {
    [M_HTTP_REQUESTS] = {"tandem_eh_http_requests_total", METRIC_COUNTER,
                         "Internal API requests answered, by class of status.", "status",
                         status_classes},
    [M_HTTP_CONNECTIONS] = {"tandem_eh_http_connections", METRIC_GAUGE,
                            "Open connections to the internal API.", NULL, NULL},
    [M_QUERIES] = {"tandem_eh_queries_total", METRIC_COUNTER,
                   "Queries, counts and feed requests, by outcome.", "result", query_results},
    [M_QUERY_SECONDS] = {"tandem_eh_query_page_seconds", METRIC_HISTOGRAM,
                         "Time that a read worker spent on one page.", NULL, NULL},
    [M_QUERY_EVENTS] = {"tandem_eh_query_events_total", METRIC_COUNTER, "Events read for answers.",
                        NULL, NULL},
    [M_QUERY_WAITING] = {"tandem_eh_queries_waiting", METRIC_GAUGE,
                         "Queries waiting for a read worker.", NULL, NULL},
    [M_QUERY_RUNNING] = {"tandem_eh_queries_running", METRIC_GAUGE, "Read workers at work.", NULL,
                         NULL},
    [M_QUERY_PRIMARY] = {"tandem_eh_query_primary_total", METRIC_COUNTER,
                         "Queries passed to the primary because the replica was behind.", NULL,
                         NULL},
    [M_READ_DATABASE_UP] = {"tandem_eh_read_database_up", METRIC_GAUGE,
                            "1 while read workers reach their database.", NULL, NULL},
    [M_EVENTS] = {"tandem_eh_events_total", METRIC_COUNTER, "Events received, by verdict.",
                  "verdict", verdicts},
    [M_EVENT_KINDS] = {"tandem_eh_event_kinds_total", METRIC_COUNTER,
                       "Events accepted, by kind; less common kinds by storage class.", "kind",
                       kinds},
    [M_INGEST_QUEUE] = {"tandem_eh_ingest_queue_events", METRIC_GAUGE,
                        "Events between arrival and answer.", NULL, NULL},
    [M_INGEST_BUSY] = {"tandem_eh_ingest_busy_total", METRIC_COUNTER,
                       "Requests refused because too many events wait.", NULL, NULL},
    [M_INGEST_SECONDS] = {"tandem_eh_ingest_seconds", METRIC_HISTOGRAM,
                          "From a request's arrival to its answer.", NULL, NULL},
    [M_STAGE_SECONDS] = {"tandem_eh_event_stage_seconds", METRIC_HISTOGRAM,
                         "From an event's arrival until it was checked (form, policy, signature), "
                         "and until it was committed.",
                         "stage", stages},
    [M_VERIFY_SKIPPED] = {"tandem_eh_verify_skipped_total", METRIC_COUNTER,
                          "Events whose signature had been checked a moment ago.", NULL, NULL},
    [M_WRITE_SECONDS] = {"tandem_eh_write_seconds", METRIC_HISTOGRAM,
                         "Time that the writer spent on one batch.", NULL, NULL},
    [M_WRITE_EVENTS] = {"tandem_eh_write_events_total", METRIC_COUNTER,
                        "Events handed to the writer.", NULL, NULL},
    [M_WRITE_DATABASE_UP] = {"tandem_eh_write_database_up", METRIC_GAUGE,
                             "1 while the writer reaches its database.", NULL, NULL},
    [M_FEED_HEAD] = {"tandem_eh_feed_head", METRIC_GAUGE, "Newest committed seq known here.", NULL,
                     NULL},
    [M_EXPIRED] = {"tandem_eh_expired_total", METRIC_COUNTER, "Expired events deleted.", NULL,
                   NULL},
    [M_HISTORY_KEPT] = {"tandem_eh_history_kept_total", METRIC_COUNTER,
                        "Overwritten versions of members' lists kept for their owners.", NULL,
                        NULL},
    [M_HISTORY_PRUNED] = {"tandem_eh_history_pruned_total", METRIC_COUNTER,
                          "Kept versions that were let go again, too old or too many.", NULL, NULL},
    [M_RETENTION_SEEN] = {"tandem_eh_retention_looked_at_total", METRIC_COUNTER,
                          "Events that the walk of retention has looked at.", NULL, NULL},
    [M_RETENTION_DELETED] = {"tandem_eh_retention_deleted_total", METRIC_COUNTER,
                             "Events deleted by RETENTION_RULES, by their author's tier.", "tier",
                             tiers},
    [M_DISK_FULL] = {"tandem_eh_disk_full", METRIC_GAUGE,
                     "1 while PostgreSQL has no room to write.", NULL, NULL},
    [M_SEARCH_INDEXED] = {"tandem_eh_search_indexed_total", METRIC_COUNTER,
                          "Events added to the full-text index.", NULL, NULL},
    [M_SEARCH_LAG] = {"tandem_eh_search_lag_events", METRIC_GAUGE,
                      "Events that the full-text index has not seen yet.", NULL, NULL},
    [M_RATE_LIMITED] = {"tandem_eh_rate_limited_total", METRIC_COUNTER,
                        "Events refused because of a rate limit.", "limit", budgets},
    [M_LEASES] = {"tandem_eh_limit_leases_total", METRIC_COUNTER,
                  "Round trips to Redis about rate limits.", "result", lease_results},
    [M_LIMITS_LOCAL] = {"tandem_eh_limits_local", METRIC_GAUGE,
                        "1 while this process holds the rate limits alone because Redis is away.",
                        NULL, NULL},
    [M_LIMIT_SUBJECTS] = {"tandem_eh_limit_subjects", METRIC_GAUGE,
                          "Pubkeys that rate limits keep in memory.", NULL, NULL},
    [M_POLICY_REFUSALS] = {"tandem_eh_policy_refusals_total", METRIC_COUNTER,
                           "Events that the policy refused, by rule.", "rule", policy_rule_names},
    [M_PLUGIN_EVENTS] = {"tandem_eh_plugin_events_total", METRIC_COUNTER,
                         "Events that the policy plugin was to decide, by what came of it.",
                         "result", plugin_results},
    [M_PLUGIN_SECONDS] = {"tandem_eh_plugin_seconds", METRIC_HISTOGRAM,
                          "From asking the policy plugin until its answer, waiting included.", NULL,
                          NULL},
    [M_PLUGIN_WAITING] = {"tandem_eh_plugin_waiting_events", METRIC_GAUGE,
                          "Events that wait for the policy plugin or are with it.", NULL, NULL},
    [M_PLUGIN_RUNNING] = {"tandem_eh_plugin_running", METRIC_GAUGE,
                          "Processes of the policy plugin.", NULL, NULL},
    [M_PLUGIN_STARTS] = {"tandem_eh_plugin_starts_total", METRIC_COUNTER,
                         "How often a process of the policy plugin was started.", NULL, NULL},
    [M_PLUGIN_NOISE] = {"tandem_eh_plugin_noise_total", METRIC_COUNTER,
                        "Lines of the policy plugin that are no answers.", NULL, NULL},
    [M_WOT_GENERATION] = {"tandem_eh_wot_generation", METRIC_GAUGE,
                          "Generation of the Web of Trust in use; 0 for none.", NULL, NULL},
    [M_WOT_AGE_SECONDS] = {"tandem_eh_wot_age_seconds", METRIC_GAUGE,
                           "Seconds since the generation in use was computed.", NULL, NULL},
    [M_WOT_PEOPLE] = {"tandem_eh_wot_people", METRIC_GAUGE,
                      "People in the generation in use: trusted (admins and whom they follow), "
                      "known, and others who are followed by somebody.",
                      "tier", wot_people},
    [M_WOT_MEMORY] = {"tandem_eh_wot_memory_bytes", METRIC_GAUGE,
                      "Memory of the generation in use.", NULL, NULL},
    [M_WOT_CHANGES] = {"tandem_eh_wot_changes_total", METRIC_COUNTER,
                       "People that published generations let in or put out.", "change",
                       wot_changes},
    [M_WOT_LISTS] = {"tandem_eh_wot_lists_total", METRIC_COUNTER,
                     "Lists that were not believed as they are: held back after losing nine "
                     "tenths, or capped for naming too many new people.",
                     "why", wot_lists},
    [M_WOT_REFUSED] = {"tandem_eh_wot_refused_total", METRIC_COUNTER,
                       "Generations that the guards did not let be published.", NULL, NULL},
    [M_WOT_BUILD_SECONDS] = {"tandem_eh_wot_build_seconds", METRIC_HISTOGRAM,
                             "Time to compute and publish a generation.", NULL, NULL},
    [M_PUBLISHED] = {"tandem_eh_published_total", METRIC_COUNTER,
                     "Live records for Redis, by outcome.", "result", publish_results},
    [M_PUBLISH_SECONDS] = {"tandem_eh_publish_seconds", METRIC_HISTOGRAM,
                           "From a live record's making until Redis had it.", NULL, NULL},
    [M_REDIS_UP] = {"tandem_eh_redis_up", METRIC_GAUGE,
                    "1 while the publisher is connected to Redis.", NULL, NULL},
    [M_CRAWL_RELAYS] = {"tandem_eh_crawl_relays_total", METRIC_COUNTER,
                        "Other relays asked for lists of the Web of Trust, by outcome.", "result",
                        crawl_relays},
    [M_CRAWL_EVENTS] = {"tandem_eh_crawl_events_total", METRIC_COUNTER,
                        "What other relays sent when they were asked, by what became of it.",
                        "result", crawl_events},
};
static_assert(ARRAY_LEN(defs) == METRIC_COUNT, "one row per metric");

unsigned event_metric_kind(int kind)
{
    for (unsigned i = 0; i < ARRAY_LEN(common_kinds); i++) {
        if (common_kinds[i] == kind)
            return i;
    }
    return ARRAY_LEN(common_kinds) + kind_class(kind);
}

void event_handler_metrics_open(void)
{
    metrics_open(defs, METRIC_COUNT, 1);
}
