#ifndef WEBSOCKET_HANDLER_CONFIG_H
#define WEBSOCKET_HANDLER_CONFIG_H
/*
 * The front end's settings, read once from the environment before anything else runs and immutable
 * afterwards. The table in config.c describes each row; --help and docs/CONFIG.md are printed from
 * it. Any thread.
 */
#include "ops/shared_config.h"

struct config {
    struct shared_config shared;

    /* Listening. */
    char *ws_host;
    int64_t ws_port;
    int64_t metrics_port; /* 0: not served */
    int64_t workers;      /* processes that share ws_port */

    /* What NIP-11 says about this relay. */
    char *relay_name;
    char *relay_description;
    char *relay_icon;
    char *contact;

    /* Limits of one client. */
    int64_t max_message_bytes;
    int64_t max_subscriptions;
    int64_t max_pending_events;  /* EVENTs of one connection that wait for their OK */
    int64_t max_running_queries; /* REQs and COUNTs of one connection that run at the same time */

    /* Rate limits; 0 for none. Rates are per minute. */
    int64_t limit_connections, limit_subscriptions; /* open at the same time, of an address */
    int64_t limit_connects, limit_events, limit_bytes, limit_queries; /* of an address */
    int64_t limit_key_queries;                                        /* of a pubkey */
    int64_t limit_trust_factor;

    /* The proxies in front of us. */
    char *trusted_proxies; /* base/cidr.h */
    int64_t proxy_header;  /* enum proxy_header of conn/client_origin.h */
    bool proxy_protocol;

    /* Connections. */
    int64_t max_connections;
    int64_t ping_seconds;
    int64_t silence_seconds;
    int64_t handshake_seconds;
    int64_t message_seconds;
    int64_t send_soft_bytes;
    int64_t send_hard_bytes;
    int64_t send_total_bytes;
    int64_t unready_seconds;
    int64_t shutdown_spread_seconds;

    /* The event handler behind us. */
    char *event_handler_hosts; /* comma-separated */
    int64_t event_handler_port;
    int64_t batch_events; /* events in one POST /v1/events */
    int64_t batch_bytes;
    int64_t batches_in_flight;
    int64_t queue_events; /* events that wait for a batch */
    int64_t queue_bytes;
    int64_t queries_in_flight;
    int64_t query_queue; /* queries that wait for their turn */
    int64_t query_bytes; /* of queries that have not ended */
    int64_t connect_ms;
    int64_t events_seconds; /* until a batch's verdicts must be there */
    int64_t query_seconds;  /* without a byte of an answer */

    /* The live feed. */
    int64_t ring_events;
    int64_t ring_bytes;
    int64_t filter_bytes;    /* of all subscriptions; an address may have a quarter */
    int64_t feed_silence_ms; /* Redis silent for longer: poll */
    int64_t feed_poll_ms;
    int64_t reorder_ms; /* how long a record with a gap before it waits for the missing one */
};

/* ERR_CONFIG after a line on stderr that names the setting. */
NODISCARD enum err config_load(struct config *cfg);
void config_free(struct config *cfg);
/* Takes over, in place, what SIGHUP may change, and tells the differences in the log. False, after
 * saying why, when a setting is bad: nothing changes then. Loop thread. */
NODISCARD bool config_reload(struct config *cfg);
/* The settings as plain text for --help, and as docs/CONFIG.md has them. */
void config_help(struct buf *out);
void config_markdown(struct buf *out);

#endif
