#ifndef WEBSOCKET_HANDLER_SESSION_SESSION_H
#define WEBSOCKET_HANDLER_SESSION_SESSION_H
/*
 * One Nostr conversation on one connection: challenge, authenticated pubkeys, subscriptions,
 * budgets. The connection layer (conn/conn.h) calls it through session_conn_ops; it answers through
 * reply.h. Loop thread only.
 *
 * Start:  session_setup(&env); conn_set_ops(&session_conn_ops);
 */
#include "conn/conn.h"

struct config;
struct control_state;
struct limits;
struct live;
struct upstream;

/* What all sessions of this process share. The members outlive every connection. */
struct session_env {
    const struct config *cfg;
    struct upstream *upstream; /* upstream/upstream.h */
    struct live *live;         /* live/live.h */
    struct limits *limits;     /* limit/limits.h; NULL: none */
};

/* Once, before the listener starts. Copies *env. */
void session_setup(const struct session_env *env);
/* From now on these bans hold; whom they concern is told, and closed. Borrowed until the next
 * call. */
void session_set_control(const struct control_state *control);
/* After the last connection has ended. */
void session_teardown(void);

extern const struct conn_ops session_conn_ops;

#endif
