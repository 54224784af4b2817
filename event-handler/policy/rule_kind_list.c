/* Kinds that the operator has chosen: POLICY_ALLOW_KINDS, POLICY_DENY_KINDS. */
#include "config.h"
#include "nostr/kind.h"
#include "policy/policy.h"
#include "policy/policy_lists.h"

enum verdict rule_kind_list(const struct event *ev, const struct policy_env *env,
                            const char **message)
{
    const struct policy_lists *l = env->cfg->policy;

    if (kind_set_has(&l->deny_kinds, ev->kind) ||
        (!l->allow_kinds.empty && !kind_set_has(&l->allow_kinds, ev->kind))) {
        *message = "this relay does not take events of this kind";
        return VERDICT_BLOCKED;
    }
    return VERDICT_ACCEPTED;
}
