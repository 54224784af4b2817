#ifndef WEBSOCKET_HANDLER_LIVE_RING_H
#define WEBSOCKET_HANDLER_LIVE_RING_H
/*
 * The last live events of this process in order of arrival, each at a position that only grows. A
 * subscription whose stored events are still being sent reads here afterwards what it missed
 * (fanout.h), so nothing is held per subscription.
 *
 *      first            position a reader stands at          next
 *        | e | e | . | e | e | e | e | . | e | e | e | e | e |        . : removed by a deletion
 *
 * Bounded in events and bytes: the oldest give way, and a reader that stood there sees that its
 * position is below ring_first(). Loop thread only.
 */
#include "base/refbuf.h"
#include "control/control_state.h"
#include "nostr/event.h"

struct ring_entry {
    struct refbuf *body; /* {json}] ; NULL once removed */
    uint64_t seq;        /* 0: ephemeral */
    uint64_t author;     /* first bytes of the pubkey */
    int64_t created_at;
    int kind;
};

struct ring {
    struct ring_entry *entry; /* room of them, used as a circle: position p is at p % room */
    size_t room;              /* a power of two, or 0 */
    uint64_t first, next;
    size_t bytes;
    size_t max_entries, max_bytes;
};

void ring_init(struct ring *r, size_t max_entries, size_t max_bytes);
void ring_deinit(struct ring *r);

static inline uint64_t ring_first(const struct ring *r)
{
    return r->first;
}
static inline uint64_t ring_next(const struct ring *r)
{
    return r->next;
}
/* position must be in [first, next). */
const struct ring_entry *ring_at(const struct ring *r, uint64_t position);

/* Adds ev at ring_next(), with a reference of its own to body. Without memory the ring is emptied,
 * which its readers notice. */
void ring_push(struct ring *r, uint64_t seq, const struct event *ev, struct refbuf *body);
/* Forgets everything before position. */
void ring_trim(struct ring *r, uint64_t position);

/* ev is a deletion (NIP-09) or a request to vanish (NIP-62) that has been stored, and therefore
 * concerns this relay: removes the events that it hits. One pass over the ring. */
void ring_apply_deletion(struct ring *r, const struct event *ev);
/* Removes the events that the moderators have banned. One pass over the ring. */
void ring_remove_hidden(struct ring *r, const struct control_state *control);

#endif
