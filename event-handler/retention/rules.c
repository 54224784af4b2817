#include "retention/rules.h"

#include <stdlib.h>
#include <string.h>

#include "base/list_text.h"
#include "nostr/kind.h"
#include "wire/take.h"

enum { HOUR = 3600, DAY = 86400, AGE_MOST_DAYS = 36500, SHOWN_BYTES = 60 };

/* ---- reading ---- */

static bool refuse(struct buf *error, struct slice entry, const char *why)
{
    if (entry.len > SHOWN_BYTES)
        entry.len = SHOWN_BYTES;
    buf_printf(error, "\"" SLICE_FMT "\": %s", SLICE_ARG(entry), why);
    return false;
}

/* The part of *s before the separator, which is taken too; the whole of it when there is none. */
static struct slice take_part(struct slice *s, char separator)
{
    const char *at = s->len ? memchr(s->ptr, separator, s->len) : NULL;
    size_t len = at ? (size_t)(at - s->ptr) : s->len, used = at ? len + 1 : len;
    struct slice part = slice_of(s->ptr, len);

    *s = slice_of(s->ptr + used, s->len - used);
    return part;
}

static bool read_range(struct slice text, struct kind_range *out)
{
    uint64_t first, last;

    if (!take_u64(&text, &first))
        return false;
    last = first;
    if (text.len > 0 && (!take_text(&text, SLICE("-")) || !take_u64(&text, &last) || text.len > 0))
        return false;
    *out = (struct kind_range){(int)first, (int)last};
    return first <= last && last <= KIND_MAX;
}

static bool read_kinds(struct slice text, struct retention_rule *rule)
{
    if (slice_eq(text, SLICE("*")))
        return true;
    if (text.len == 0 || text.ptr[text.len - 1] == '+')
        return false;
    while (text.len > 0) {
        if (rule->n_ranges == RETENTION_RANGES_MOST ||
            !read_range(take_part(&text, '+'), &rule->range[rule->n_ranges++]))
            return false;
    }
    return true;
}

static bool read_age(struct slice text, struct retention_rule *rule)
{
    uint64_t n;

    rule->keep = slice_eq(text, SLICE("keep"));
    if (rule->keep)
        return true;
    if (!take_u64(&text, &n) || n > AGE_MOST_DAYS * (uint64_t)24)
        return false;
    if (n == 0 && text.len == 0)
        return true;
    if (slice_eq(text, SLICE("d")) && n <= AGE_MOST_DAYS)
        rule->age = (int64_t)n * DAY;
    else if (slice_eq(text, SLICE("h")))
        rule->age = (int64_t)n * HOUR;
    else
        return false;
    return true;
}

static bool read_rule(struct slice entry, struct retention_rule *rule, struct buf *error)
{
    struct slice rest = entry, tier = take_part(&rest, ':'), kinds = take_part(&rest, ':');

    *rule = (struct retention_rule){.any_tier = slice_eq(tier, SLICE("*"))};
    if (entry.len >= sizeof rule->text)
        return refuse(error, entry, "this rule is too long; write several");
    if (!rule->any_tier && !tier_parse(tier, &rule->tier))
        return refuse(
            error, entry,
            "a rule is TIER:KINDS:AGE, and TIER is admin, trusted, known, guest, muted or "
            "*");
    if (!read_kinds(kinds, rule))
        return refuse(error, entry,
                      "a rule is TIER:KINDS:AGE, and KINDS are kinds and ranges from 0 to 65535 "
                      "such as 1+6-7, or *");
    if (!read_age(rest, rule))
        return refuse(error, entry,
                      "a rule is TIER:KINDS:AGE, and AGE is a time such as 30d or 12h, 0, or keep");
    memcpy(rule->text, entry.ptr, entry.len);
    return true;
}

bool retention_rules_parse(struct slice text, struct retention_rules *out, struct buf *error)
{
    struct slice entry;

    out->n = 0;
    while (list_text_next(&text, &entry)) {
        if (out->n == RETENTION_RULES_MOST)
            return refuse(error, entry, "there are too many rules, the limit is 64");
        if (!read_rule(entry, &out->rule[out->n++], error))
            return false;
    }
    return true;
}

bool retention_rules_check(const char *text, struct buf *error)
{
    struct retention_rules *rules = malloc(sizeof *rules);
    bool good = rules && retention_rules_parse(slice_str(text), rules, error);

    free(rules);
    return good;
}

/* ---- judging ---- */

/* A profile, whom one follows, what one has deleted, that one vanished, where one is to be found;
 * the relay's own word on who its members are, which is written again only when that changes. */
static bool is_vital(int kind)
{
    return kind == KIND_METADATA || kind == KIND_FOLLOWS || kind == KIND_DELETION ||
           kind == KIND_VANISH || kind == KIND_RELAY_LIST || kind == KIND_DM_RELAYS ||
           kind == KIND_MEMBER_LIST || kind == KIND_ROLE;
}

static bool fits(const struct retention_rule *rule, enum tier tier, int kind)
{
    bool by_name_only = is_vital(kind) && tier <= TIER_KNOWN;

    if (!rule->any_tier && rule->tier != tier)
        return false;
    for (size_t i = 0; i < rule->n_ranges; i++) {
        const struct kind_range *r = &rule->range[i];

        if (kind >= r->first && kind <= r->last && (!by_name_only || r->first == r->last))
            return true;
    }
    return rule->n_ranges == 0 && !by_name_only;
}

const struct retention_rule *retention_rules_doom(const struct retention_rules *r, enum tier tier,
                                                  int kind, int64_t created_at, int64_t now)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct retention_rule *rule = &r->rule[i];

        if (fits(rule, tier, kind))
            return !rule->keep && created_at <= now - rule->age ? rule : NULL;
    }
    return NULL;
}

int64_t retention_rules_horizon(const struct retention_rules *r, int64_t now)
{
    int64_t horizon = -1;

    for (size_t i = 0; i < r->n; i++) {
        if (!r->rule[i].keep && now - r->rule[i].age > horizon)
            horizon = now - r->rule[i].age;
    }
    return horizon;
}
