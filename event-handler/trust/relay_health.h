#ifndef EVENT_HANDLER_TRUST_RELAY_HEALTH_H
#define EVENT_HANDLER_TRUST_RELAY_HEALTH_H
/*
 * How relays behaved when they were last asked, so that a dead or hostile one is not asked in every
 * crawl: a score from 0 to 100, and a time before which it is left alone that doubles with each
 * failure in a row. Kept from crawl to crawl by whoever owns the crawler; at most
 * RELAY_HEALTH_MOST relays, of which the one not asked for longest is forgotten. One thread.
 */
#include "base/base.h"

enum {
    RELAY_HEALTH_MOST = 4096,
    RELAY_HEALTH_FIRST_SECONDS = 60,
    RELAY_HEALTH_MOST_SECONDS = 24 * 3600,
    RELAY_HEALTH_SEED_SECONDS = 15 * 60, /* at most, for relays that the operator named */
};

enum relay_conduct {
    RELAY_CONDUCT_GOOD,    /* it answered what it was asked */
    RELAY_CONDUCT_FAILED,  /* it was not reached, or did not answer in time */
    RELAY_CONDUCT_HOSTILE, /* it sent what nobody signed or nobody asked for */
};

struct relay_health;

struct relay_health *relay_health_new(void);    /* NULL without memory */
void relay_health_free(struct relay_health *h); /* NULL is fine */

/* Notes how url behaved at now (seconds since 1970). Without memory nothing is noted. */
void relay_health_note(struct relay_health *h, const char *url, enum relay_conduct conduct,
                       int64_t now);
/* When url may be asked again, seconds since 1970; 0 for a relay nothing is held against. */
int64_t relay_health_retry_at(const struct relay_health *h, const char *url, bool seed);
/* 0 (never answered) to 100; 50 for a stranger. */
unsigned relay_health_score(const struct relay_health *h, const char *url);

#endif
