#ifndef COMMON_LIMIT_LIMITER_H
#define COMMON_LIMIT_LIMITER_H
/*
 * Token buckets that hold across processes. Pure: time comes in, leases (lease.h) go out and their
 * results come in; somebody else talks to Redis. One owner, one thread at a time.
 *
 * A bucket holds `amount` tokens when full and fills within period_ms. Each process decides alone
 * and at once, by its own picture of the bucket, and reports what it has spent once that makes a
 * slice, a tenth of the bucket; the answer corrects the picture. So:
 *
 *   - one round trip per slice, many subjects in one, and none for who does little;
 *   - everything accepted is charged in the end, so over time the rate is exact; for a moment n
 *     processes together may let through up to n slices too much, and what came within one round
 *     trip;
 *   - a picture is never too dark, so a refusal needs no asking, costs the refused nothing, and is
 *     not made longer by trying again;
 *   - without Redis each process holds the full rate by itself.
 *
 * Memory: at most max_subjects; the least recently used goes first, and whoever has had time to
 * fill up again is let go.
 */
#include "limit/lease.h"

struct limit_class {
    const char *name; /* static; part of the Redis key */
    int64_t amount;   /* tokens; 0: this class has no limit */
    int64_t period_ms;
};

struct limiter;

/* classes are borrowed. NULL without memory. */
struct limiter *limiter_new(const struct limit_class *classes, unsigned n_classes,
                            size_t max_subjects);
void limiter_free(struct limiter *l); /* NULL is fine */

/*
 * Takes cost tokens and returns true, or takes nothing, returns false and says in *wait_ms when
 * they will be there. What costs more than a full bucket is let through by a full one, and leaves a
 * debt. Without memory for a new subject: true.
 */
NODISCARD bool limiter_take(struct limiter *l, unsigned class, struct slice subject, double cost,
                            uint64_t now_ms, uint64_t *wait_ms);
/* Charges what is known only afterwards; may leave a debt, of one full bucket at most. */
void limiter_charge(struct limiter *l, unsigned class, struct slice subject, double cost,
                    uint64_t now_ms);

/* Gives back what limiter_take() has taken, for something that did not happen after all. */
void limiter_refund(struct limiter *l, unsigned class, struct slice subject, double cost);

/* Is there something to report? */
bool limiter_wants_lease(const struct limiter *l);
/* Moves up to max reports into leases; each ends in one of the two calls below. */
size_t limiter_collect(struct limiter *l, struct lease *leases, size_t max);
/* They were charged: values is lease_read_reply()'s. */
void limiter_settle(struct limiter *l, const struct lease *leases, const int64_t *values, size_t n,
                    uint64_t now_ms);
/* They were not: they are reported again later. */
void limiter_give_back(struct limiter *l, const struct lease *leases, size_t n);

/* Lets go of subjects whose buckets have filled up again. Now and then. */
void limiter_expire(struct limiter *l, uint64_t now_ms);
size_t limiter_subjects(const struct limiter *l);

#endif
