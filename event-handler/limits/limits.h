#ifndef EVENT_HANDLER_LIMITS_LIMITS_H
#define EVENT_HANDLER_LIMITS_LIMITS_H
/*
 * What one pubkey, one tier or one recipient may have written, over all event handlers together
 * (limit/limiter.h). Decided from memory at once; a thread of its own settles with Redis, and while
 * that is away each process holds the full rates by itself. Any thread.
 *
 * A NULL struct limits allows everything: RATE_LIMITS=False.
 */
#include "nostr/keys.h"
#include "nostr/tier.h"

struct config;
struct limits;

/* *out is NULL when RATE_LIMITS is off. ERR_NOMEM without memory or a thread. cfg must outlive it.
 */
NODISCARD enum err limits_start(const struct config *cfg, struct limits **out);
void limits_stop(struct limits *l); /* NULL is fine */

enum limits_result {
    LIMITS_OK,
    LIMITS_PUBKEY, /* this pubkey has used its budget up */
    LIMITS_TIER,   /* all of this tier together have */
};

/* One event more by pk, who is of that tier; if refused, *wait_seconds says when to try again. */
NODISCARD enum limits_result limits_take_event(struct limits *l, const struct pubkey *pk,
                                               enum tier tier, uint32_t *wait_seconds);
/* One gift wrap more from a stranger to this recipient. */
NODISCARD bool limits_take_recipient(struct limits *l, const struct pubkey *recipient,
                                     uint32_t *wait_seconds);

#endif
