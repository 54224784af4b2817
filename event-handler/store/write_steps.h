#ifndef EVENT_HANDLER_STORE_WRITE_STEPS_H
#define EVENT_HANDLER_STORE_WRITE_STEPS_H
/*
 * The two round trips of a write transaction: asking the database what the planner needs, and
 * carrying out the plan. The writer's thread.
 */
#include "base/siphash.h"
#include "store/write_plan.h"
#include "store/write_trip.h"

/* Begins the transaction, locks feed_head and asks. The caller trip_clear()s t after OK. */
NODISCARD enum err write_ask(struct db *db, struct arena *a, struct new_event *const *ne, size_t n,
                             struct trip *t);
/* Turns the answers into what the planner takes; false without memory. */
NODISCARD bool write_read_known(struct arena *a, const struct trip *t, struct write_known *k);

/* Adds to t all that goes. Failures show in t->err. */
void write_send_deletions(struct arena *a, struct trip *t, const struct write_plan *plan);
/* Adds to t all that comes, numbered from head + 1, and the new head. */
void write_send_inserts(struct arena *a, struct trip *t, struct new_event *const *ne, size_t n,
                        size_t n_inserts, uint64_t head, const struct siphash_key *tag_secret);

#endif
