/* NIP-70: only the author may publish an event with a "-" tag, and must have authenticated. */
#include "config.h"
#include "policy/policy.h"

enum verdict rule_protected(const struct event *ev, const struct policy_env *env,
                            const char **message)
{
    if (!ev->is_protected)
        return VERDICT_ACCEPTED;
    for (size_t i = 0; i < env->n_auth; i++) {
        if (pubkey_eq(&env->auth[i], &ev->pubkey))
            return VERDICT_ACCEPTED;
    }
    if (env->cfg->shared.auth_mode == AUTH_OFF) {
        *message = "protected events are not taken here, as nobody is asked to authenticate";
        return VERDICT_RESTRICTED;
    }
    *message = env->n_auth == 0
                   ? "this event may only be published by its author, who must authenticate"
                   : "this event may only be published by its author";
    return env->n_auth == 0 ? VERDICT_AUTH_REQUIRED : VERDICT_RESTRICTED;
}
