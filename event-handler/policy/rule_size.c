/* How large an event of a guest may be, in content and in tags. */
#include "config.h"
#include "nostr/kind.h"
#include "policy/policy.h"

enum verdict rule_size(const struct event *ev, const struct policy_env *env, const char **message)
{
    if (env->author.tier <= TIER_KNOWN)
        return VERDICT_ACCEPTED;
    if (env->cfg->policy_guest_max_content > 0 &&
        ev->content.len > (size_t)env->cfg->policy_guest_max_content) {
        *message = "this is longer than strangers may write here";
        return VERDICT_BLOCKED;
    }
    /* Follow lists have a tag for each person, whoever writes them. */
    if (env->cfg->policy_guest_max_tags > 0 && ev->kind != KIND_FOLLOWS &&
        ev->n_tags > (uint32_t)env->cfg->policy_guest_max_tags) {
        *message = "this has more tags than strangers may use here";
        return VERDICT_BLOCKED;
    }
    return VERDICT_ACCEPTED;
}
