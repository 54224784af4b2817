#ifndef WEBSOCKET_HANDLER_CONN_CONN_RPC_H
#define WEBSOCKET_HANDLER_CONN_CONN_RPC_H
/*
 * Management requests (NIP-86) on the public port: a POST whose body is gathered, wrapped up and
 * handed to the layer above, while the connection waits for the answer, which is the last on it.
 * Who signs and who may is judged behind the front end; here only form and bounds. Loop thread
 * only.
 */
#include "conn/conn.h"

/* What the layer above provides; set once before the listener starts. */
struct conn_rpc_ops {
    /* A whole request. envelope is the body of POST /v1/manage (docs/PROTOCOL.md), borrowed for the
     * call. The answer comes by conn_rpc_answer(), never from within. False: not now. */
    bool (*ask)(struct conn_handle h, struct slice envelope);
    /* The client has gone before its answer. */
    void (*cancel)(struct conn_handle h);
};

void conn_set_rpc_ops(const struct conn_rpc_ops *ops);
/* Answers with a status and a JSON object. Harmless when the client has gone. */
void conn_rpc_answer(struct conn_handle h, int status, struct slice json);

#endif
