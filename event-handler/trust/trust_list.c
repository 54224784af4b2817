#include "trust/trust_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/hex.h"

enum {
    KEY_BYTES = 32,
    HOLD_LEAST = 10, /* people; shorter lists may shrink as they like */
    SECONDS_PER_DAY = 86400,
    HOLD_SECONDS = 2 * SECONDS_PER_DAY,
};

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, KEY_BYTES);
}

static size_t count(struct slice keys)
{
    return keys.len / KEY_BYTES;
}

static bool has(struct slice keys, const void *key)
{
    return keys.len > 0 && bsearch(key, keys.ptr, count(keys), KEY_BYTES, compare);
}

/* The people that ev names, ascending and each once. False without memory. */
static bool read_keys(const struct event *ev, struct arena *arena, struct slice *out)
{
    uint8_t *keys = arena_alloc(arena, (size_t)ev->n_tags * KEY_BYTES);
    size_t n = 0, kept = 0;

    if (!keys)
        return false;
    for (uint32_t i = 0; i < ev->n_tags; i++) {
        const struct tag *t = &ev->tag[i];

        if (t->n >= 2 && slice_eq(t->item[0], SLICE("p")) &&
            hex_decode(t->item[1], keys + n * KEY_BYTES, KEY_BYTES) &&
            memcmp(keys + n * KEY_BYTES, ev->pubkey.b, KEY_BYTES) != 0)
            n++;
    }
    if (n > 0)
        qsort(keys, n, KEY_BYTES, compare);
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || compare(keys + (kept - 1) * KEY_BYTES, keys + i * KEY_BYTES) != 0)
            memmove(keys + kept++ * KEY_BYTES, keys + i * KEY_BYTES, KEY_BYTES);
    }
    *out = slice_of((char *)keys, kept * KEY_BYTES);
    return true;
}

static bool is_newer(const struct trust_list *old, const struct event *ev)
{
    if (ev->created_at != old->created_at)
        return ev->created_at > old->created_at;
    return memcmp(ev->id.b, old->id.b, sizeof ev->id.b) < 0;
}

/* Did keys lose more than nine tenths of those in old? */
static bool collapsed(struct slice old, struct slice keys)
{
    size_t kept = 0;

    if (count(old) < HOLD_LEAST)
        return false;
    for (size_t i = 0; i < count(keys); i++)
        kept += has(old, keys.ptr + i * KEY_BYTES);
    return kept * 10 < count(old);
}

/* Is what the newest version says held back because it lost so much, not because it was capped? */
static bool holds_collapse(const struct trust_list *list)
{
    return list->held.ptr && collapsed(list->keys, list->held);
}

/*
 * list becomes what keys say, but for those new people that are too many for one day; old is what
 * counted until now. list->vouches are the day's so far.
 */
static enum trust_list_change take_keys(struct slice keys, const struct trust_list *old,
                                        unsigned most_new, struct arena *arena,
                                        struct trust_list *list)
{
    char *kept = arena_alloc(arena, keys.len);
    size_t n = 0;

    if (!kept)
        return TRUST_LIST_NOMEM;
    for (size_t i = 0; i < count(keys); i++) {
        const char *key = keys.ptr + i * KEY_BYTES;
        bool is_new = !has(old->keys, key);

        if (is_new && list->vouches >= (int64_t)most_new)
            continue;
        list->vouches += is_new;
        memcpy(kept + KEY_BYTES * n++, key, KEY_BYTES);
    }
    list->keys = slice_of(kept, n * KEY_BYTES);
    list->held = n < count(keys) ? keys : (struct slice){0};
    return n < count(keys) ? TRUST_LIST_CAPPED : TRUST_LIST_TAKEN;
}

/* The day's account, begun anew on another day. */
static void count_day(struct trust_list *list, const struct trust_list *old, int64_t now)
{
    list->vouch_day = now / SECONDS_PER_DAY;
    list->vouches = old->vouch_day == list->vouch_day ? old->vouches : 0;
}

/* A further version of a list whose author is no admin. */
static enum trust_list_change change(const struct trust_list *old,
                                     const struct trust_list_rules *rules, struct arena *arena,
                                     struct trust_list *list)
{
    count_day(list, old, rules->now);
    if (!holds_collapse(old) && collapsed(old->keys, list->keys)) {
        list->held = list->keys.len ? list->keys : SLICE("");
        list->keys = old->keys;
        return TRUST_LIST_HELD;
    }
    return take_keys(list->keys, old, rules->most_new, arena, list);
}

enum trust_list_change trust_list_ripen(const struct trust_list *old,
                                        const struct trust_list_rules *rules, bool forced,
                                        struct arena *arena, struct trust_list *out)
{
    enum trust_list_change result;

    if (!old->held.ptr)
        return TRUST_LIST_OLD;
    if (holds_collapse(old) && !forced && rules->now < old->created_at + HOLD_SECONDS)
        return TRUST_LIST_OLD;
    *out = *old;
    count_day(out, old, rules->now);
    result = take_keys(old->held, old, rules->most_new, arena, out);
    return slice_eq(out->keys, old->keys) && out->held.ptr ? TRUST_LIST_OLD : result;
}

/* The newest version is in the store now: it was known from another relay, or had been taken out
 * and its list emptied. */
static bool is_stored_now(const struct trust_list *old, const struct event *ev,
                          const struct trust_list_rules *rules)
{
    return rules->is_stored && !old->stored && memcmp(ev->id.b, old->id.b, sizeof ev->id.b) == 0;
}

enum trust_list_change trust_list_apply(const struct trust_list *old, const struct event *ev,
                                        const struct trust_list_rules *rules, struct arena *arena,
                                        struct trust_list *out)
{
    if ((!rules->is_stored && ev->created_at > rules->now + TRUST_FUTURE_SECONDS) ||
        (old && !is_newer(old, ev) && !is_stored_now(old, ev, rules)))
        return TRUST_LIST_OLD;
    if (old && is_stored_now(old, ev, rules) && (old->keys.len > 0 || old->held.ptr)) {
        *out = *old;
        return TRUST_LIST_TAKEN;
    }
    *out = (struct trust_list){.author = ev->pubkey,
                               .kind = ev->kind,
                               .created_at = ev->created_at,
                               .id = ev->id,
                               .vouch_day = rules->now / SECONDS_PER_DAY};
    if (!read_keys(ev, arena, &out->keys))
        return TRUST_LIST_NOMEM;
    if (!old || rules->is_root)
        return TRUST_LIST_TAKEN;
    return change(old, rules, arena, out);
}
