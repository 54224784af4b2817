/*
 * What the moderators have decided: pubkeys, events and kinds. A banned author may still ask to
 * vanish (NIP-62).
 */
#include "policy/policy.h"

/* Asking to join, to leave and for deletion is no publishing: a list of the kinds that a relay is
 * for does not have to name them. */
static bool is_taken(const struct mod_lists *lists, int kind)
{
    if (kind_set_has(&lists->denied_kinds, kind))
        return false;
    return lists->allowed_kinds.empty || kind_set_has(&lists->allowed_kinds, kind) ||
           kind == KIND_DELETION || kind == KIND_JOIN || kind == KIND_LEAVE;
}

enum verdict rule_banned(const struct event *ev, const struct policy_env *env, const char **message)
{
    const struct mod_lists *lists = env->view->lists;

    if (ev->kind == KIND_VANISH)
        return VERDICT_ACCEPTED;
    if (key_set_has_pubkey(&lists->banned, &ev->pubkey)) {
        *message = "you are banned from this relay";
        return VERDICT_BLOCKED;
    }
    if (lists->hidden.n > 0 && key_set_has(&lists->hidden, ev->id.b)) {
        *message = "this event was removed by a moderator";
        return VERDICT_BLOCKED;
    }
    if (!is_taken(lists, ev->kind)) {
        *message = "this relay does not take events of this kind";
        return VERDICT_BLOCKED;
    }
    return VERDICT_ACCEPTED;
}
