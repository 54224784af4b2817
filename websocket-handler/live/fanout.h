#ifndef WEBSOCKET_HANDLER_LIVE_FANOUT_H
#define WEBSOCKET_HANDLER_LIVE_FANOUT_H
/*
 * From one live event to every subscription that matches, exactly once, across the seam between
 * stored and live events.
 *
 * A subscription's way:
 *
 *   fanout_register()    its query starts: it remembers where the ring stands, and is not in the
 *                        index yet
 *   fanout_replay(seq)   its query ended with the snapshot seq: the ring's entries since then are
 *                        sent, except stored ones up to seq, which were in the answer; then it
 *                        enters the index
 *   fanout_unregister()  at any time
 *
 * Stored events are delivered to it only above its snapshot, since the feed may lag behind the
 * query.
 *
 * The ring is kept only as far back as the oldest registered subscription that has not been
 * replayed, so it is empty while no query runs. Delivery checks expiry and, for private kinds, the
 * recipient's authenticated pubkeys. Loop thread only.
 */
#include "base/arena.h"
#include "base/siphash.h"
#include "live/ring.h"
#include "live/sub_index.h"

enum { EPHEMERAL_MEMORY = 4096 }; /* a power of two */

struct fanout {
    struct sub_index *index;
    struct ring ring;
    /* subscriber.reading, by ring_from: the first needs the most of the ring. */
    struct list reading;
    struct arena arena;                  /* the event being looked at */
    const struct control_state *control; /* whose events nobody may see; never NULL */
    /* Ids seen lately: an ephemeral event that is published twice is delivered once. */
    struct siphash_key hash_key;
    uint64_t ephemeral[EPHEMERAL_MEMORY];
};

/* NULL without memory. The ring's bounds are given. */
struct fanout *fanout_new(size_t ring_entries, size_t ring_bytes);
/* No subscriber may be left. NULL is fine. */
void fanout_free(struct fanout *f);

/* One event of the feed, in order: canonical JSON, seq 0 for an ephemeral one. May end connections
 * (and their subscriptions). */
void fanout_event(struct fanout *f, uint64_t seq, struct slice json);
/* From now on what control hides is not delivered, and gone from the ring. Borrowed until the next
 * call. */
void fanout_set_control(struct fanout *f, const struct control_state *control);
/* The database began its numbering anew: no snapshot means anything any more. */
void fanout_reset(struct fanout *f);

/* s's delivery part is filled in. False without memory. */
NODISCARD bool fanout_register(struct fanout *f, struct subscriber *s, const struct filter *filters,
                               size_t n);
/* The ring position of s becomes the newest: before a catch-up query. */
void fanout_reposition(struct fanout *f, struct subscriber *s);
/* Ends registration; harmless when not registered. */
void fanout_unregister(struct fanout *f, struct subscriber *s);

enum replay {
    REPLAY_LIVE,      /* all sent, s is live now */
    REPLAY_CONGESTED, /* the connection has enough queued: call again when it has drained */
    REPLAY_LOST, /* the ring has lost events since s registered: query those after s->snapshot, then
                    call again */
    REPLAY_GONE, /* the connection, and s with it, has ended */
    REPLAY_NOMEM, /* s is still registered, but cannot become live */
};
/* snapshot: the seq of the query's answer; a lower one than before is ignored. */
NODISCARD enum replay fanout_replay(struct fanout *f, struct subscriber *s, uint64_t snapshot);

#endif
