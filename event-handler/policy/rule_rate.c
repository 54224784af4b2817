/*
 * How much a pubkey may publish depends on its tier, and so does how much all of a tier may
 * together, so that strangers under ever new names cannot crowd out the others. Whoever re-sends
 * what is stored already pays as well: finding that out costs the same.
 */
#include <stdio.h>

#include "limits/limits.h"
#include "policy/policy.h"

enum { MESSAGE_SIZE = 96 };

enum verdict rule_rate(const struct event *ev, const struct policy_env *env, const char **message)
{
    enum limits_result result;
    uint32_t seconds = 0;
    char *text;

    if (env->dry_run)
        return VERDICT_ACCEPTED;
    result = limits_take_event(env->limits, &ev->pubkey, env->author.tier, &seconds);
    if (result == LIMITS_OK)
        return VERDICT_ACCEPTED;
    *message = "too many events, try again later";
    text = arena_alloc(env->arena, MESSAGE_SIZE);
    if (text && result == LIMITS_PUBKEY) {
        snprintf(text, MESSAGE_SIZE, "too many events from this pubkey, try again in %u s",
                 (unsigned)seconds);
        *message = text;
    } else if (text) {
        snprintf(text, MESSAGE_SIZE,
                 "too many events from %s pubkeys at the moment, try again in %u s",
                 tier_name(env->author.tier), (unsigned)seconds);
        *message = text;
    }
    return VERDICT_RATE_LIMITED;
}
