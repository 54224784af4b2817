/*
 * Words and patterns that only admins may write: POLICY_BLOCKED_WORDS and POLICY_BLOCKED_PATTERNS.
 * Looked at is what people read: the content, and tags that are shown with it. What is encrypted
 * would only match by chance.
 */
#include <stdio.h>

#include "config.h"
#include "nostr/kind.h"
#include "policy/policy.h"
#include "policy/policy_lists.h"

enum { MESSAGE_SIZE = 160 };

static bool is_shown(const struct tag *t)
{
    static const char *const names[] = {"t", "title", "subject", "summary", "alt"};

    for (size_t i = 0; t->n >= 2 && i < ARRAY_LEN(names); i++) {
        if (slice_eq(t->item[0], slice_str(names[i])))
            return true;
    }
    return false;
}

static const char *find(const struct blocked *b, const struct event *ev)
{
    const char *name;

    if (!b->set)
        return NULL;
    name = blocked_find(b, ev->content);
    for (uint32_t i = 0; !name && i < ev->n_tags; i++) {
        if (is_shown(&ev->tag[i]))
            name = blocked_find(b, ev->tag[i].item[1]);
    }
    return name;
}

enum verdict rule_words(const struct event *ev, const struct policy_env *env, const char **message)
{
    const struct policy_lists *l = env->cfg->policy;
    const char *name;
    char *text;

    if ((!l->words.set && !l->patterns.set) || env->author.tier == TIER_ADMIN ||
        kind_is_private(ev->kind))
        return VERDICT_ACCEPTED;
    name = find(&l->words, ev);
    if (name && (text = arena_alloc(env->arena, MESSAGE_SIZE))) {
        snprintf(text, MESSAGE_SIZE, "it contains \"%s\", which this relay does not take", name);
        *message = text;
        return VERDICT_BLOCKED;
    }
    if (!name && !find(&l->patterns, ev))
        return VERDICT_ACCEPTED;
    *message = "it contains something that this relay does not take";
    return VERDICT_BLOCKED;
}
