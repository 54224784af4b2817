#ifndef WEBSOCKET_HANDLER_CONN_LISTENER_H
#define WEBSOCKET_HANDLER_CONN_LISTENER_H
/*
 * A listening TCP socket. It is bound before the workers are forked, so that an address that cannot
 * be had is one clear line at start; then each worker serves one of its own, and the kernel spreads
 * the clients over them. Loop thread only.
 */
#include <uv.h>

#include "conn/plain_http.h"
#include "ops/log.h"

struct listener {
    uv_poll_t poll;
    int fd;
    int spare_fd; /* given up for a moment when descriptors run out, to turn the next client away */
    enum http_port port;
    bool open;
    struct log_gate gate;
};

/*
 * Binds n sockets to one address and port, non-blocking, listening. ERR_CONFIG after a log line
 * when host is not an address of this machine or the port is taken.
 */
NODISCARD enum err listener_bind(const char *host, int64_t port, int *fds, size_t n);

/* Serves fd, which it owns from now on: each new connection goes to conns_accept(). ERR_IO. */
NODISCARD enum err listener_open(struct listener *l, uv_loop_t *loop, int fd, enum http_port port);
/* Harmless when it is not open. *l must stay until the loop has run the close callback. */
void listener_close(struct listener *l);

#endif
