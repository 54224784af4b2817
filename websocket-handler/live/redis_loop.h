#ifndef WEBSOCKET_HANDLER_LIVE_REDIS_LOOP_H
#define WEBSOCKET_HANDLER_LIVE_REDIS_LOOP_H
/*
 * hiredis on libuv. Debian's hiredis 0.14 brings an adapter that swallows errors of the poll
 * handle, so a broken socket would never be noticed; this one hands them to hiredis as readiness,
 * which then finds the error itself. Loop thread only.
 */
#include <hiredis/async.h>
#include <uv.h>

#include "base/base.h"

/* Drives ac, which has just been made by redisAsyncConnect() without an error. hiredis lets go of
 * the loop by itself when it frees ac. */
NODISCARD enum err redis_loop_attach(redisAsyncContext *ac, uv_loop_t *loop);
/* When bytes from the server last arrived (uv_now()), for silence detection; the time of attaching
 * at first. */
uint64_t redis_loop_heard_ms(const redisAsyncContext *ac);

#endif
