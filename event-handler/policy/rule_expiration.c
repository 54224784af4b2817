#include "policy/policy.h"

enum verdict rule_expiration(const struct event *ev, const struct policy_env *env,
                             const char **message)
{
    if (!event_expired(ev, env->now))
        return VERDICT_ACCEPTED;
    *message = "the event has expired";
    return VERDICT_INVALID;
}
