#ifndef EVENT_HANDLER_STORE_ERASE_H
#define EVENT_HANDLER_STORE_ERASE_H
/*
 * NIP-62: removing all that there is of a pubkey up to a time, and the gift wraps to it: events,
 * those that a ban withholds, kept versions, reports, lists in the Web of Trust. In steps that hold
 * up nobody for long.
 */
#include "base/siphash.h"
#include "store/db.h"
#include "store/write_plan.h"

/* Counts what is to go, a few times the limit at most; and removes as much, giving the number
 * removed: with fewer than the limit, all is gone. */
extern const char erase_count_sql[], erase_sql[];
void erase_params(struct db_params *p, const struct vanish *v, const struct siphash_key *tag_secret,
                  int64_t limit);

/*
 * All of it: first `vanished` is written, so that nothing comes back meanwhile, then step by step.
 * *keep_going is looked at between steps. Errors as db_exec(); ERR_GONE when *keep_going became
 * false. Doing it again is harmless.
 */
NODISCARD enum err erase_history(struct db *db, const struct vanish *v,
                                 const struct siphash_key *tag_secret,
                                 bool (*keep_going)(void *ctx), void *ctx);

#endif
