/* Authors that the operator has chosen: POLICY_ALLOW_PUBKEYS, POLICY_DENY_PUBKEYS. */
#include "config.h"
#include "nostr/kind.h"
#include "policy/policy.h"
#include "policy/policy_lists.h"

/* A gift wrap's author is nobody (NIP-59): its recipients are asked for in its place. */
static bool is_addressed(const struct event *ev, const struct key_set *allowed)
{
    if (ev->kind != KIND_GIFT_WRAP && ev->kind != KIND_EPHEMERAL_GIFT_WRAP)
        return false;
    for (size_t i = 0; i < allowed->n; i++) {
        struct pubkey pk;

        memcpy(pk.b, allowed->key[i], sizeof pk.b);
        if (event_names_pubkey(ev, &pk))
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
    if (l->allow_pubkeys.n > 0 && !key_set_has_pubkey(&l->allow_pubkeys, &ev->pubkey) &&
        !access_is_admin(env->view, &ev->pubkey) && !is_addressed(ev, &l->allow_pubkeys)) {
        *message = "this relay takes events of its own people only";
        return VERDICT_RESTRICTED;
    }
    return VERDICT_ACCEPTED;
}
