/*
 * NIP-70: a repost must not carry a protected event out. Only the embedded event's tags matter, so
 * that one which is otherwise malformed is recognised too. Content that is no JSON object is
 * somebody's text.
 */
#include "nostr/kind.h"
#include "policy/policy.h"
#include "json/jread.h"

/* Reads one tag; true when it is the mark. */
static bool is_mark(struct jread *r)
{
    struct slice name;
    bool mark = false;

    if (!jread_array(r))
        return false;
    for (int i = 0; jread_item(r); i++) {
        if (i == 0 && jread_peek(r) == J_STRING)
            mark = jread_string(r, &name) && slice_eq(name, SLICE("-"));
        else if (!jread_skip(r, NULL))
            return false;
    }
    return mark && jread_ok(r);
}

static bool tags_hold_mark(struct jread *r)
{
    bool found = false;

    if (!jread_array(r))
        return false;
    while (jread_item(r)) {
        if (jread_peek(r) == J_ARRAY)
            found |= is_mark(r);
        else if (!jread_skip(r, NULL))
            return false;
    }
    return found;
}

static bool embeds_protected(struct slice json, struct arena *arena)
{
    struct jread r;
    struct slice key;
    bool found = false;

    jread_init(&r, json, arena);
    if (jread_peek(&r) != J_OBJECT || !jread_object(&r))
        return false;
    while (jread_key(&r, &key)) {
        if (slice_eq(key, SLICE("tags")) && jread_peek(&r) == J_ARRAY)
            found |= tags_hold_mark(&r);
        else if (!jread_skip(&r, NULL))
            return false;
    }
    return found;
}

enum verdict rule_repost(const struct event *ev, const struct policy_env *env, const char **message)
{
    if ((ev->kind != KIND_REPOST && ev->kind != KIND_GENERIC_REPOST) || ev->content.len == 0 ||
        !embeds_protected(ev->content, env->arena))
        return VERDICT_ACCEPTED;
    *message = "this reposts a protected event";
    return VERDICT_BLOCKED;
}
