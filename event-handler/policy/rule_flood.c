/* The same text again and again, under whatever keys (POLICY_FLOOD_COPIES). */
#include "base/clock.h"
#include "config.h"
#include "policy/flood.h"
#include "policy/policy.h"

enum { SHORT_BYTES = 16 }; /* people say "good morning" all the time */

enum verdict rule_flood(const struct event *ev, const struct policy_env *env, const char **message)
{
    int64_t copies = env->cfg->policy_flood_copies;

    if (copies == 0 || env->dry_run || env->author.tier <= TIER_KNOWN ||
        ev->content.len < SHORT_BYTES)
        return VERDICT_ACCEPTED;
    if (flood_count(ev->content, &ev->id, clock_mono_ms(),
                    (uint64_t)env->cfg->policy_flood_seconds * 1000) <= (uint64_t)copies)
        return VERDICT_ACCEPTED;
    *message = "this text has come too often lately";
    return VERDICT_RATE_LIMITED;
}
