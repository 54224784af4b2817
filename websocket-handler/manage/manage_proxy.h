#ifndef WEBSOCKET_HANDLER_MANAGE_MANAGE_PROXY_H
#define WEBSOCKET_HANDLER_MANAGE_MANAGE_PROXY_H
/*
 * Carries management requests (NIP-86) from clients (conn/conn_rpc.h) to an event handler, and the
 * answers back. A bounded number is under way at a time; a client that goes takes its request with
 * it, as far as that has not been carried out. Loop thread only.
 */
#include "conn/conn_rpc.h"

struct handler_client;

/* One per process. Set with conn_set_rpc_ops() behind manage_proxy_open(). */
extern const struct conn_rpc_ops manage_proxy_ops;

void manage_proxy_open(struct handler_client *client);
/* After the last connection has ended. */
void manage_proxy_close(void);

#endif
