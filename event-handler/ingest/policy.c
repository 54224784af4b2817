#include "ingest/policy.h"

/* Cheapest first, and those that most events pass last. */
static policy_rule_fn *const rules[] = {
    rule_kind,   rule_created_at, rule_expiration, rule_deletion,
    rule_vanish, rule_pow,        rule_protected,  rule_repost,
};

enum verdict policy_judge(const struct event *ev, const struct policy_env *env,
                          const char **message)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        enum verdict v = rules[i](ev, env, message);

        if (v != VERDICT_ACCEPTED)
            return v;
    }
    return VERDICT_ACCEPTED;
}
