#ifndef RELAYCTL_PUBLISH_H
#define RELAYCTL_PUBLISH_H
/*
 * Events on their way to a relay, many at a time: each is kept until its OK has come, so that it
 * can be sent again once we have authenticated. At most `window` events are held. One thread.
 */
#include "relay.h"

struct publisher;

/* relay is borrowed. NULL without memory. */
NODISCARD struct publisher *publisher_new(struct relay *relay, size_t window);
void publisher_free(struct publisher *p); /* NULL is fine */

bool publisher_has_room(const struct publisher *p);
size_t publisher_waiting(const struct publisher *p); /* events without an answer */
/* Sends one event; only when there is room. number is the caller's, for publish_answer. False
 * without memory. */
NODISCARD bool publisher_add(struct publisher *p, const struct event_id *id, struct slice json,
                             uint64_t number);

struct publish_answer {
    uint64_t number;
    struct event_id id;
    bool accepted;
    struct slice text; /* good until the next call */
};

enum publish_result {
    PUBLISH_ANSWERED,
    PUBLISH_INPUT,       /* also_fd can be read */
    PUBLISH_INTERRUPTED, /* interrupt.h */
    PUBLISH_FAILED,      /* no further answer will come; the user has been told */
};

/* Waits for the first of these; also_fd may be -1. With no event waiting for its answer there is no
 * timeout. */
enum publish_result publisher_next(struct publisher *p, int also_fd, struct publish_answer *answer);

#endif
