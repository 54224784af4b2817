/*
 * How much a pubkey may publish depends on its tier, and so does how much all of a tier may
 * together, so that strangers under ever new names cannot crowd out the others. Whoever re-sends
 * what is stored already pays as well: finding that out costs the same.
 *
 * A gift wrap's author is a key for one use (NIP-59): what a member sends, who has authenticated,
 * is the member's; of what strangers send each recipient gets so many an hour, unless work was
 * done.
 */
#include <stdio.h>

#include "base/hex.h"
#include "config.h"
#include "limits/limits.h"
#include "nostr/kind.h"
#include "ops/key_set.h"
#include "policy/policy.h"

enum { MESSAGE_SIZE = 160 };

static enum tier tier_of(const struct policy_env *env, const struct pubkey *pk)
{
    return access_standing(env->view, pk).tier;
}

/* Whose budget it is: the author's, or that of a member who has authenticated. */
static void find_sender(const struct event *ev, const struct policy_env *env, bool is_wrap,
                        struct limits_event *out)
{
    *out = (struct limits_event){.sender = ev->pubkey, .tier = env->author.tier};
    for (size_t i = 0; is_wrap && i < env->n_auth; i++) {
        enum tier tier = tier_of(env, &env->auth[i]);

        if (tier <= TIER_KNOWN && tier < out->tier) {
            out->sender = env->auth[i];
            out->tier = tier;
        }
    }
}

/* The members that a wrap names, each once. False without memory. */
static bool find_members(const struct event *ev, const struct policy_env *env, struct key_set *out)
{
    for (uint32_t i = 0; i < ev->n_tags; i++) {
        const struct tag *t = &ev->tag[i];
        struct pubkey pk;

        if (t->n >= 2 && slice_eq(t->item[0], SLICE("p")) &&
            hex_decode(t->item[1], pk.b, sizeof pk.b) && tier_of(env, &pk) <= TIER_KNOWN &&
            !key_set_add(out, pk.b))
            return false;
    }
    key_set_seal(out);
    return true;
}

static bool has_work(const struct event *ev, const struct policy_env *env)
{
    int64_t pow = env->cfg->wot_wrap_pow;

    return pow > 0 && event_id_difficulty(&ev->id) >= pow;
}

static const char *explain(const struct policy_env *env, enum limits_result result, enum tier tier,
                           uint32_t seconds)
{
    char *text = arena_alloc(env->arena, MESSAGE_SIZE);

    if (!text)
        return "too many events, try again later";
    if (result == LIMITS_RECIPIENT)
        snprintf(text, MESSAGE_SIZE,
                 "too many messages from strangers to this recipient, try again in %u s%s",
                 (unsigned)seconds,
                 env->cfg->wot_wrap_pow > 0 ? ", authenticate, or add proof of work" : "");
    else if (result == LIMITS_PUBKEY)
        snprintf(text, MESSAGE_SIZE, "too many events from this pubkey, try again in %u s",
                 (unsigned)seconds);
    else
        snprintf(text, MESSAGE_SIZE,
                 "too many events from %s pubkeys at the moment, try again in %u s",
                 tier_name(tier), (unsigned)seconds);
    return text;
}

enum verdict rule_rate(const struct event *ev, const struct policy_env *env, const char **message)
{
    bool is_wrap = ev->kind == KIND_GIFT_WRAP || ev->kind == KIND_EPHEMERAL_GIFT_WRAP;
    struct key_set members = {0};
    enum limits_result result;
    struct limits_event event;
    uint32_t seconds = 0;

    if (env->dry_run)
        return VERDICT_ACCEPTED;
    find_sender(ev, env, is_wrap, &event);
    if (is_wrap && event.tier > TIER_KNOWN && !has_work(ev, env) &&
        !find_members(ev, env, &members)) {
        key_set_deinit(&members);
        *message = "not enough memory for this event";
        return VERDICT_ERROR;
    }
    event.wrapped = (const struct pubkey *)members.key;
    event.n_wrapped = members.n;
    result = limits_take_event(env->limits, &event, &seconds);
    key_set_deinit(&members);
    if (result == LIMITS_OK)
        return VERDICT_ACCEPTED;
    *message = explain(env, result, event.tier, seconds);
    return VERDICT_RATE_LIMITED;
}
