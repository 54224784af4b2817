#ifndef EVENT_HANDLER_CONFIG_H
#define EVENT_HANDLER_CONFIG_H
/*
 * The event handler's settings, from the environment (ops/settings.h). Read once before any thread
 * starts and immutable afterwards: any thread.
 */
#include "ops/kind_set.h"
#include "ops/shared_config.h"
#include "store/db.h"

struct pg_settings {
    char *host;
    int64_t port;
    char *user;
    char *password;
    char *database;
};

struct policy_lists;

enum plugin_failure { PLUGIN_FAILURE_REJECTS, PLUGIN_FAILURE_ACCEPTS };

struct config {
    struct shared_config shared;

    /* api/ */
    char *host;
    int64_t port;
    int64_t http_threads;
    int64_t http_connections; /* most at the same time; further ones are refused */

    struct pg_settings pg_write;
    struct pg_settings pg_read; /* never empty: defaults to pg_write, value by value */

    /* query/ */
    int64_t read_workers;    /* threads, each with its own connection */
    int64_t read_queue;      /* queries that may exist at the same time */
    int64_t read_timeout_ms; /* statement_timeout of read connections */
    int64_t query_page;      /* most events that one page holds */
    int64_t count_cap;       /* COUNT stops here and says "approximate" */
    bool search_enabled;     /* NIP-50: also whether ingest fills event_search */

    /* ingest/ and store/ */
    int64_t verify_threads;      /* 0: one per processor */
    int64_t ingest_queue_events; /* events that may wait for verification or the writer */
    int64_t write_batch_events;  /* most events in one transaction */
    int64_t write_timeout_ms;    /* statement_timeout of the write connection */
    int64_t sweep_seconds;       /* how often expired events are deleted */

    /* manage/ and access/ */
    char *relay_secret_key;        /* relay_key.h; "" to make one */
    bool nip43_enabled;            /* membership by invitation */
    int64_t nip43_invite_tier;     /* enum tier: who gets invitations by asking for kind 28935 */
    int64_t nip43_invite_hours;    /* how long those are good */
    int64_t mod_auto_hide_reports; /* distinct trusted reporters that hide an event; 0: never */

    /* limits/: events per minute, wraps per hour; 0 for no limit */
    int64_t limit_key_trusted, limit_key_known, limit_key_guest; /* of one pubkey */
    int64_t limit_all_trusted, limit_all_known, limit_all_guest; /* of a tier together */
    int64_t limit_wraps_recipient;

    /* store/history.h and retention/ */
    char *history_kinds; /* whose replaced versions are kept for members */
    int64_t history_versions, history_days;
    char *retention_rules; /* retention/rules.h; "" for none */
    bool retention_apply;  /* false: they are only reported on */
    char *retention_keep_pubkeys;
    int64_t retention_interval_seconds;

    /* policy/ */
    char *policy_allow_kinds, *policy_deny_kinds;
    char *policy_allow_pubkeys, *policy_deny_pubkeys;
    char *policy_pow;
    char *policy_blocked_words;
    char *policy_blocked_patterns;                           /* a file */
    int64_t policy_guest_max_content, policy_guest_max_tags; /* 0: no such limit */
    int64_t policy_flood_copies, policy_flood_seconds;
    struct policy_lists *policy; /* the lists above, parsed */

    /* plugin/ */
    char *policy_plugin; /* a command; "" for none */
    int64_t policy_plugin_workers;
    int64_t policy_plugin_timeout_ms;
    int64_t policy_plugin_on_failure; /* enum plugin_failure */

    /* trust/ */
    bool wot_enabled;
    int64_t wot_depth;
    int64_t wot_min_followers;
    int64_t wot_max_follows;     /* a longer list vouches for nobody */
    int64_t wot_max_new_vouches; /* people that a list may add in a day */
    int64_t wot_refresh_minutes;
    char *wot_guest_kinds;
    struct kind_set wot_guest_kind_set; /* the same, parsed */
    bool wot_guest_replies;
    int64_t wot_wrap_pow;  /* bits; 0: proof of work opens nothing */
    char *wot_seed_relays; /* comma-separated URLs; empty: own events only */
    char *wot_proxy;       /* empty: none */
    int64_t wot_crawl_seconds;
    int64_t wot_crawl_relay_seconds;
    int64_t wot_crawl_answer_seconds;
    int64_t wot_crawl_relays;      /* asked in one crawl */
    int64_t wot_crawl_connections; /* at the same time */
    bool wot_crawl_private_addresses;
};

/* Fills cfg. ERR_CONFIG after one line on stderr that names the setting at fault. config_free()
 * also after a failure. */
NODISCARD enum err config_load(struct config *cfg);
/* The same without what is made of them: cfg->policy and wot_guest_kind_set stay empty, and files
 * of patterns are not read. For who only asks a running event handler something. */
NODISCARD enum err config_load_plain(struct config *cfg);
void config_free(struct config *cfg);
/*
 * The settings as they are now (SIGHUP), with old's values where a restart is needed; differences
 * are told in the log. NULL, after saying why, when one of them is bad: nothing changes then. The
 * caller's to config_free() and free().
 */
struct config *config_reload(const struct config *old);

/* Does an environment variable of that name hold a secret, or say where one is? */
bool config_is_secret(struct slice name);

/* --help and --config-markdown. */
void config_help(struct buf *out);
void config_markdown(struct buf *out);

/* How to reach the database as the given role ("write", "read", ...); borrows from cfg. */
struct db_target config_write_target(const struct config *cfg, const char *role);
struct db_target config_read_target(const struct config *cfg, const char *role);

#endif
