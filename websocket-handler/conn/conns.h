#ifndef WEBSOCKET_HANDLER_CONN_CONNS_H
#define WEBSOCKET_HANDLER_CONN_CONNS_H
/*
 * All connections of this process: what they share, their end of turn, their clock, their orderly
 * end. There is one set of them per process, because a struct conn_handle names a connection
 * process-wide. Loop thread only.
 *
 * Start: conn_set_ops(); conns_open(); then conns_accept() for each new socket. End: conns_drain();
 * conns_dismiss() and conns_close_dismissed() until conns_count() is 0; conns_close(); run the loop
 * until it is empty.
 */
#include <uv.h>

#include "conn/plain_http.h"

struct limits;

/* Before the first connection; NULL for none (limit/limits.h). They must outlive conns_close(). */
void conns_set_limits(struct limits *limits);
/* site must outlive the connections. ERR_NOMEM, ERR_IO. */
NODISCARD enum err conns_open(uv_loop_t *loop, const struct site *site);
/* Ends the connection that has waited longest without being anybody yet, or for us to be gone.
 * False when there is none. */
bool conns_make_room(void);
/* Takes over fd, a connected non-blocking socket. Serves it, refuses it or closes it. Whoever only
 * occupies connections gives way: many that never send a request keep nobody out. */
void conns_accept(int fd, enum http_port port);
/* From now on nobody is let in; who is in is served as ever. */
void conns_drain(void);
/* Nothing more is read from the next n clients. */
void conns_dismiss(size_t n);
/* Closes those, with code 1012, that have been dismissed and are settled, or at_once also those
 * that still wait. */
void conns_close_dismissed(bool at_once);
/* WebSocket clients that have not been told to go. */
size_t conns_clients(void);
/* Connections of every kind and state. */
size_t conns_count(void);
/* Cuts what is left and closes the handles; memory goes when the loop has run their close callbacks
 * and conns_deinit() is called. */
void conns_close(void);
void conns_deinit(void);

#endif
