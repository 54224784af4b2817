/*
 * libcurl on libuv. The traps, and what is done about them:
 *
 * - libcurl forbids most of its functions inside its own callbacks. `inside` says that we are in
 *   one: what is asked for meanwhile (start, resume, cancel) is noted in lists and done afterwards
 *   by settle().
 * - The timer callback must not drive libcurl: it only starts a libuv timer, for 0 ms too.
 * - A socket may be closed and its number reused as soon as libcurl says REMOVE: its poll handle
 *   is closed at once, never stopped and kept.
 * - CURL_WRITEFUNC_PAUSE means that none of the bytes were taken; they come again.
 */
#include "upstream/curl_loop.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "ops/log.h"

enum {
    IDLE_HANDLES = 64,     /* easy handles kept for reuse */
    IDLE_CONNECTIONS = 96, /* connections kept open */
    TICK_MS = 250,         /* how often deadlines are looked at */
    RECEIVE_BUFFER = 64 * 1024,
};

struct curl_loop {
    uv_loop_t *loop;
    CURLM *multi;
    uv_timer_t timer;  /* libcurl's */
    uv_timer_t tick;   /* ours: deadlines */
    struct list calls; /* http_call.node: running */
    struct list todo;  /* http_call.todo: to be started or resumed outside of callbacks */
    struct list dead;  /* http_call.node: ended, to be released outside of callbacks */
    CURL *idle[IDLE_HANDLES];
    size_t n_idle;
    unsigned inside;
    unsigned open_handles; /* libuv handles that still need their close callback */
    bool closing;
};

struct http_call {
    struct list node, todo;
    struct curl_loop *cl;
    CURL *easy;
    bool added;             /* to the multi handle */
    struct http_sink *sink; /* NULL once cancelled */
    uint32_t idle_ms;
    uint64_t deadline_ms;
    curl_off_t moved; /* bytes sent and received when last looked at */
    bool paused;
};

/* One socket of libcurl's. */
struct curl_socket {
    uv_poll_t poll;
    struct curl_loop *cl;
    curl_socket_t fd;
};

/* ---- ending a call ---- */

static void release(struct http_call *call)
{
    struct curl_loop *cl = call->cl;

    if (call->added)
        curl_multi_remove_handle(cl->multi, call->easy);
    if (cl->n_idle < IDLE_HANDLES && !cl->closing)
        cl->idle[cl->n_idle++] = call->easy;
    else
        curl_easy_cleanup(call->easy);
    list_remove(&call->node);
    list_remove(&call->todo);
    free(call);
}

static void start_or_resume(struct http_call *call);

/* Does what had to wait for the end of a callback. */
static void settle(struct curl_loop *cl)
{
    struct list *node;

    while (cl->inside == 0 && (node = list_pop(&cl->dead)) != NULL)
        release(container_of(node, struct http_call, node));
    while (cl->inside == 0 && (node = list_pop(&cl->todo)) != NULL)
        start_or_resume(container_of(node, struct http_call, todo));
}

void http_call_cancel(struct http_call *call)
{
    struct curl_loop *cl = call->cl;

    call->sink = NULL;
    list_remove(&call->node);
    list_push(&cl->dead, &call->node);
    settle(cl);
}

static void finish(struct http_call *call, enum err err)
{
    if (!call->sink)
        return; /* cancelled: on the dead list */
    call->sink->ops->done(call->sink, err);
    http_call_cancel(call);
}

static enum err err_of(CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return OK;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT: /* the only time that libcurl keeps for us is that of connecting
                                    */
        return ERR_GONE;
    case CURLE_OUT_OF_MEMORY:
        return ERR_NOMEM;
    default:
        return ERR_IO;
    }
}

/* Tells whoever waits for the transfers that have ended. */
static void reap(struct curl_loop *cl)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(cl->multi, &left)) != NULL) {
        struct http_call *call;
        CURLcode code = msg->data.result;

        if (msg->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &call);
        finish(call, err_of(code));
    }
}

/* ---- driving libcurl ---- */

static void drive(struct curl_loop *cl, curl_socket_t fd, int flags)
{
    CURLMcode code;
    int running;

    cl->inside++;
    code = curl_multi_socket_action(cl->multi, fd, flags, &running);
    cl->inside--;
    if (code != CURLM_OK)
        log_error("upstream", "libcurl failed", "error=\"%s\"", curl_multi_strerror(code));
    settle(cl);
    reap(cl);
}

static void on_timer(uv_timer_t *timer)
{
    drive(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int set_timer(CURLM *multi, long ms, void *data)
{
    struct curl_loop *cl = data;

    (void)multi;
    if (cl->closing)
        return 0;
    if (ms < 0)
        uv_timer_stop(&cl->timer);
    else
        uv_timer_start(&cl->timer, on_timer, (uint64_t)ms, 0);
    return 0;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct curl_socket *s = poll->data;
    int flags = 0;

    if (status < 0)
        flags = CURL_CSELECT_ERR | CURL_CSELECT_IN | CURL_CSELECT_OUT;
    if (events & UV_READABLE)
        flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        flags |= CURL_CSELECT_OUT;
    drive(s->cl, s->fd, flags); /* s may have gone after this */
}

static void free_when_closed(struct curl_loop *cl)
{
    if (cl->closing && cl->open_handles == 0)
        free(cl);
}

static void on_socket_closed(uv_handle_t *handle)
{
    struct curl_socket *s = handle->data;
    struct curl_loop *cl = s->cl;

    cl->open_handles--;
    free(s);
    free_when_closed(cl);
}

static struct curl_socket *socket_open(struct curl_loop *cl, curl_socket_t fd)
{
    struct curl_socket *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    if (uv_poll_init_socket(cl->loop, &s->poll, fd) != 0) {
        free(s);
        return NULL;
    }
    s->poll.data = s;
    s->cl = cl;
    s->fd = fd;
    cl->open_handles++;
    curl_multi_assign(cl->multi, fd, s);
    return s;
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data)
{
    struct curl_loop *cl = data;
    struct curl_socket *s = socket_data;
    int events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (s) {
            uv_close((uv_handle_t *)&s->poll, on_socket_closed);
            curl_multi_assign(cl->multi, fd, NULL);
        }
        return 0;
    }
    if (!s)
        s = socket_open(cl, fd);
    if (!s)
        return -1;
    if (what & CURL_POLL_IN)
        events |= UV_READABLE;
    if (what & CURL_POLL_OUT)
        events |= UV_WRITABLE;
    uv_poll_start(&s->poll, events, on_poll);
    return 0;
}

/* ---- deadlines ---- */

static void push_deadline(struct http_call *call)
{
    call->deadline_ms = uv_now(call->cl->loop) + call->idle_ms;
}

/* Has the call sent or received anything since the last look? */
static bool has_moved(struct http_call *call)
{
    curl_off_t up = 0, down = 0;

    curl_easy_getinfo(call->easy, CURLINFO_SIZE_UPLOAD_T, &up);
    curl_easy_getinfo(call->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
    if (up + down == call->moved)
        return false;
    call->moved = up + down;
    return true;
}

static void on_tick(uv_timer_t *tick)
{
    struct curl_loop *cl = tick->data;
    uint64_t now = uv_now(cl->loop);
    struct list late;

    /* done() may start and end calls at will: collect first, and take them from a list that
     * cancelling takes them off too. */
    list_init(&late);
    for (struct list *l = cl->calls.next, *next; l != &cl->calls; l = next) {
        struct http_call *call = container_of(l, struct http_call, node);

        next = l->next;
        if (call->paused || now < call->deadline_ms)
            continue;
        if (has_moved(call)) {
            push_deadline(call);
            continue;
        }
        list_remove(l);
        list_push(&late, l);
    }
    while (!list_empty(&late))
        finish(container_of(late.next, struct http_call, node), ERR_TIMEOUT);
    if (list_empty(&cl->calls))
        uv_timer_stop(&cl->tick);
}

/* ---- calls ---- */

int http_call_status(const struct http_call *call)
{
    long status = 0;

    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

static size_t on_bytes(char *ptr, size_t size, size_t n, void *data)
{
    struct http_call *call = data;

    if (!call->sink)
        return 0; /* cancelled: fails the transfer */
    push_deadline(call);
    if (call->sink->ops->bytes(call->sink, ptr, size * n))
        return size * n;
    if (!call->sink)
        return 0;
    call->paused = true;
    return CURL_WRITEFUNC_PAUSE;
}

static void start_or_resume(struct http_call *call)
{
    struct curl_loop *cl = call->cl;

    if (call->added) {
        /* Hands over at once what had been received when it paused, and sets the timer for the
         * rest. */
        cl->inside++;
        curl_easy_pause(call->easy, CURLPAUSE_CONT);
        cl->inside--;
    } else if (curl_multi_add_handle(cl->multi, call->easy) == CURLM_OK) {
        call->added = true;
    } else {
        finish(call, ERR_NOMEM);
    }
}

void http_call_resume(struct http_call *call)
{
    if (!call->paused)
        return;
    call->paused = false;
    push_deadline(call);
    list_push(&call->cl->todo, &call->todo);
    settle(call->cl);
}

/* A handle with all that is the same for every request. */
static CURL *easy_new(void)
{
    CURL *easy = curl_easy_init();

    if (!easy)
        return NULL;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* whatever the environment says */
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    return easy;
}

static CURL *easy_take(struct curl_loop *cl)
{
    return cl->n_idle > 0 ? cl->idle[--cl->n_idle] : easy_new();
}

struct http_call *http_call_start(struct curl_loop *cl, const struct http_request *req,
                                  struct http_sink *sink)
{
    struct http_call *call = calloc(1, sizeof *call);

    if (!call)
        return NULL;
    call->easy = easy_take(cl);
    if (!call->easy) {
        free(call);
        return NULL;
    }
    call->cl = cl;
    call->sink = sink;
    call->idle_ms = req->idle_ms;
    push_deadline(call);
    list_push(&cl->calls, &call->node);
    list_init(&call->todo);
    curl_easy_setopt(call->easy, CURLOPT_URL, req->url);
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, req->headers);
    curl_easy_setopt(call->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)req->connect_ms);
    curl_easy_setopt(call->easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(call->easy, CURLOPT_WRITEDATA, call);
    if (req->post) {
        curl_easy_setopt(call->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->post->len);
        curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, req->post->ptr);
    } else {
        curl_easy_setopt(call->easy, CURLOPT_HTTPGET, 1L);
    }
    if (!uv_is_active((uv_handle_t *)&cl->tick))
        uv_timer_start(&cl->tick, on_tick, TICK_MS, TICK_MS);
    if (cl->inside > 0) {
        list_push(&cl->todo, &call->todo);
    } else if (curl_multi_add_handle(cl->multi, call->easy) == CURLM_OK) {
        call->added = true;
    } else {
        release(call);
        return NULL;
    }
    return call;
}

/* ---- life ---- */

struct curl_loop *curl_loop_new(uv_loop_t *loop)
{
    struct curl_loop *cl = calloc(1, sizeof *cl);

    if (!cl)
        return NULL;
    cl->multi = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_multi_init() : NULL;
    if (!cl->multi) {
        free(cl);
        return NULL;
    }
    cl->loop = loop;
    list_init(&cl->calls);
    list_init(&cl->todo);
    list_init(&cl->dead);
    uv_timer_init(loop, &cl->timer);
    uv_timer_init(loop, &cl->tick);
    cl->timer.data = cl->tick.data = cl;
    cl->open_handles = 2;
    curl_multi_setopt(cl->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(cl->multi, CURLMOPT_SOCKETDATA, cl);
    curl_multi_setopt(cl->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(cl->multi, CURLMOPT_TIMERDATA, cl);
    curl_multi_setopt(cl->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS);
    curl_multi_setopt(cl->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    return cl;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct curl_loop *cl = handle->data;

    cl->open_handles--;
    free_when_closed(cl);
}

void curl_loop_close(struct curl_loop *cl)
{
    if (!cl)
        return;
    assert(cl->inside == 0);
    cl->closing = true;
    while (!list_empty(&cl->calls))
        http_call_cancel(container_of(cl->calls.next, struct http_call, node));
    while (cl->n_idle > 0)
        curl_easy_cleanup(cl->idle[--cl->n_idle]);
    curl_multi_cleanup(cl->multi);
    curl_global_cleanup();
    uv_close((uv_handle_t *)&cl->timer, on_timer_closed);
    uv_close((uv_handle_t *)&cl->tick, on_timer_closed);
}
