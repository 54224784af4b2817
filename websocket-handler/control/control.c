#include "control/control.h"

#include <inttypes.h>
#include <stdlib.h>

#include "metrics.h"
#include "ops/backoff.h"
#include "ops/log.h"
#include "upstream/handler_client.h"

enum {
    FETCH_IDLE_MS = 3000,
    RETRY_FIRST_MS = 20, /* growing: the handler asked may be a moment behind the one heard */
    RETRY_MOST_MS = 1000,
    REFRESH_MS = 30000, /* what changes without a version: settings, the size of the graph */
    LOG_EVERY_MS = 10000,
};

/* An answer that is being read: with a hundred thousand bans that takes longer than the loop has.
 */
struct reading {
    uv_work_t work;
    struct control *control; /* NULL: nobody waits for it any more */
    struct buf body, error;
    struct control_state *state;
};

struct control {
    uv_timer_t timer; /* the next fetch */
    uv_loop_t *loop;
    struct handler_client *client;
    struct control_watch *watch;
    struct control_state *state; /* in force; NULL: control_nothing */
    uint64_t least;              /* answers of a version below this come from behind */
    uint64_t wanted;             /* the newest version heard of */
    bool known;                  /* an answer has come */
    struct handler_sink sink;
    struct handler_call *call; /* the fetch under way */
    struct reading *reading;   /* its answer, then */
    struct backoff backoff;
    struct log_gate gate;
};

static void fetch(uv_timer_t *timer);

static void fetch_in(struct control *c, uint64_t ms)
{
    uv_timer_start(&c->timer, fetch, ms, 0);
}

static void log_bad(struct control *c, const char *what, const char *why)
{
    uint32_t suppressed;

    if (log_gate_open(&c->gate, LOG_EVERY_MS, &suppressed))
        log_warn("control", what, "reason=\"%s\" suppressed=%u", why, (unsigned)suppressed);
}

/* Takes next over. */
static void put_in_force(struct control *c, struct control_state *next)
{
    struct control_state *last = c->state;

    if (next->version != c->least || !c->known)
        log_info("control", "new moderation state",
                 "version=%" PRIu64 " banned=%zu banned_events=%zu blocked=%zu", next->version,
                 next->banned.n, next->banned_events.n, next->blocked.n);
    c->state = next;
    c->least = next->version;
    c->known = true;
    c->watch->changed(c->watch, next);
    control_state_free(last);
}

/* The fetch is over: when is the next one? */
static void finish(struct control *c, bool good)
{
    metric_add(M_CONTROL_FETCHES, good ? FETCH_METRIC_DONE : FETCH_METRIC_FAILED, 1);
    if (good && c->least >= c->wanted) {
        backoff_reset(&c->backoff);
        fetch_in(c, REFRESH_MS);
    } else {
        fetch_in(c, backoff_next(&c->backoff));
    }
}

/* ---- reading, on a thread of libuv's ---- */

static void free_reading(struct reading *r)
{
    buf_deinit(&r->body);
    buf_deinit(&r->error);
    control_state_free(r->state);
    free(r);
}

static void read_body(uv_work_t *work)
{
    struct reading *r = container_of(work, struct reading, work);

    r->state = control_state_parse(buf_slice(&r->body), &r->error);
}

/* Back on the loop. An answer from behind is passed over. */
static void on_read(uv_work_t *work, int status)
{
    struct reading *r = container_of(work, struct reading, work);
    struct control *c = r->control;

    (void)status; /* it is never cancelled */
    if (c) {
        bool good = r->state != NULL;

        c->reading = NULL;
        if (!good) {
            buf_add_char(&r->error, '\0');
            log_bad(c, "malformed answer of /v1/control", r->error.failed ? "" : r->error.ptr);
        } else if (r->state->version >= c->least) {
            put_in_force(c, r->state);
            r->state = NULL;
        }
        finish(c, good);
    }
    free_reading(r);
}

/* False without memory. */
static bool start_reading(struct control *c, struct slice body)
{
    struct reading *r = calloc(1, sizeof *r);

    if (!r)
        return false;
    r->control = c;
    buf_init(&r->body, CONTROL_MAX_BYTES);
    buf_init(&r->error, KIB);
    buf_add_slice(&r->body, body);
    if (r->body.failed || uv_queue_work(c->loop, &r->work, read_body, on_read) != 0) {
        free_reading(r);
        return false;
    }
    c->reading = r;
    return true;
}

/* What is under way would be of the database that was, or has nobody left to be given to. */
static void forget_fetch(struct control *c)
{
    handler_call_cancel(c->call);
    c->call = NULL;
    if (c->reading)
        c->reading->control = NULL;
    c->reading = NULL;
}

/* ---- fetching ---- */

static void on_answer(struct handler_sink *sink, const struct handler_result *r)
{
    struct control *c = container_of(sink, struct control, sink);

    c->call = NULL;
    if (r->status == 404) { /* an event handler from before there was moderation */
        c->known = true;
        finish(c, true);
    } else if (r->err != OK) {
        log_bad(c, "cannot fetch the moderation state", r->sentence);
        finish(c, false);
    } else if (!start_reading(c, r->body)) {
        log_bad(c, "cannot read the moderation state", "out of memory");
        finish(c, false);
    }
}

static const struct handler_sink_ops sink_ops = {.done = on_answer};

static void fetch(uv_timer_t *timer)
{
    struct control *c = timer->data;
    const struct handler_request req = {
        .route = HANDLER_CONTROL, .idle_ms = FETCH_IDLE_MS, .max_collect = CONTROL_MAX_BYTES};

    if (c->call || c->reading)
        return; /* their end leads on */
    c->call = handler_call_start(c->client, &req, &c->sink);
    if (!c->call)
        fetch_in(c, backoff_next(&c->backoff));
}

struct control *control_start(uv_loop_t *loop, struct handler_client *client,
                              struct control_watch *watch)
{
    struct control *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->loop = loop;
    c->client = client;
    c->watch = watch;
    c->sink.ops = &sink_ops;
    backoff_init(&c->backoff, RETRY_FIRST_MS, RETRY_MOST_MS);
    uv_timer_init(loop, &c->timer);
    c->timer.data = c;
    fetch(&c->timer);
    return c;
}

const struct control_state *control_current(const struct control *c)
{
    return c->state ? c->state : &control_nothing;
}

void control_heard(struct control *c, uint64_t version)
{
    if (version <= c->wanted)
        return;
    c->wanted = version;
    if (version > c->least)
        fetch_in(c, 0);
}

void control_restarted(struct control *c)
{
    forget_fetch(c);
    c->least = c->wanted = 0;
    fetch_in(c, 0);
}

bool control_ready(const struct control *c, const char **reason)
{
    *reason = c->known ? NULL : "control: the moderation state is not known yet";
    return c->known;
}

static void on_closed(uv_handle_t *handle)
{
    struct control *c = handle->data;

    control_state_free(c->state);
    free(c);
}

void control_stop(struct control *c)
{
    if (!c)
        return;
    forget_fetch(c);
    uv_close((uv_handle_t *)&c->timer, on_closed);
}
