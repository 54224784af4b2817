#ifndef EVENT_HANDLER_RETENTION_RULES_H
#define EVENT_HANDLER_RETENTION_RULES_H
/*
 * How long what is kept: RETENTION_RULES, a list of
 *
 *   TIER:KINDS:AGE      guest:*:30d, known:1+6-7:365d, *:30023:keep
 *
 *   TIER    admin, trusted, known, guest, muted (nostr/tier.h), or * for everybody
 *   KINDS   a kind, a range 1-7, several of them joined by +, or * for all
 *   AGE     since created_at: 30d, 12h; 0 for any age; keep to delete nothing
 *
 * The first rule that fits an event decides; what no rule fits is kept. Kinds that people cannot do
 * without (0, 3, 5, 62, 10002, 10050, and the relay's own 13534, 33534) of members, who are known
 * or better, are fitted only by a rule that names the kind by itself: "known:3:365d", not
 * "known:1-7:365d". Pure: any thread.
 */
#include "base/buf.h"
#include "nostr/tier.h"

enum { RETENTION_RULES_MOST = 64, RETENTION_RANGES_MOST = 16, RETENTION_TEXT_ROOM = 96 };

struct kind_range {
    int first, last;
};

struct retention_rule {
    char text[RETENTION_TEXT_ROOM]; /* as it was written */
    bool any_tier, keep;
    enum tier tier;
    struct kind_range range[RETENTION_RANGES_MOST];
    size_t n_ranges; /* 0 for all kinds */
    int64_t age;     /* seconds */
};

struct retention_rules {
    struct retention_rule rule[RETENTION_RULES_MOST];
    size_t n;
};

/* False after naming the entry at fault in error; out is undefined then. */
NODISCARD bool retention_rules_parse(struct slice text, struct retention_rules *out,
                                     struct buf *error);
/* The same without keeping the result: a setting's check (ops/settings.h). */
bool retention_rules_check(const char *text, struct buf *error);

/* The rule by which an event of somebody of this tier is to be deleted at now, or NULL. */
const struct retention_rule *retention_rules_doom(const struct retention_rules *r, enum tier tier,
                                                  int kind, int64_t created_at, int64_t now);
/* Events newer than this are safe from all rules; -1 when nothing is ever deleted. */
int64_t retention_rules_horizon(const struct retention_rules *r, int64_t now);

#endif
