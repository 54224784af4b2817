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
    LIMITS_PUBKEY,    /* this pubkey has used its budget up */
    LIMITS_TIER,      /* all of this tier together have */
    LIMITS_RECIPIENT, /* somebody whom it is for gets no more of this for now */
};

struct limits_event { /* one event more */
    struct pubkey sender;
    enum tier tier;               /* the sender's */
    const struct pubkey *wrapped; /* a stranger's gift wrap: for whom, each once; borrowed */
    size_t n_wrapped;
};

/* Takes from all budgets that it concerns, or from none; if refused, *wait_seconds says when to try
 * again. */
NODISCARD enum limits_result limits_take_event(struct limits *l, const struct limits_event *event,
                                               uint32_t *wait_seconds);

#endif
