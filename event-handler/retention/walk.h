#ifndef EVENT_HANDLER_RETENTION_WALK_H
#define EVENT_HANDLER_RETENTION_WALK_H
/*
 * Retention (rules.h) at work: walks events_time from the oldest event to the newest that a rule
 * could concern, a small batch per transaction, and deletes what the rules doom. The walk belongs
 * to the database (retention_progress): one event handler at a time takes a step, any of them goes
 * on after another. Tiers are those of the access view at the time. One thread.
 */
#include "ops/key_set.h"
#include "retention/rules.h"
#include "store/db.h"

struct access_view;
struct config;

struct retention {
    struct retention_rules rules;
    const char *text;      /* RETENTION_RULES, borrowed */
    struct key_set exempt; /* RETENTION_KEEP_PUBKEYS */
    int64_t interval;      /* seconds from one walk to the next */
    bool apply;
};

/* From the settings, which have been checked. False without memory; deinit also then. */
NODISCARD bool retention_init(struct retention *r, const struct config *cfg);
void retention_deinit(struct retention *r);

/* Before the Web of Trust is there everybody would count as a guest: nothing may be deleted then.
 */
bool retention_knows_tiers(const struct access_view *view);

/* The rule by which an event is to go, or NULL. */
const struct retention_rule *retention_judge(const struct retention_rules *rules,
                                             const struct key_set *exempt,
                                             const struct access_view *view,
                                             const struct pubkey *author, int kind,
                                             int64_t created_at, int64_t now, enum tier *tier);

struct retention_step {
    int64_t looked_at;
    int64_t deleted[TIERS]; /* by tier */
    bool idle; /* nothing to do at present: no walk is due, or another event handler is at it */
};

/* One batch. Errors as db_exec(), ERR_NOMEM. */
NODISCARD enum err retention_take_step(const struct retention *r, struct db *db,
                                       const struct access_view *view, int64_t now,
                                       struct retention_step *out);

#endif
