#ifndef WEBSOCKET_HANDLER_UPSTREAM_QUERY_SHARE_H
#define WEBSOCKET_HANDLER_UPSTREAM_QUERY_SHARE_H
/*
 * The connections of one address, as far as they share what others need too: together they may have
 * half of those running that may run at all, so that however many connections somebody opens, there
 * is room for others. Part of query_queue.h. Loop thread only.
 */
#include "limit/subject_table.h"

struct query_share {
    struct subject_node node;
    size_t n_lanes;      /* its connections; it goes with the last */
    size_t n_running;    /* of their queries, paused ones not counted */
    size_t filter_bytes; /* of their subscriptions (session/subs.c) */
    struct list held;    /* lanes that could start one if the share allowed */
};

/* The share of that name (at most SUBJECT_MAX_BYTES), made when it is new. NULL without memory. */
struct query_share *query_share_join(struct subject_table *shares, struct slice name);
void query_share_leave(struct subject_table *shares, struct query_share *share);

#endif
