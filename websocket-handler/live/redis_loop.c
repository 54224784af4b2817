#include "live/redis_loop.h"

#include <stdlib.h>

/* Outlives its context: hiredis frees that whenever it likes, the poll handle only in its close
 * callback. */
struct redis_watch {
    uv_poll_t poll;
    redisAsyncContext *ac; /* NULL once hiredis has let go */
    int events;
    uint64_t heard_ms;
};

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct redis_watch *w = poll->data;

    if (status < 0)
        events = UV_READABLE | UV_WRITABLE;
    if (w->ac && (events & UV_READABLE)) {
        w->heard_ms = uv_now(poll->loop);
        redisAsyncHandleRead(w->ac);
    }
    if (w->ac && (events & UV_WRITABLE))
        redisAsyncHandleWrite(w->ac);
}

static void watch(struct redis_watch *w, int events)
{
    if (events == w->events)
        return;
    w->events = events;
    if (events)
        uv_poll_start(&w->poll, events, on_poll);
    else
        uv_poll_stop(&w->poll);
}

static void add_read(void *data)
{
    struct redis_watch *w = data;

    watch(w, w->events | UV_READABLE);
}

static void del_read(void *data)
{
    struct redis_watch *w = data;

    watch(w, w->events & ~UV_READABLE);
}

static void add_write(void *data)
{
    struct redis_watch *w = data;

    watch(w, w->events | UV_WRITABLE);
}

static void del_write(void *data)
{
    struct redis_watch *w = data;

    watch(w, w->events & ~UV_WRITABLE);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* hiredis closes the socket right after this; uv_close() stops watching it at once. */
static void cleanup(void *data)
{
    struct redis_watch *w = data;

    w->ac = NULL;
    uv_close((uv_handle_t *)&w->poll, on_closed);
}

enum err redis_loop_attach(redisAsyncContext *ac, uv_loop_t *loop)
{
    struct redis_watch *w = calloc(1, sizeof *w);

    if (!w)
        return ERR_NOMEM;
    if (uv_poll_init(loop, &w->poll, ac->c.fd) != 0) {
        free(w);
        return ERR_IO;
    }
    w->poll.data = w;
    w->ac = ac;
    w->heard_ms = uv_now(loop);
    ac->ev.data = w;
    ac->ev.addRead = add_read;
    ac->ev.delRead = del_read;
    ac->ev.addWrite = add_write;
    ac->ev.delWrite = del_write;
    ac->ev.cleanup = cleanup;
    return OK;
}

uint64_t redis_loop_heard_ms(const redisAsyncContext *ac)
{
    const struct redis_watch *w = ac->ev.data;

    return w->heard_ms;
}
