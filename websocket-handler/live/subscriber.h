#ifndef WEBSOCKET_HANDLER_LIVE_SUBSCRIBER_H
#define WEBSOCKET_HANDLER_LIVE_SUBSCRIBER_H
/*
 * One subscription as live delivery sees it. Embedded in the session's struct subscription, which
 * fills in the delivery part and never outlives its connection. Loop thread only.
 */
#include "base/list.h"
#include "nostr/filter.h"

struct conn;
struct filter_link; /* sub_index.c */

/* The pubkeys that have authenticated on a connection (NIP-42). */
struct readers {
    struct pubkey *key;
    uint32_t n;
};

struct subscriber {
    /* Delivery: set by the session before sub_index_hold(). */
    struct conn *conn;
    const struct readers *readers; /* the connection's, at delivery time */
    const char *prefix;            /* ["EVENT","<subscription id>", */
    uint32_t prefix_len;
    uint64_t snapshot; /* stored events up to this seq have been sent or were no match */

    /* The seam (fanout.h): while linked, ring entries from ring_pos on are still to be looked at.
     */
    uint64_t ring_from; /* where ring_pos began; what fanout.reading is ordered by */
    uint64_t ring_pos;
    struct list reading;

    /* The index (sub_index.h). */
    struct filter_link *links;
    uint32_t n_links;
    uint32_t bytes;  /* memory of its filters, shared ones counted in full */
    uint32_t target; /* its place in the result of the match numbered stamp */
    bool active;
    uint64_t stamp;
};

/* The filters of s, held, without their limits; i < n_links. */
const struct filter *subscriber_filter(const struct subscriber *s, uint32_t i);
/* Does any filter of s, held, match ev? */
bool subscriber_matches(const struct subscriber *s, const struct event *ev);

#endif
