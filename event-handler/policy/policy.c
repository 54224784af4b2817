#include "policy/policy.h"

#include "access/relay_key.h"
#include "metrics.h"
#include "nostr/kind.h"

/*
 * The policy, in the order in which it is asked: within a phase cheapest first, and what remembers
 * or spends something last. X(name, nature) is judged by rule_name() in rule_name.c.
 *
 *   GIVEN   holds for everything
 *   SENT    is about who sends and when: it does not hold for what an operator imports
 *   BARRED  does not hold for requests to vanish, which must be obeyed whoever asks (NIP-62)
 *   CHOSEN  holds for neither
 */
enum nature { CHOSEN = 0, FOR_VANISH = 1, FOR_IMPORT = 2, SENT = 1, BARRED = 2, GIVEN = 3 };

#define RULES_BEFORE_SIGNATURE(X)                                                                  \
    X(banned, BARRED)                                                                              \
    X(kind, GIVEN)                                                                                 \
    X(kind_list, CHOSEN)                                                                           \
    X(pubkey_list, CHOSEN)                                                                         \
    X(membership, SENT)                                                                            \
    X(created_at, SENT)                                                                            \
    X(expiration, GIVEN)                                                                           \
    X(deletion, GIVEN)                                                                             \
    X(vanish, GIVEN)                                                                               \
    X(pow, CHOSEN)                                                                                 \
    X(protected, SENT)                                                                             \
    X(repost, GIVEN)
#define RULES_AFTER_SIGNATURE(X)                                                                   \
    X(trust, CHOSEN)                                                                               \
    X(size, CHOSEN)                                                                                \
    X(pow_kind, CHOSEN)                                                                            \
    X(rate, SENT)                                                                                  \
    X(flood, CHOSEN)                                                                               \
    X(words, CHOSEN)

#define BEFORE(name, nature) {POLICY_BEFORE_SIGNATURE, nature, rule_##name},
#define AFTER(name, nature) {POLICY_AFTER_SIGNATURE, nature, rule_##name},
#define NAME(name, nature) #name,

static const struct policy_rule {
    enum policy_phase phase;
    enum nature nature;
    policy_rule_fn *judge;
} rules[] = {RULES_BEFORE_SIGNATURE(BEFORE) RULES_AFTER_SIGNATURE(AFTER)};

const char *const policy_rule_names[] = {RULES_BEFORE_SIGNATURE(NAME) RULES_AFTER_SIGNATURE(NAME)
                                             NULL};
static_assert(ARRAY_LEN(rules) <= POLICY_RULES_MOST, "an explanation has room for all");

static bool concerns(const struct policy_rule *rule, const struct event *ev,
                     const struct policy_env *env)
{
    unsigned wanted = (ev->kind == KIND_VANISH ? FOR_VANISH : 0u) | (env->import ? FOR_IMPORT : 0u);

    return (rule->nature & wanted) == wanted;
}

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

        if (rules[i].phase != phase || !concerns(&rules[i], ev, env))
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
    size_t n = 0;

    env->dry_run = true;
    env->author = access_standing(env->view, &ev->pubkey);
    if (is_relay(env->view, &ev->pubkey))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        struct policy_opinion *o = &out[n];

        if (!concerns(&rules[i], ev, env))
            continue;
        n++;
        *o = (struct policy_opinion){.rule = policy_rule_names[i],
                                     .after_signature = rules[i].phase == POLICY_AFTER_SIGNATURE,
                                     .message = ""};
        o->verdict = rules[i].judge(ev, env, &o->message);
    }
    return n;
}

bool policy_sender_is_trusted(const struct event *ev, const struct policy_env *env)
{
    bool trusted = access_standing(env->view, &ev->pubkey).tier <= TIER_TRUSTED;

    for (size_t i = 0; i < env->n_auth && !trusted; i++)
        trusted = access_standing(env->view, &env->auth[i]).tier <= TIER_TRUSTED;
    return trusted;
}
