#include "policy/policy.h"

#include "access/relay_key.h"
#include "metrics.h"

/*
 * The policy, in the order in which it is asked: within a phase cheapest first, and what remembers
 * or spends something last. X(name) is judged by rule_name() in rule_name.c.
 */
#define RULES_BEFORE_SIGNATURE(X)                                                                  \
    X(banned)                                                                                      \
    X(kind)                                                                                        \
    X(kind_list)                                                                                   \
    X(pubkey_list)                                                                                 \
    X(membership)                                                                                  \
    X(created_at)                                                                                  \
    X(expiration)                                                                                  \
    X(deletion)                                                                                    \
    X(vanish)                                                                                      \
    X(pow)                                                                                         \
    X(protected)                                                                                   \
    X(repost)
#define RULES_AFTER_SIGNATURE(X)                                                                   \
    X(trust)                                                                                       \
    X(size)                                                                                        \
    X(pow_kind)                                                                                    \
    X(rate)                                                                                        \
    X(flood)                                                                                       \
    X(words)

#define BEFORE(name) {POLICY_BEFORE_SIGNATURE, rule_##name},
#define AFTER(name) {POLICY_AFTER_SIGNATURE, rule_##name},
#define NAME(name) #name,

static const struct policy_rule {
    enum policy_phase phase;
    policy_rule_fn *judge;
} rules[] = {RULES_BEFORE_SIGNATURE(BEFORE) RULES_AFTER_SIGNATURE(AFTER)};

const char *const policy_rule_names[] = {RULES_BEFORE_SIGNATURE(NAME) RULES_AFTER_SIGNATURE(NAME)
                                             NULL};
static_assert(ARRAY_LEN(rules) <= POLICY_RULES_MOST, "an explanation has room for all");

static bool is_relay(const struct access_view *view, const struct pubkey *pk)
{
    return view->relay && pubkey_eq(pk, relay_key_pubkey(view->relay));
}

static enum verdict object(size_t i, enum verdict v, const struct policy_env *env,
                           const char **rule)
{
    if (!env->dry_run)
        metric_add(M_POLICY_REFUSALS, (unsigned)i, 1);
    if (rule)
        *rule = policy_rule_names[i];
    return v;
}

enum verdict policy_judge(enum policy_phase phase, const struct event *ev, struct policy_env *env,
                          const char **message, const char **rule)
{
    if (is_relay(env->view, &ev->pubkey))
        return VERDICT_ACCEPTED; /* the relay's own word, or else its signature will be wrong */
    if (phase == POLICY_AFTER_SIGNATURE)
        env->author = access_standing(env->view, &ev->pubkey);
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        enum verdict v;

        if (rules[i].phase != phase)
            continue;
        v = rules[i].judge(ev, env, message);
        if (v != VERDICT_ACCEPTED)
            return object(i, v, env, rule);
    }
    return VERDICT_ACCEPTED;
}

size_t policy_explain(const struct event *ev, struct policy_env *env,
                      struct policy_opinion out[POLICY_RULES_MOST])
{
    env->dry_run = true;
    env->author = access_standing(env->view, &ev->pubkey);
    if (is_relay(env->view, &ev->pubkey))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        out[i] =
            (struct policy_opinion){.rule = policy_rule_names[i],
                                    .after_signature = rules[i].phase == POLICY_AFTER_SIGNATURE,
                                    .message = ""};
        out[i].verdict = rules[i].judge(ev, env, &out[i].message);
    }
    return ARRAY_LEN(rules);
}
