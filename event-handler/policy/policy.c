#include "policy/policy.h"

#include "access/relay_key.h"

/* In the order in which they are asked: within a phase cheapest first, and those that most events
 * pass last. */
static const struct policy_rule {
    const char *name;
    enum policy_phase phase;
    policy_rule_fn *judge;
} rules[] = {
    {"banned", POLICY_BEFORE_SIGNATURE, rule_banned},
    {"kind", POLICY_BEFORE_SIGNATURE, rule_kind},
    {"kind list", POLICY_BEFORE_SIGNATURE, rule_kind_list},
    {"pubkey list", POLICY_BEFORE_SIGNATURE, rule_pubkey_list},
    {"membership", POLICY_BEFORE_SIGNATURE, rule_membership},
    {"created_at", POLICY_BEFORE_SIGNATURE, rule_created_at},
    {"expiration", POLICY_BEFORE_SIGNATURE, rule_expiration},
    {"deletion", POLICY_BEFORE_SIGNATURE, rule_deletion},
    {"vanish", POLICY_BEFORE_SIGNATURE, rule_vanish},
    {"pow", POLICY_BEFORE_SIGNATURE, rule_pow},
    {"protected", POLICY_BEFORE_SIGNATURE, rule_protected},
    {"repost", POLICY_BEFORE_SIGNATURE, rule_repost},
    {"trust", POLICY_AFTER_SIGNATURE, rule_trust},
    {"size", POLICY_AFTER_SIGNATURE, rule_size},
    {"pow by kind", POLICY_AFTER_SIGNATURE, rule_pow_kind},
    {"rate", POLICY_AFTER_SIGNATURE, rule_rate},
    {"flood", POLICY_AFTER_SIGNATURE, rule_flood},
    {"words", POLICY_AFTER_SIGNATURE, rule_words},
};

static bool is_relay(const struct access_view *view, const struct pubkey *pk)
{
    return view->relay && pubkey_eq(pk, relay_key_pubkey(view->relay));
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
        if (v != VERDICT_ACCEPTED) {
            if (rule)
                *rule = rules[i].name;
            return v;
        }
    }
    return VERDICT_ACCEPTED;
}
