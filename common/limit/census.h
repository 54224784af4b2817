#ifndef COMMON_LIMIT_CENSUS_H
#define COMMON_LIMIT_CENSUS_H
/*
 * How many things of a subject are open at the same time (connections, subscriptions), across
 * processes. Pure, like limiter.h, and of the same mind: each process decides at once by its own
 * number and the last it heard of the others, and reports its number when that has changed by a
 * slice, a tenth of the cap. So n processes together may be over the cap by n slices. What a
 * process reported holds for COUNT_TTL_MS and is renewed by census_renew(); a dead one's numbers
 * vanish. Without Redis each process holds the cap by itself. One owner, one thread at a time.
 *
 * Memory: one node per subject that has something open here.
 */
#include "limit/lease.h"

struct census_class {
    const char *name; /* static; part of the Redis key */
    int64_t cap;      /* 0: no cap */
};

struct census;

/* classes are borrowed. NULL without memory. */
struct census *census_new(const struct census_class *classes, unsigned n_classes);
void census_free(struct census *c); /* NULL is fine */

/* One more, if the cap allows; false otherwise. Without memory it is let in and not counted. */
NODISCARD bool census_enter(struct census *c, unsigned class, struct slice subject,
                            uint64_t now_ms);
/* One more in any case, for those whom the cap does not bind; it counts for the others all the
 * same. */
void census_enter_freely(struct census *c, unsigned class, struct slice subject);
/* One less; for each that entered. */
void census_leave(struct census *c, unsigned class, struct slice subject);

bool census_wants_report(const struct census *c);
size_t census_collect(struct census *c, struct lease *leases, size_t max);
void census_settle(struct census *c, const struct lease *leases, const int64_t *others, size_t n,
                   uint64_t now_ms);
void census_give_back(struct census *c, const struct lease *leases, size_t n);
/* What was reported is to be reported again. Several times within COUNT_TTL_MS. */
void census_renew(struct census *c);

#endif
