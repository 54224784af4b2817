#ifndef WEBSOCKET_HANDLER_SESSION_SUBS_H
#define WEBSOCKET_HANDLER_SESSION_SUBS_H
/*
 * The subscriptions of one session (NIP-01). Each goes its way without a gap or a double between
 * stored and live events:
 *
 *   QUERYING --end of the answer, EOSE--> REPLAYING --> LIVE
 *                                          |   ^
 *              the ring has lost events    v   |  end of the answer, no EOSE
 *                                       CATCHING_UP
 *
 * While QUERYING and CATCHING_UP the event handler streams stored events, in REPLAYING the ring's
 * entries are sent (both pause while the client reads slowly), in LIVE the fan-out sends new ones.
 * See live/fanout.h. Loop thread only.
 */
#include "live/subscriber.h"
#include "upstream/query_queue.h"

struct session;

enum sub_state { SUB_QUERYING, SUB_REPLAYING, SUB_CATCHING_UP, SUB_LIVE };

struct subscription {
    struct subscriber live;
    struct session *session;
    struct query_sink sink;
    struct query *query; /* while QUERYING and CATCHING_UP */
    enum sub_state state;
    uint32_t slot; /* its place in subs.slot */
    char prefix[]; /* live.prefix: ["EVENT","<id>", */
};

struct sub_slot {
    uint32_t hash; /* of the id, to look at few subscriptions only */
    struct subscription *sub;
};

struct subs {
    struct sub_slot *slot;
    uint32_t n, room;
    size_t bytes; /* memory of all filters */
};

/* id_json: the subscription id as JSON, quotes included, escaped by jwrite.h. NULL when there is
 * none. */
struct subscription *subs_find(const struct session *s, struct slice id_json);
/* Opens a subscription; there is none with this id. Without live nothing follows the stored events.
 * Answers CLOSED when it cannot. */
void subs_open(struct session *s, struct slice id_json, const struct filter *filters, size_t n,
               bool live);
/* Ends one in silence: CLOSE, or a REQ that takes its place. */
void subs_close(struct subscription *sub);
void subs_close_all(struct session *s);
/* The client has read: goes on with what had paused. */
void subs_drained(struct session *s);

/* The id of sub as JSON. */
struct slice sub_id_json(const struct subscription *sub);

#endif
