#include "trust/guard.h"

size_t guard_missing(const struct trust_table *a, const struct trust_table *b)
{
    size_t n = 0;

    for (size_t i = 0; i < a->n; i++) {
        const struct trust_entry *e =
            a->entry[i].trusted ? trust_table_find(b, &a->entry[i].pubkey) : NULL;

        n += a->entry[i].trusted && !(e && e->trusted);
    }
    return n;
}

static bool same_entry(const struct trust_entry *a, const struct trust_entry *b)
{
    return a->level == b->level && a->trusted == b->trusted && a->muted == b->muted &&
           a->follows == b->follows && a->followers == b->followers;
}

bool guard_same(const struct trust_table *a, const struct trust_table *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        const struct trust_entry *e = trust_table_find(b, &a->entry[i].pubkey);

        if (!e || !same_entry(&a->entry[i], e))
            return false;
    }
    return true;
}

static bool has_level_one(const struct trust_table *t)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->entry[i].trusted && t->entry[i].level == 1)
            return true;
    }
    return false;
}

/* Somebody who is still an admin followed people, and now follows nobody. */
static bool lost_admin_list(const struct trust_table *old, const struct trust_table *fresh)
{
    for (size_t i = 0; i < old->n; i++) {
        const struct trust_entry *e =
            old->entry[i].follows ? trust_table_find(fresh, &old->entry[i].pubkey) : NULL;

        if (e && e->level == 0 && !e->follows)
            return true;
    }
    return false;
}

const char *guard_fault(const struct trust_table *old, const struct trust_table *fresh)
{
    size_t before = old->n_trusted;

    if (old->generation == 0)
        return NULL;
    if (has_level_one(old) && !has_level_one(fresh))
        return "no admin follows anybody any more";
    if (lost_admin_list(old, fresh))
        return "the list of an admin is gone or empty";
    if (before >= GUARD_SHRINK_LEAST &&
        guard_missing(old, fresh) * 100 > before * GUARD_SHRINK_PERCENT)
        return "it lost more than 30 % of its people";
    return NULL;
}
