/*
 * Authors that the operator has chosen: POLICY_ALLOW_PUBKEYS, POLICY_DENY_PUBKEYS. Whom the admins
 * allow or invite counts as if he were on the former (member.c), and anybody may show an invitation
 * (NIP-43).
 */
#include "base/hex.h"
#include "config.h"
#include "nostr/kind.h"
#include "policy/policy.h"
#include "policy/policy_lists.h"

/* A gift wrap's author is nobody (NIP-59): its recipients are asked for in its place. */
static bool is_wrap_to_member(const struct event *ev, const struct access_view *view)
{
    struct pubkey pk;

    if (ev->kind != KIND_GIFT_WRAP && ev->kind != KIND_EPHEMERAL_GIFT_WRAP)
        return false;
    for (uint32_t i = 0; i < ev->n_tags; i++) {
        const struct tag *t = &ev->tag[i];

        if (t->n >= 2 && slice_eq(t->item[0], SLICE("p")) &&
            hex_decode(t->item[1], pk.b, sizeof pk.b) && policy_is_member(view, &pk))
            return true;
    }
    return false;
}

enum verdict rule_pubkey_list(const struct event *ev, const struct policy_env *env,
                              const char **message)
{
    const struct policy_lists *l = env->cfg->policy;

    if (key_set_has_pubkey(&l->deny_pubkeys, &ev->pubkey)) {
        *message = "this relay does not take events of this pubkey";
        return VERDICT_BLOCKED;
    }
    if (l->allow_pubkeys.n == 0 || (ev->kind == KIND_JOIN && env->cfg->nip43_enabled))
        return VERDICT_ACCEPTED;
    if (!policy_is_member(env->view, &ev->pubkey) && !is_wrap_to_member(ev, env->view)) {
        *message = "this relay takes events of its own people only";
        return VERDICT_RESTRICTED;
    }
    return VERDICT_ACCEPTED;
}
