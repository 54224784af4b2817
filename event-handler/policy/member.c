/*
 * Who is one of this relay's own people: whom the operator has listed (POLICY_ALLOW_PUBKEYS), the
 * admins have allowed or invited, or, where nobody is listed, the Web of Trust reaches.
 */
#include "config.h"
#include "policy/policy.h"
#include "policy/policy_lists.h"

bool policy_is_member(const struct access_view *view, const struct pubkey *pk)
{
    const struct key_set *listed = view->cfg->policy ? &view->cfg->policy->allow_pubkeys : NULL;
    enum tier tier = access_standing(view, pk).tier;

    if (tier == TIER_MUTED)
        return false;
    if (tier == TIER_ADMIN || key_set_has_pubkey(&view->lists->allowed, pk) ||
        key_set_has_pubkey(&view->lists->members, pk))
        return true;
    if (listed && listed->n > 0)
        return key_set_has_pubkey(listed, pk);
    return view->cfg->wot_enabled && tier <= TIER_KNOWN;
}
