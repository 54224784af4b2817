#include "config.h"

#include <stdio.h>
#include <string.h>

#define OFFSET(field) offsetof(struct config, field)

static const struct setting table[] = {
    {.name = "WS_HOST", .type = SETTING_STRING, .offset = OFFSET(ws_host), .def = "0.0.0.0",
     .group = "Listening", .help = "Address to listen on; :: for IPv6 and IPv4."},
    {.name = "WS_PORT", .type = SETTING_INT, .offset = OFFSET(ws_port), .def = "8008", .min = 1,
     .max = 65535, .group = "Listening",
     .help = "Public port: WebSocket, relay information (NIP-11), the page for browsers, health."},
    {.name = "METRICS_PORT", .type = SETTING_INT, .offset = OFFSET(metrics_port), .def = "8010",
     .min = 0, .max = 65535, .group = "Listening",
     .help = "Port of /metrics, kept apart from the public one; 0 switches it off."},
    {.name = "WS_WORKERS", .type = SETTING_INT, .offset = OFFSET(workers), .def = "1", .min = 1,
     .max = 64, .group = "Listening",
     .help = "Processes that share the public port. One serves thousands of clients; more use more "
             "cores."},

    {.name = "RELAY_NAME", .type = SETTING_STRING, .offset = OFFSET(relay_name), .def = "Tandem",
     .group = "About this relay", .help = "Its name, best under 30 characters."},
    {.name = "RELAY_DESCRIPTION", .type = SETTING_STRING, .offset = OFFSET(relay_description),
     .def = "A Nostr relay.", .group = "About this relay", .help = "What it is for, in plain text."},
    {.name = "RELAY_ICON", .alias = "ICON", .type = SETTING_STRING, .offset = OFFSET(relay_icon),
     .def = "", .group = "About this relay", .help = "URL of a square image."},
    {.name = "CONTACT", .type = SETTING_STRING, .offset = OFFSET(contact), .def = "",
     .group = "About this relay", .help = "How to reach the operator, e.g. mailto:me@example.com."},
    {.name = "ADMIN_PUBKEY", .type = SETTING_PUBKEY, .offset = OFFSET(admin_pubkey), .def = "",
     .group = "About this relay", .help = "The operator's public key, hex or npub."},

    {.name = "MAX_MESSAGE_BYTES", .type = SETTING_INT, .offset = OFFSET(max_message_bytes),
     .def = "524288", .min = 1024, .max = 16777216, .group = "Limits",
     .help = "Largest WebSocket message from a client; a larger one closes the connection (1009)."},
    {.name = "MAX_SUBSCRIPTIONS", .type = SETTING_INT, .offset = OFFSET(max_subscriptions),
     .def = "200", .min = 1, .max = 10000, .group = "Limits",
     .help = "Most open subscriptions of one connection."},
    {.name = "WS_MAX_PENDING_EVENTS", .type = SETTING_INT, .offset = OFFSET(max_pending_events),
     .def = "2048", .min = 1, .max = 1000000, .group = "Limits",
     .help = "Most EVENTs of one connection that wait for their OK; it is not read from above this."},
    {.name = "WS_MAX_RUNNING_QUERIES", .type = SETTING_INT, .offset = OFFSET(max_running_queries),
     .def = "8", .min = 1, .max = 1000, .group = "Limits",
     .help = "Most REQs and COUNTs of one connection that run at the same time; others wait."},

    {.name = "WS_MAX_CONNECTIONS", .type = SETTING_INT, .offset = OFFSET(max_connections),
     .def = "20000", .min = 1, .max = 1000000, .group = "Connections",
     .help = "Most WebSocket clients of one worker; others get a 503. Mind the limit of open "
             "files."},
    {.name = "WS_PING_SECONDS", .type = SETTING_INT, .offset = OFFSET(ping_seconds), .def = "45",
     .min = 1, .max = 3600, .group = "Connections",
     .help = "A client that was silent for this long is sent a ping."},
    {.name = "WS_DEAD_SECONDS", .type = SETTING_INT, .offset = OFFSET(dead_seconds),
     .def = "150", .min = 2, .max = 86400, .group = "Connections",
     .help = "A client without any sign of life, pongs included, for this long is cut. Must be above "
             "WS_PING_SECONDS."},
    {.name = "WS_HANDSHAKE_SECONDS", .type = SETTING_INT, .offset = OFFSET(handshake_seconds),
     .def = "10", .min = 1, .max = 300, .group = "Connections",
     .help = "How long a new connection may take to send its request."},
    {.name = "WS_MESSAGE_SECONDS", .type = SETTING_INT, .offset = OFFSET(message_seconds),
     .def = "120", .min = 1, .max = 3600, .group = "Connections",
     .help = "How long one message may take to arrive once it has begun."},
    {.name = "WS_OUTBOUND_SOFT_BYTES", .type = SETTING_INT, .offset = OFFSET(outbound_soft_bytes),
     .def = "262144", .min = 4096, .max = 1073741824, .group = "Connections",
     .help = "With more than this queued for a client its stored events pause until it has read."},
    {.name = "WS_OUTBOUND_HARD_BYTES", .type = SETTING_INT, .offset = OFFSET(outbound_hard_bytes),
     .def = "8388608", .min = 65536, .max = 1073741824, .group = "Connections",
     .help = "With more than this queued a client is cut. Must be above WS_OUTBOUND_SOFT_BYTES."},
    {.name = "WS_SHUTDOWN_SECONDS", .type = SETTING_INT, .offset = OFFSET(shutdown_spread_seconds),
     .def = "3", .min = 0, .max = 5, .group = "Connections",
     .help = "On SIGTERM the clients are closed (1012) evenly over this time, so that they do not "
             "all come back at once."},

    {.name = "EVENT_HANDLER_SVC", .type = SETTING_STRING, .offset = OFFSET(event_handler_hosts),
     .def = "event-handler", .group = "Event handler",
     .help = "Host of the event handler; several, comma-separated, share the work."},
    {.name = "EVENT_HANDLER_PORT", .type = SETTING_INT, .offset = OFFSET(event_handler_port),
     .def = "8009", .min = 1, .max = 65535, .group = "Event handler", .help = "Its port."},
    {.name = "UPSTREAM_BATCH_EVENTS", .type = SETTING_INT, .offset = OFFSET(batch_events),
     .def = "512", .min = 1, .max = 10000, .group = "Event handler",
     .help = "Most events in one request."},
    {.name = "UPSTREAM_BATCH_BYTES", .type = SETTING_INT, .offset = OFFSET(batch_bytes),
     .def = "4194304", .min = 65536, .max = 67108864, .group = "Event handler",
     .help = "Most bytes in one request of events; a single larger event still goes alone."},
    {.name = "UPSTREAM_BATCHES", .type = SETTING_INT, .offset = OFFSET(batches_in_flight),
     .def = "2", .min = 1, .max = 64, .group = "Event handler",
     .help = "Requests of events that are under way at the same time."},
    {.name = "UPSTREAM_QUEUE_EVENTS", .type = SETTING_INT, .offset = OFFSET(queue_events),
     .def = "20000", .min = 1, .max = 1000000, .group = "Event handler",
     .help = "Most events that wait to be sent; further ones are refused."},
    {.name = "UPSTREAM_QUEUE_BYTES", .type = SETTING_INT, .offset = OFFSET(queue_bytes),
     .def = "67108864", .min = 1048576, .max = 1073741824, .group = "Event handler",
     .help = "The same in bytes."},
    {.name = "UPSTREAM_QUERIES", .type = SETTING_INT, .offset = OFFSET(queries_in_flight),
     .def = "32", .min = 1, .max = 1000, .group = "Event handler",
     .help = "Queries and counts that are under way at the same time."},
    {.name = "UPSTREAM_QUERY_QUEUE", .type = SETTING_INT, .offset = OFFSET(query_queue),
     .def = "20000", .min = 1, .max = 1000000, .group = "Event handler",
     .help = "Most queries that wait for their turn; further ones are refused."},
    {.name = "UPSTREAM_CONNECT_MS", .type = SETTING_INT, .offset = OFFSET(connect_ms),
     .def = "2000", .min = 10, .max = 60000, .group = "Event handler",
     .help = "Milliseconds to reach the event handler."},
    {.name = "UPSTREAM_EVENTS_SECONDS", .type = SETTING_INT, .offset = OFFSET(events_seconds),
     .def = "15", .min = 1, .max = 300, .group = "Event handler",
     .help = "Seconds until the verdicts on a request of events must be there."},
    {.name = "UPSTREAM_QUERY_SECONDS", .type = SETTING_INT, .offset = OFFSET(query_seconds),
     .def = "15", .min = 1, .max = 300, .group = "Event handler",
     .help = "Seconds without a byte after which a query has failed."},

    {.name = "LIVE_RING_EVENTS", .type = SETTING_INT, .offset = OFFSET(ring_events),
     .def = "65536", .min = 16, .max = 10000000, .group = "Live feed",
     .help = "Newest events kept in memory for subscriptions whose stored events are still being "
             "sent."},
    {.name = "LIVE_RING_BYTES", .type = SETTING_INT, .offset = OFFSET(ring_bytes),
     .def = "33554432", .min = 65536, .max = 4294967296, .group = "Live feed",
     .help = "The same in bytes."},
    {.name = "LIVE_SILENCE_MS", .type = SETTING_INT, .offset = OFFSET(feed_silence_ms),
     .def = "3000", .min = 100, .max = 60000, .group = "Live feed",
     .help = "With Redis silent for this long the feed is fetched from the event handler."},
    {.name = "LIVE_POLL_MS", .type = SETTING_INT, .offset = OFFSET(feed_poll_ms), .def = "500",
     .min = 10, .max = 60000, .group = "Live feed",
     .help = "How often it is fetched while Redis is away."},
    {.name = "LIVE_REORDER_MS", .type = SETTING_INT, .offset = OFFSET(reorder_ms), .def = "30",
     .min = 0, .max = 5000, .group = "Live feed",
     .help = "How long a record that came too early waits for the one before it."},

    SHARED_SETTINGS(offsetof(struct config, shared)),
};

/* Names that can only be meant for this service. */
static const char *const prefixes[] = {"WS_", "UPSTREAM_", "LIVE_", NULL};

static enum err refuse(const char *name, const char *why)
{
    fprintf(stderr, "config: %s: %s\n", name, why);
    return ERR_CONFIG;
}

/* What no single row can check. */
static enum err check_together(const struct config *cfg)
{
    if (cfg->dead_seconds <= cfg->ping_seconds)
        return refuse("WS_DEAD_SECONDS", "must be above WS_PING_SECONDS");
    if (cfg->outbound_hard_bytes <= cfg->outbound_soft_bytes)
        return refuse("WS_OUTBOUND_HARD_BYTES", "must be above WS_OUTBOUND_SOFT_BYTES");
    if (cfg->max_message_bytes < cfg->shared.max_event_bytes + 16)
        return refuse("MAX_MESSAGE_BYTES", "must hold an event of MAX_EVENT_BYTES and its envelope");
    if (cfg->shared.default_limit > cfg->shared.max_limit)
        return refuse("DEFAULT_LIMIT", "must not be above MAX_LIMIT");
    if (cfg->metrics_port == cfg->ws_port)
        return refuse("METRICS_PORT", "must differ from WS_PORT");
    return OK;
}

enum err config_load(struct config *cfg)
{
    enum err err;

    *cfg = (struct config){0};
    err = settings_load(table, ARRAY_LEN(table), prefixes, cfg);
    if (err == OK)
        err = check_together(cfg);
    if (err != OK)
        config_free(cfg);
    return err;
}

void config_free(struct config *cfg)
{
    settings_free(table, ARRAY_LEN(table), cfg);
}

void config_help(struct buf *out)
{
    settings_help(table, ARRAY_LEN(table), out);
}

void config_markdown(struct buf *out)
{
    settings_markdown(table, ARRAY_LEN(table), out);
}
