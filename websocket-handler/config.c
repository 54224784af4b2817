#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/cidr.h"

#define TEXT(name_, alias_, field_, def_, group_, help_)                                           \
    {                                                                                              \
        .name = (name_), .alias = (alias_), .type = SETTING_STRING,                                \
        .offset = offsetof(struct config, field_), .def = (def_), .group = (group_),               \
        .help = (help_)                                                                            \
    }
#define NUMBER(name_, field_, def_, min_, max_, group_, help_)                                     \
    {                                                                                              \
        .name = (name_), .type = SETTING_INT, .offset = offsetof(struct config, field_),           \
        .def = (def_), .min = (min_), .max = (max_), .group = (group_), .help = (help_)            \
    }

/* The same for settings that are looked at whenever they matter: SIGHUP changes them. */
#define LIVE_TEXT(name_, alias_, field_, def_, group_, help_)                                      \
    {                                                                                              \
        .name = (name_), .alias = (alias_), .type = SETTING_STRING,                                \
        .offset = offsetof(struct config, field_), .def = (def_), .reload = true,                  \
        .group = (group_), .help = (help_)                                                         \
    }
#define LIVE_NUMBER(name_, field_, def_, min_, max_, group_, help_)                                \
    {                                                                                              \
        .name = (name_), .type = SETTING_INT, .offset = offsetof(struct config, field_),           \
        .def = (def_), .min = (min_), .max = (max_), .reload = true, .group = (group_),            \
        .help = (help_)                                                                            \
    }

/* NUMBER: name, field, default, least, most, group, help. TEXT: name, older name, field, default,
 * group, help. */
static const struct setting table[] = {
    TEXT("WS_HOST", NULL, ws_host, "0.0.0.0", "Listening",
         "Address to listen on; :: for IPv6 and IPv4."),
    NUMBER("WS_PORT", ws_port, "8008", 1, 65535, "Listening",
           "Public port: WebSocket, relay information (NIP-11), the page for browsers, health."),
    NUMBER("METRICS_PORT", metrics_port, "8010", 0, 65535, "Listening",
           "Port of /metrics, kept apart from the public one; 0 switches it off."),
    NUMBER("WS_WORKERS", workers, "1", 1, 64, "Listening",
           "Processes that share the public port. One serves thousands of clients; more use more "
           "cores."),

    LIVE_TEXT("RELAY_NAME", NULL, relay_name, "Tandem", "About this relay",
              "Its name, best under 30 characters."),
    LIVE_TEXT("RELAY_DESCRIPTION", NULL, relay_description, "A Nostr relay.", "About this relay",
              "What it is for, in plain text."),
    LIVE_TEXT("RELAY_ICON", "ICON", relay_icon, "", "About this relay", "URL of a square image."),
    LIVE_TEXT("CONTACT", NULL, contact, "", "About this relay",
              "How to reach the operator, e.g. mailto:me@example.com."),

    NUMBER("MAX_MESSAGE_BYTES", max_message_bytes, "524288", 1024, 16777216, "Limits",
           "Largest WebSocket message from a client; a larger one closes the connection (1009)."),
    LIVE_NUMBER("MAX_SUBSCRIPTIONS", max_subscriptions, "200", 1, 10000, "Limits",
                "Most open subscriptions of one connection."),
    LIVE_NUMBER(
        "WS_MAX_PENDING_EVENTS", max_pending_events, "2048", 1, 1000000, "Limits",
        "Most EVENTs of one connection that wait for their OK; it is not read from above this."),
    LIVE_NUMBER("WS_MAX_RUNNING_QUERIES", max_running_queries, "8", 1, 1000, "Limits",
                "Most REQs and COUNTs of one connection that run at the same time; others wait."),

    {.name = "TRUSTED_PROXIES",
     .type = SETTING_STRING,
     .offset = offsetof(struct config, trusted_proxies),
     .def = "",
     .check = cidr_list_check,
     .group = "Proxies",
     .help = "Addresses and networks of the proxies in front of this relay, comma-separated, such "
             "as 10.0.0.0/8,172.16.0.0/12. What they say about a client's address, the host and "
             "TLS is believed; nobody else is. Without it all clients behind a proxy share the "
             "proxy's address, and with it one budget."},
    {.name = "TRUSTED_PROXY_HEADER",
     .type = SETTING_ENUM,
     .offset = offsetof(struct config, proxy_header),
     .def = "x-forwarded-for",
     .choices = "x-forwarded-for|forwarded",
     .group = "Proxies",
     .help = "The header in which those proxies name the client: X-Forwarded-For, or Forwarded "
             "(RFC 7239). The other one may come from the client itself and is not looked at."},
    {.name = "WS_PROXY_PROTOCOL",
     .type = SETTING_BOOL,
     .offset = offsetof(struct config, proxy_protocol),
     .def = "False",
     .group = "Proxies",
     .help = "Whether connections from TRUSTED_PROXIES to WS_PORT begin with a header of the PROXY "
             "protocol, version 1 or 2; they are cut when it is missing or malformed."},

    NUMBER("LIMIT_IP_CONNECTIONS", limit_connections, "100", 0, 1000000, "Rate limits",
           "Most connections at the same time from one address (IPv6: one /64), over all front "
           "ends; 0 for no limit, as in the rows below."),
    NUMBER("LIMIT_IP_SUBSCRIPTIONS", limit_subscriptions, "2000", 0, 10000000, "Rate limits",
           "Most open subscriptions of one address, over all its connections."),
    NUMBER("LIMIT_IP_CONNECTS", limit_connects, "300", 0, 10000000, "Rate limits",
           "New connections per minute from one address. A minute's worth may come at once, here "
           "and below."),
    NUMBER("LIMIT_IP_EVENTS", limit_events, "1200", 0, 10000000, "Rate limits",
           "EVENTs and AUTHs per minute from one address."),
    NUMBER("LIMIT_IP_BYTES", limit_bytes, "67108864", 0, 1099511627776, "Rate limits",
           "Bytes of messages per minute from one address."),
    NUMBER("LIMIT_IP_QUERIES", limit_queries, "1200", 0, 10000000, "Rate limits",
           "REQs and COUNTs per minute from one address. One with many filters or values counts "
           "as several, and each 10 milliseconds that it keeps the database busy as one more."),
    NUMBER("LIMIT_KEY_QUERIES", limit_key_queries, "2400", 0, 10000000, "Rate limits",
           "The same for one authenticated pubkey, wherever it connects from."),
    NUMBER("LIMIT_TRUST_FACTOR", limit_trust_factor, "4", 1, 1000, "Rate limits",
           "Whom this relay trusts and who has authenticated may do so many times as much. Admins "
           "are not limited."),

    NUMBER("WS_MAX_CONNECTIONS", max_connections, "20000", 1, 1000000, "Connections",
           "Most WebSocket clients of one worker; others get a 503. Mind the limit of open files."),
    NUMBER("WS_PING_SECONDS", ping_seconds, "45", 1, 3600, "Connections",
           "A client that was silent for this long is sent a ping."),
    NUMBER("WS_SILENCE_SECONDS", silence_seconds, "150", 2, 86400, "Connections",
           "A client without any sign of life, pongs included, for this long is cut. Must be above "
           "WS_PING_SECONDS."),
    NUMBER("WS_HANDSHAKE_SECONDS", handshake_seconds, "10", 1, 300, "Connections",
           "How long a new connection may take to send its request."),
    NUMBER("WS_MESSAGE_SECONDS", message_seconds, "120", 1, 3600, "Connections",
           "How long one message may take to arrive once it has begun."),
    NUMBER("WS_SEND_SOFT_BYTES", send_soft_bytes, "262144", 4096, 1073741824, "Connections",
           "With more than this queued for a client its stored events pause until it has read."),
    NUMBER("WS_SEND_HARD_BYTES", send_hard_bytes, "8388608", 65536, 1073741824, "Connections",
           "With more than this queued a client is cut. Must be above WS_SEND_SOFT_BYTES."),
    NUMBER("WS_SEND_TOTAL_BYTES", send_total_bytes, "536870912", 1048576, 1099511627776,
           "Connections",
           "With more than this queued for all clients of a worker together, every client above "
           "WS_SEND_SOFT_BYTES is cut when more comes for it."),
    NUMBER("WS_UNREADY_SECONDS", unready_seconds, "2", 0, 2, "Connections",
           "On SIGTERM /readyz says no for this long while everything else goes on, so that a "
           "balancer sends new clients elsewhere before the port is closed. Should be above the "
           "time between its checks."),
    LIVE_NUMBER("WS_SHUTDOWN_SECONDS", shutdown_spread_seconds, "3", 0, 5, "Connections",
                "Then the clients are closed (1012) evenly over this time, so that they do not all "
                "come back at once."),

    TEXT("EVENT_HANDLER_SVC", NULL, event_handler_hosts, "event-handler", "Event handler",
         "Host of the event handler. Several, comma-separated, share the work, as do all the "
         "addresses that a name stands for."),
    NUMBER("EVENT_HANDLER_PORT", event_handler_port, "8009", 1, 65535, "Event handler",
           "Its port."),
    NUMBER("UPSTREAM_BATCH_EVENTS", batch_events, "512", 1, 10000, "Event handler",
           "Most events in one request."),
    NUMBER("UPSTREAM_BATCH_BYTES", batch_bytes, "4194304", 65536, 67108864, "Event handler",
           "Most bytes in one request of events; a single larger event still goes alone."),
    NUMBER("UPSTREAM_BATCHES", batches_in_flight, "2", 1, 64, "Event handler",
           "Requests of events that are under way at the same time."),
    NUMBER("UPSTREAM_QUEUE_EVENTS", queue_events, "20000", 1, 1000000, "Event handler",
           "Most events that wait to be sent; further ones are refused."),
    NUMBER("UPSTREAM_QUEUE_BYTES", queue_bytes, "67108864", 1048576, 1073741824, "Event handler",
           "The same in bytes."),
    NUMBER("UPSTREAM_QUERIES", queries_in_flight, "32", 1, 1000, "Event handler",
           "Queries and counts that are under way at the same time."),
    NUMBER("UPSTREAM_QUERY_QUEUE", query_queue, "20000", 1, 1000000, "Event handler",
           "Most queries that wait for their turn; further ones are refused."),
    NUMBER("UPSTREAM_QUERY_BYTES", query_bytes, "67108864", 1048576, 1073741824, "Event handler",
           "Most bytes of queries that wait or are under way."),
    NUMBER("UPSTREAM_CONNECT_MS", connect_ms, "2000", 10, 60000, "Event handler",
           "Milliseconds to reach the event handler."),
    NUMBER("UPSTREAM_EVENTS_SECONDS", events_seconds, "15", 1, 300, "Event handler",
           "Seconds until the verdicts on a request of events must be there."),
    NUMBER("UPSTREAM_QUERY_SECONDS", query_seconds, "15", 1, 300, "Event handler",
           "Seconds without a byte after which a query has failed."),

    NUMBER(
        "LIVE_RING_EVENTS", ring_events, "65536", 16, 10000000, "Live feed",
        "Newest events kept in memory for subscriptions whose stored events are still being sent."),
    NUMBER("LIVE_RING_BYTES", ring_bytes, "33554432", 65536, 4294967296, "Live feed",
           "The same in bytes."),
    NUMBER("LIVE_FILTER_BYTES", filter_bytes, "134217728", 1048576, 1099511627776, "Live feed",
           "Most memory for the filters of all open subscriptions of a worker; those of one "
           "address may take a quarter of it."),
    NUMBER("LIVE_SILENCE_MS", feed_silence_ms, "3000", 100, 60000, "Live feed",
           "With Redis silent for this long the feed is fetched from the event handler."),
    NUMBER("LIVE_POLL_MS", feed_poll_ms, "500", 10, 60000, "Live feed",
           "How often it is fetched while Redis is away."),
    NUMBER("LIVE_REORDER_MS", reorder_ms, "30", 0, 5000, "Live feed",
           "How long a record that came too early waits for the one before it."),

    SHARED_SETTINGS(offsetof(struct config, shared)),
};

/* Names that can only be meant for this service. */
static const char *const prefixes[] = {"WS_",       "UPSTREAM_",  "LIVE_",        "TRUSTED_",
                                       "LIMIT_IP_", "LIMIT_KEY_", "LIMIT_TRUST_", NULL};

static enum err refuse(const char *name, const char *why)
{
    fprintf(stderr, "config: %s: %s\n", name, why);
    return ERR_CONFIG;
}

/* What no single row can check. */
static enum err check_together(const struct config *cfg)
{
    if (cfg->silence_seconds <= cfg->ping_seconds)
        return refuse("WS_SILENCE_SECONDS", "must be above WS_PING_SECONDS");
    if (cfg->send_hard_bytes <= cfg->send_soft_bytes)
        return refuse("WS_SEND_HARD_BYTES", "must be above WS_SEND_SOFT_BYTES");
    if (cfg->max_message_bytes < cfg->shared.max_event_bytes + 16)
        return refuse("MAX_MESSAGE_BYTES",
                      "must hold an event of MAX_EVENT_BYTES and its envelope");
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

bool config_reload(struct config *cfg)
{
    struct config fresh;

    if (config_load(&fresh) != OK)
        return false;
    settings_adopt(table, ARRAY_LEN(table), cfg, &fresh);
    config_free(&fresh);
    return true;
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
