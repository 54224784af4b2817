/* A date in the future would keep a profile from ever being replaced; gift wraps are dated back on
 * purpose (NIP-59). */
#include "config.h"
#include "nostr/kind.h"
#include "policy/policy.h"

static bool is_dated_back(int kind)
{
    return kind == KIND_GIFT_WRAP || kind == KIND_EPHEMERAL_GIFT_WRAP;
}

enum verdict rule_created_at(const struct event *ev, const struct policy_env *env,
                             const char **message)
{
    const struct shared_config *s = &env->cfg->shared;

    if (ev->created_at > env->now + s->created_at_future_seconds) {
        *message = "created_at is too far in the future";
        return VERDICT_INVALID;
    }
    if (s->created_at_past_seconds > 0 && !is_dated_back(ev->kind) &&
        ev->created_at < env->now - s->created_at_past_seconds) {
        *message = "created_at is too far in the past";
        return VERDICT_INVALID;
    }
    return VERDICT_ACCEPTED;
}
