/*
 * NIP-43: what members and roles a relay has only the relay itself may say; requests to join and to
 * leave are meant for a relay that has members, and for now.
 */
#include "config.h"
#include "policy/policy.h"

enum { REQUEST_SECONDS = 600 };

static bool only_relay_signs(int kind)
{
    return kind == KIND_MEMBER_LIST || kind == KIND_ROLE || kind == KIND_MEMBER_ADDED ||
           kind == KIND_MEMBER_REMOVED || kind == KIND_INVITE;
}

static enum verdict judge_request(const struct event *ev, const struct policy_env *env,
                                  const char **message)
{
    int64_t age = env->now - ev->created_at;
    const struct tag *claim = event_find_tag(ev, SLICE("claim"));

    *message = "this relay has no members to join";
    if (!env->cfg->nip43_enabled)
        return VERDICT_BLOCKED;
    *message = "the request is too old or from the future";
    if (age > REQUEST_SECONDS || age < -REQUEST_SECONDS)
        return VERDICT_INVALID;
    *message = "a request to join needs a claim tag with the code of an invitation";
    if (ev->kind == KIND_JOIN && (!claim || claim->n < 2 || claim->item[1].len == 0))
        return VERDICT_INVALID;
    *message = "a request to leave needs a \"-\" tag";
    if (ev->kind == KIND_LEAVE && !ev->is_protected)
        return VERDICT_INVALID;
    return VERDICT_ACCEPTED;
}

enum verdict rule_membership(const struct event *ev, const struct policy_env *env,
                             const char **message)
{
    if (ev->kind == KIND_JOIN || ev->kind == KIND_LEAVE)
        return judge_request(ev, env, message);
    if (!only_relay_signs(ev->kind))
        return VERDICT_ACCEPTED;
    *message = "only the relay itself publishes events of this kind";
    return VERDICT_BLOCKED;
}
