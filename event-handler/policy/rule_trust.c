/*
 * The Web of Trust: members (admins, trusted, known) may write anything, guests a few kinds and
 * what is addressed to members, the muted nothing. A gift wrap's author is a key for one use and
 * says nothing, so it is judged by its recipients (NIP-59).
 */
#include <stdio.h>

#include "base/hex.h"
#include "config.h"
#include "nostr/kind.h"
#include "policy/policy.h"

enum { MESSAGE_SIZE = 160 };

static bool is_member(const struct policy_env *env, const struct pubkey *pk)
{
    return access_standing(env->view, pk).tier <= TIER_KNOWN;
}

static bool names_member(const struct event *ev, const struct policy_env *env)
{
    for (uint32_t i = 0; i < ev->n_tags; i++) {
        const struct tag *t = &ev->tag[i];
        struct pubkey pk;

        if (t->n >= 2 && slice_eq(t->item[0], SLICE("p")) &&
            hex_decode(t->item[1], pk.b, sizeof pk.b) && is_member(env, &pk))
            return true;
    }
    return false;
}

static enum verdict refuse_guest(const struct policy_env *env, const char **message)
{
    char *text = arena_alloc(env->arena, MESSAGE_SIZE);

    *message = "not in this relay's web of trust";
    if (text) {
        snprintf(text, MESSAGE_SIZE,
                 "not in this relay's web of trust (followed by %u of %u needed)",
                 (unsigned)env->author.followers, (unsigned)env->cfg->wot_min_followers);
        *message = text;
    }
    return VERDICT_BLOCKED;
}

static bool guest_may(const struct event *ev, const struct policy_env *env)
{
    if (kind_set_has(&env->cfg->wot_guest_kind_set, ev->kind) || ev->kind == KIND_JOIN ||
        ev->kind == KIND_LEAVE)
        return true;
    return env->cfg->wot_guest_replies && names_member(ev, env);
}

enum verdict rule_trust(const struct event *ev, const struct policy_env *env, const char **message)
{
    if (ev->kind == KIND_VANISH)
        return VERDICT_ACCEPTED; /* NIP-62: whoever asks, whatever this relay thinks of them */
    if (access_lacks_admin(env->view)) {
        *message = "this relay is not set up yet: its operator must set ADMIN_PUBKEY, or "
                   "WOT_ENABLED=False";
        return VERDICT_BLOCKED;
    }
    if (env->author.tier <= TIER_KNOWN)
        return VERDICT_ACCEPTED;
    if (env->author.tier == TIER_MUTED) {
        *message = env->author.why;
        return VERDICT_BLOCKED;
    }
    if (ev->kind == KIND_GIFT_WRAP || ev->kind == KIND_EPHEMERAL_GIFT_WRAP) {
        if (names_member(ev, env))
            return VERDICT_ACCEPTED;
        *message = "none of its recipients is in this relay's web of trust";
        return VERDICT_BLOCKED;
    }
    return guest_may(ev, env) ? VERDICT_ACCEPTED : refuse_guest(env, message);
}
