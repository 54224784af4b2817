#ifndef EVENT_HANDLER_STORE_ERASE_H
#define EVENT_HANDLER_STORE_ERASE_H
/*
 * NIP-62: removing all events of a pubkey up to a time, and all gift wraps to it, in steps that
 * hold up nobody for long.
 */
#include "base/siphash.h"
#include "store/db.h"
#include "store/write_plan.h"

/* For pipelines (db_pipe_send): counts, at most $6, what is to go; and removes at most $6 of it,
 * giving the number removed. */
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
