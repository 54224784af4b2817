#ifndef WEBSOCKET_HANDLER_SUPERVISOR_H
#define WEBSOCKET_HANDLER_SUPERVISOR_H
/*
 * WS_WORKERS processes that share the public port, each with a loop of its own; a single one runs
 * without a parent. The parent only forks, waits and forks again: a worker that dies is replaced,
 * after a pause that grows when it keeps dying. It holds the listening sockets, so that clients
 * which are in the backlog of a dead worker are served by its successor.
 */
#include "base/base.h"

struct config;

/* What a process serves; gets the worker's number and its sockets, metrics_fd being -1 in all but
 * worker 0. Returns the exit status. */
typedef int worker_fn(struct config *cfg, unsigned worker, int public_fd, int metrics_fd);

/* Binds the sockets, runs the workers, returns the exit status of the program after SIGTERM or
 * SIGINT. Call before any thread exists. */
int supervisor_run(struct config *cfg, worker_fn *run);

#endif
