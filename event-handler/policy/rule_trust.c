/*
 * The Web of Trust: members (admins, trusted, known) may write anything, guests a few kinds and
 * what is addressed to members, the muted nothing. A gift wrap's author is a key for one use and
 * says nothing, so it is judged by its recipients (NIP-59).
 */
#include <stdio.h>

#include "base/hex.h"
#include "config.h"
#include "limits/limits.h"
#include "nostr/kind.h"
#include "policy/policy.h"

enum { MESSAGE_SIZE = 160 };

static bool is_member(const struct policy_env *env, const struct pubkey *pk)
{
    return access_standing(env->view, pk).tier <= TIER_KNOWN;
}

/* The next p tag from *at on that names a member; *at is then behind it. */
static bool next_member(const struct event *ev, const struct policy_env *env, uint32_t *at,
                        struct pubkey *out)
{
    while (*at < ev->n_tags) {
        const struct tag *t = &ev->tag[(*at)++];

        if (t->n >= 2 && slice_eq(t->item[0], SLICE("p")) &&
            hex_decode(t->item[1], out->b, sizeof out->b) && is_member(env, out))
            return true;
    }
    return false;
}

static bool names_member(const struct event *ev, const struct policy_env *env)
{
    struct pubkey member;
    uint32_t at = 0;

    return next_member(ev, env, &at, &member);
}

static bool sent_by_member(const struct policy_env *env)
{
    for (size_t i = 0; i < env->n_auth; i++) {
        if (is_member(env, &env->auth[i]))
            return true;
    }
    return false;
}

/* A wrap more for each member it names: one for a hundred people costs each of them one. */
static bool take_recipients(const struct event *ev, const struct policy_env *env,
                            uint32_t *wait_seconds)
{
    struct pubkey member;
    uint32_t at = 0;

    while (next_member(ev, env, &at, &member)) {
        if (!limits_take_recipient(env->limits, &member, wait_seconds))
            return false;
    }
    return true;
}

static enum verdict judge_wrap(const struct event *ev, const struct policy_env *env,
                               const char **message)
{
    int64_t pow = env->cfg->wot_wrap_pow;
    uint32_t seconds = 0;
    char *text;

    if (!names_member(ev, env)) {
        *message = "none of its recipients is in this relay's web of trust";
        return VERDICT_BLOCKED;
    }
    if (sent_by_member(env) || (pow > 0 && event_id_difficulty(&ev->id) >= pow) || env->dry_run ||
        take_recipients(ev, env, &seconds))
        return VERDICT_ACCEPTED;
    *message = "too many messages from strangers to this recipient, try again later";
    text = arena_alloc(env->arena, MESSAGE_SIZE);
    if (text) {
        snprintf(text, MESSAGE_SIZE,
                 "too many messages from strangers to this recipient, try again in %u s%s",
                 (unsigned)seconds, pow > 0 ? ", authenticate, or add proof of work" : "");
        *message = text;
    }
    return VERDICT_RATE_LIMITED;
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
    if (ev->kind == KIND_GIFT_WRAP || ev->kind == KIND_EPHEMERAL_GIFT_WRAP)
        return judge_wrap(ev, env, message);
    return guest_may(ev, env) ? VERDICT_ACCEPTED : refuse_guest(env, message);
}
