#ifndef WEBSOCKET_HANDLER_LIMIT_LIMITS_H
#define WEBSOCKET_HANDLER_LIMIT_LIMITS_H
/*
 * What one address or one pubkey may do, over all front ends together (limit/limiter.h,
 * limit/census.h). Every decision is made at once, from memory; Redis is told in slices, many
 * subjects in one round trip, and while it is away each process holds the full rates by itself.
 * Loop thread only.
 *
 * A NULL struct limits allows everything: RATE_LIMITS=False. Addresses are those of
 * client_origin.h; IPv6 counts by /64.
 */
#include <uv.h>

#include "base/cidr.h"
#include "nostr/keys.h"
#include "nostr/tier.h"

struct config;
struct limits;

/* Rates. A class is about the address or about the pubkey. */
enum limit_rate {
    LIMIT_IP_CONNECTS,
    LIMIT_IP_EVENTS,
    LIMIT_IP_BYTES,
    LIMIT_IP_QUERIES,
    LIMIT_KEY_QUERIES,
    LIMIT_RATES
};
/* What is open at the same time; both about the address. */
enum limit_open { LIMIT_IP_CONNECTIONS, LIMIT_IP_SUBSCRIPTIONS, LIMIT_OPENS };

struct limit_who {
    const struct ip *address;
    const struct pubkey *key; /* authenticated, or NULL: rates about pubkeys then allow */
    enum tier tier;           /* admins are not limited, trusted people have LIMIT_IP_TRUST_FACTOR
                                 times as much */
};

/* *out is NULL when RATE_LIMITS is off. ERR_NOMEM after a log line. cfg must outlive it. */
NODISCARD enum err limits_start(uv_loop_t *loop, const struct config *cfg, struct limits **out);
/* Memory goes when the loop has run the close callbacks. NULL is fine. */
void limits_stop(struct limits *l);

/* Takes cost, or says in how many seconds it will be there. */
NODISCARD bool limits_take(struct limits *l, enum limit_rate rate, const struct limit_who *who,
                           double cost, uint32_t *wait_seconds);
/* A query's cost, from the address and from the pubkey: both or neither. */
NODISCARD bool limits_take_query(struct limits *l, const struct limit_who *who, double cost,
                                 uint32_t *wait_seconds);
/* What a query turned out to cost more; may leave a debt. */
void limits_charge_query(struct limits *l, const struct limit_who *who, double cost);

/* One more of something that stays open, and one less. */
NODISCARD bool limits_enter(struct limits *l, enum limit_open open, const struct limit_who *who);
void limits_leave(struct limits *l, enum limit_open open, const struct ip *address);

#endif
