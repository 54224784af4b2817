#ifndef EVENT_HANDLER_POLICY_POLICY_H
#define EVENT_HANDLER_POLICY_POLICY_H
/*
 * What this relay takes: one ordered table of rules (policy.c), one rule per file rule_<name>.c.
 *
 * The rules of the first phase see a well-formed event before its signature is checked: each is
 * cheaper than that, and a refusal spares the rest. Those of the second phase may believe that the
 * author is the author: trust, and budgets that nobody else can spend. Rules work on memory alone,
 * no database and no Redis. Any thread.
 */
#include "access/access.h"
#include "base/arena.h"
#include "nostr/event.h"
#include "nostr/verdict.h"

struct config;
struct limits;

enum policy_phase { POLICY_BEFORE_SIGNATURE, POLICY_AFTER_SIGNATURE };

struct policy_env { /* who sends, and when; borrowed for the call */
    const struct config *cfg;
    const struct access_view *view;
    struct limits *limits;     /* limits/limits.h; NULL: none */
    struct standing author;    /* the author's; set by policy_judge() in the second phase */
    int64_t now;               /* seconds since 1970 */
    const struct pubkey *auth; /* NIP-42: authenticated on the connection */
    size_t n_auth;
    struct slice address; /* of the client */
    struct arena *arena;  /* for messages that are not static */
    bool import;          /* put into the store by the operator: nobody sends it */
    bool dry_run;         /* to explain: no budget is spent, nothing is remembered */
};

/* VERDICT_ACCEPTED: no objection. Otherwise *message is the sentence behind the prefix. */
typedef enum verdict policy_rule_fn(const struct event *ev, const struct policy_env *env,
                                    const char **message);

policy_rule_fn rule_banned;     /* what moderators have decided (NIP-86) */
policy_rule_fn rule_membership; /* NIP-43 */
policy_rule_fn
    rule_kind; /* kinds that are never published: credentials, unsealed messages, zap requests */
policy_rule_fn rule_created_at;  /* the window of created_at */
policy_rule_fn rule_expiration;  /* NIP-40 */
policy_rule_fn rule_deletion;    /* NIP-09: a request must name something */
policy_rule_fn rule_vanish;      /* NIP-62: a request must name this relay */
policy_rule_fn rule_pow;         /* NIP-13 */
policy_rule_fn rule_protected;   /* NIP-70 */
policy_rule_fn rule_repost;      /* NIP-18, NIP-70 */
policy_rule_fn rule_kind_list;   /* POLICY_ALLOW_KINDS, POLICY_DENY_KINDS */
policy_rule_fn rule_pubkey_list; /* POLICY_ALLOW_PUBKEYS, POLICY_DENY_PUBKEYS */
policy_rule_fn rule_size;        /* of what guests write */
policy_rule_fn rule_pow_kind;    /* NIP-13, by kind */
policy_rule_fn rule_flood;       /* the same text again and again */
policy_rule_fn rule_words;       /* words and patterns */
policy_rule_fn rule_trust;       /* the Web of Trust */
policy_rule_fn rule_rate;        /* budgets of pubkeys and tiers */

/* For rules: is the author trusted, or somebody who has authenticated? The latter sends gift wraps,
 * whose author is a key for one use. Before the signature is known to be good this is what the
 * event says; a false one is found out. */
bool policy_sender_is_trusted(const struct event *ev, const struct policy_env *env);

/* The first objection of the rules of that phase, or VERDICT_ACCEPTED. *rule is then the name of
 * the rule that objected, for logs, metrics and explanations; it may be NULL. */
enum verdict policy_judge(enum policy_phase phase, const struct event *ev, struct policy_env *env,
                          const char **message, const char **rule);

/* The names of all rules, in their order; ends with NULL. */
extern const char *const policy_rule_names[];

enum { POLICY_RULES_MOST = 24 };

struct policy_opinion { /* of one rule */
    const char *rule;
    bool after_signature;
    enum verdict verdict;
    const char *message;
};

/* What every rule thinks of an event, whatever the others do; nothing is spent, remembered or
 * counted. Fills in env->author. Returns how many there are: none for the relay's own key. */
size_t policy_explain(const struct event *ev, struct policy_env *env,
                      struct policy_opinion out[POLICY_RULES_MOST]);

/* Is pk one of the people who may read under AUTH_MODE=members? member.c */
bool policy_is_member(const struct access_view *view, const struct pubkey *pk);

/* Appends the policy in plain words: JSON strings with commas between them, for the page that
 * people see in a browser. sentences.c */
void policy_sentences(const struct access_view *view, struct buf *out);
/* Is there more than the usual rules against spam to whose events are taken? For NIP-11's
 * restricted_writes; the rest of it a front end knows by its own settings. sentences.c */
bool policy_restricts_writes(const struct config *cfg);

#endif
