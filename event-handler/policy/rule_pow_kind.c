/* Proof of work by kind (NIP-13, POLICY_POW): strangers pay, those the relay trusts do not. */
#include <stdio.h>

#include "config.h"
#include "policy/policy.h"
#include "policy/policy_lists.h"

enum { MESSAGE_SIZE = 64 };

enum verdict rule_pow_kind(const struct event *ev, const struct policy_env *env,
                           const char **message)
{
    int wanted = policy_pow_for(env->cfg->policy, ev->kind), got;
    char *text;

    if (wanted == 0)
        return VERDICT_ACCEPTED;
    got = event_id_difficulty(&ev->id);
    if (got >= wanted || policy_sender_is_trusted(ev, env))
        return VERDICT_ACCEPTED;
    *message = "this kind needs more proof of work here";
    text = arena_alloc(env->arena, MESSAGE_SIZE);
    if (text) {
        snprintf(text, MESSAGE_SIZE, "difficulty %d is less than %d", got, wanted);
        *message = text;
    }
    return VERDICT_POW;
}
