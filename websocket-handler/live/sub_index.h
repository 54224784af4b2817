#ifndef WEBSOCKET_HANDLER_LIVE_SUB_INDEX_H
#define WEBSOCKET_HANDLER_LIVE_SUB_INDEX_H
/*
 * Which subscriptions does an event match? The cost is per event, not per subscription.
 *
 * Equal filters (by their canonical bytes, limit left out) are one object here, however many
 * subscriptions use them. Each is posted under its rarest condition: its ids, else its authors,
 * else the values of its shortest tag list, else its kinds, else under "any". An event looks up the
 * keys that it has (its id, its author, its kind, its tag values) and tests each filter found there
 * once. A filter that shares no key with the event costs nothing.
 *
 *   subscriber --links[]--> live_filter <--postings[]-- key_table
 *        ^---- subscribers of the filter, a list ----'
 *
 * A subscriber is held first (its filters are kept and can be tested with subscriber_matches()),
 * and activated when its stored events have been sent: only then sub_index_match() finds it. Loop
 * thread only.
 */
#include "live/subscriber.h"

struct sub_index;

/* NULL without memory. */
struct sub_index *sub_index_new(void);
/* No subscriber may be left. NULL is fine. */
void sub_index_free(struct sub_index *ix);

/* Keeps a copy of the n filters for s. False without memory; s is then not held. */
NODISCARD bool sub_index_hold(struct sub_index *ix, struct subscriber *s,
                              const struct filter *filters, size_t n);
/* False without memory: s stays held. */
NODISCARD bool sub_index_activate(struct sub_index *ix, struct subscriber *s);
/* Ends hold or activation; harmless when s was not held. Allowed while the result of
 * sub_index_match() is walked: s becomes NULL there. */
void sub_index_release(struct sub_index *ix, struct subscriber *s);

/* Every active subscriber with a filter that ev satisfies, each once, in no particular order. The
 * array is valid until the next call. */
size_t sub_index_match(struct sub_index *ix, const struct event *ev,
                       struct subscriber *const **out);

/* Sets the snapshot of every active subscriber to 0: the numbering of the database has begun anew.
 */
void sub_index_forget_snapshots(struct sub_index *ix);

struct sub_index_size {
    size_t active;  /* subscribers that sub_index_match() can find */
    size_t filters; /* distinct */
    size_t keys;
};
struct sub_index_size sub_index_size(const struct sub_index *ix);

#endif
