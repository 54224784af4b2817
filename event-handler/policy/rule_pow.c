/*
 * The work is read off the id before it is known that the id is the event's: a false one is found
 * out afterwards, and hashing first would cost more. Trusted people need not work.
 */
#include <stdio.h>

#include "config.h"
#include "policy/policy.h"

enum { MESSAGE_SIZE = 64 };

enum verdict rule_pow(const struct event *ev, const struct policy_env *env, const char **message)
{
    int64_t min = env->cfg->shared.min_pow_difficulty;
    int difficulty;
    char *text;

    if (min == 0)
        return VERDICT_ACCEPTED;
    difficulty = event_id_difficulty(&ev->id);
    if (difficulty >= min || policy_sender_is_trusted(ev, env))
        return VERDICT_ACCEPTED;
    *message = "difficulty is too low";
    text = arena_alloc(env->arena, MESSAGE_SIZE);
    if (text) {
        snprintf(text, MESSAGE_SIZE, "difficulty %d is less than %d", difficulty, (int)min);
        *message = text;
    }
    return VERDICT_POW;
}
