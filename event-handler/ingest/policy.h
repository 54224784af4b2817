#ifndef EVENT_HANDLER_INGEST_POLICY_H
#define EVENT_HANDLER_INGEST_POLICY_H
/*
 * What this relay takes: an ordered list of rules, one per file rule_<name>.c. Rules see a
 * well-formed event before its signature is checked: each is cheaper than that, and a refusal
 * spares the rest. Any thread.
 */
#include "base/arena.h"
#include "nostr/event.h"
#include "nostr/verdict.h"

struct config;

struct policy_env { /* who sends, and when; borrowed for the call */
    const struct config *cfg;
    int64_t now;               /* seconds since 1970 */
    const struct pubkey *auth; /* NIP-42: authenticated on the connection */
    size_t n_auth;
    struct slice address; /* of the client */
    struct arena *arena;  /* for messages that are not static */
};

/* VERDICT_ACCEPTED: no objection. Otherwise *message is the sentence behind the prefix. */
typedef enum verdict policy_rule_fn(const struct event *ev, const struct policy_env *env,
                                    const char **message);

policy_rule_fn
    rule_kind; /* kinds that are never published: credentials, unsealed messages, zap requests */
policy_rule_fn rule_created_at; /* the window of created_at */
policy_rule_fn rule_expiration; /* NIP-40 */
policy_rule_fn rule_deletion;   /* NIP-09: a request must name something */
policy_rule_fn rule_vanish;     /* NIP-62: a request must name this relay */
policy_rule_fn rule_pow;        /* NIP-13 */
policy_rule_fn rule_protected;  /* NIP-70 */
policy_rule_fn rule_repost;     /* NIP-18, NIP-70 */

/* The first objection, or VERDICT_ACCEPTED. */
enum verdict policy_judge(const struct event *ev, const struct policy_env *env,
                          const char **message);

#endif
