/*
 * A session on any messages, while its queries are answered and events come live. Input is lines; a
 * line that starts with one of r e f l v d c is such a happening, any other a message. Whatever
 * happens, each thing it sends is one JSON array of a relay's verbs, and nothing is left behind.
 */
#include <stdlib.h>

#include "../unit/websocket-handler/fake_conn.h"
#include "config.h"
#include "live/fanout.h"
#include "live/live.h"
#include "metrics.h"
#include "session/session.h"
#include "session/session_internal.h"
#include "upstream/batcher.h"
#include "upstream/handler_client.h"
#include "upstream/query_queue.h"
#include "upstream/upstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KEY "0100000000000000a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"
#define EVENT                                                                                      \
    "{\"id\":\"" KEY "\",\"pubkey\":\"" KEY                                                        \
    "\",\"created_at\":5,\"kind\":1,\"tags\":[[\"t\",\"x\"]"                                       \
    "],\"content\":\"\",\"sig\":\"" KEY KEY "\"}"

static void must(bool condition)
{
    if (!condition)
        abort();
}

/* ---- a fake upstream: the newest query and the newest event can be answered ---- */

struct query {
    struct query_sink *sink;
    enum query_verb verb;
    struct query *older;
};

static struct query *newest_query;
static struct batch_sender senders[64];
static size_t n_senders;
static struct fanout *fanout;

/* Nobody authenticates by chance, so nobody is asked about. */
struct handler_call *handler_call_start(struct handler_client *hc,
                                        const struct handler_request *req,
                                        struct handler_sink *sink)
{
    (void)hc;
    (void)req;
    (void)sink;
    abort();
}

void handler_call_cancel(struct handler_call *call)
{
    (void)call;
    abort();
}

static uint64_t cursor;

void query_lane_join(struct query_queue *qq, struct query_lane *lane, struct slice address)
{
    (void)qq, (void)lane, (void)address;
}

void query_lane_leave(struct query_queue *qq, struct query_lane *lane)
{
    (void)qq, (void)lane;
}

void query_lane_init(struct query_lane *lane)
{
    *lane = (struct query_lane){0};
}

struct query *query_start(struct query_queue *qq, struct query_lane *lane, enum query_verb verb,
                          struct buf *body, struct query_sink *sink)
{
    struct query *q = calloc(1, sizeof(*q));

    (void)qq;
    (void)lane;
    must(q && !body->failed && body->len > 0);
    buf_deinit(body);
    *q = (struct query){sink, verb, newest_query};
    newest_query = q;
    return q;
}

void query_cancel(struct query *q)
{
    struct query **at = &newest_query;

    if (!q)
        return;
    while (*at != q)
        at = &(*at)->older;
    *at = q->older;
    free(q);
}

void query_resume(struct query *q)
{
    (void)q;
}

void batcher_set_verdict(struct batcher *b, batch_verdict_fn *fn)
{
    (void)b;
    (void)fn;
}

enum err batcher_add(struct batcher *b, const struct batch_sender *sender,
                     const struct ingest_record *rec)
{
    (void)b;
    must(rec->n_auth <= INGEST_MAX_AUTH && rec->event.len >= 2);
    if (n_senders == ARRAY_LEN(senders))
        return ERR_BUSY;
    senders[n_senders++] = *sender;
    return OK;
}

struct fanout *live_fanout(struct live *live)
{
    (void)live;
    return fanout;
}

bool live_cursor(const struct live *live, uint64_t *out, uint32_t *epoch)
{
    (void)live;
    *out = cursor;
    *epoch = 0;
    return true;
}

/* ---- happenings ---- */

static void answer(bool end, bool ok)
{
    struct query *q = newest_query;
    struct query_sink *sink = q ? q->sink : NULL;
    const struct query_end last = {.seq = cursor > 3 ? cursor - 3 : cursor};

    if (!q)
        return;
    if (!end && q->verb == QUERY_ROWS) {
        sink->ops->row(sink, SLICE(EVENT "]"));
        return;
    }
    newest_query = q->older;
    if (!ok)
        sink->ops->failed(sink, "it broke");
    else if (q->verb == QUERY_ROWS)
        sink->ops->end(sink, &last);
    else
        sink->ops->count(sink, SLICE("{\"count\":1}"));
    free(q);
}

static void come_live(bool ephemeral)
{
    uint64_t seq = ephemeral ? 0 : ++cursor;

    fanout_event(fanout, seq, SLICE(EVENT));
}

static void give_verdict(void)
{
    const struct ingest_verdict verdict = {cursor, SLICE("[\"" KEY "\",true,\"\"]"), true};

    if (n_senders > 0)
        session_on_verdict(&senders[--n_senders], &verdict, "");
}

static void happen(struct conn *c, struct slice line)
{
    switch (line.len > 0 ? line.ptr[0] : '\0') {
    case 'r':
        answer(false, true);
        break;
    case 'e':
        answer(true, true);
        break;
    case 'f':
        answer(true, false);
        break;
    case 'l':
        come_live(line.len > 1);
        break;
    case 'v':
        give_verdict();
        break;
    case 'd':
        c->congested = false;
        session_conn_ops.drained(c->session);
        break;
    case 'c':
        c->congested = true;
        break;
    default:
        session_conn_ops.message(c->session, line);
    }
}

/* Each line is one array that begins with a relay's verb. */
static void check_sent(const struct conn *c, struct arena *arena)
{
    static const char *const verbs[] = {"AUTH", "CLOSED", "COUNT", "EOSE", "EVENT", "NOTICE", "OK"};
    const char *at = c->sent.ptr, *end = at + c->sent.len;

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        struct slice verb;
        struct jread r;
        bool known = false;

        arena_reset(arena);
        jread_init(&r, slice_of(at, (size_t)(newline - at)), arena);
        must(jread_array(&r) && jread_item(&r) && jread_string(&r, &verb));
        for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
            known = known || slice_eq(verb, slice_str(verbs[i]));
        must(known);
        while (jread_item(&r))
            must(jread_skip(&r, NULL));
        must(jread_ok(&r) && jread_end(&r));
        at = newline + 1;
    }
}

static void set_up(struct config *cfg, struct upstream *upstream)
{
    static bool open;

    if (!open)
        websocket_handler_metrics_open(1);
    open = true;
    *cfg = (struct config){.shared = {.domain = "",
                                      .max_event_bytes = 4096,
                                      .max_event_tags = 10,
                                      .max_content_length = 4096,
                                      .max_filters = 3,
                                      .max_filter_values = 10},
                           .max_message_bytes = 8192,
                           .max_subscriptions = 4,
                           .filter_bytes = 4 * MIB,
                           .max_pending_events = 8};
    n_senders = 0;
    cursor = 10;
    fanout = fanout_new(4, MIB);
    must(fanout != NULL);
    session_setup(&(struct session_env){.cfg = cfg, .upstream = upstream});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_of((const char *)data, size);
    struct upstream upstream = {0};
    struct config cfg;
    struct arena arena;
    struct conn *c = fake_conn_open(0);

    set_up(&cfg, &upstream);
    c->session = session_conn_ops.opened(c, SLICE("relay.example"), SLICE("::1"));
    must(c->session != NULL);
    while (rest.len > 0 && !c->closing) {
        const char *newline = memchr(rest.ptr, '\n', rest.len);
        size_t n = newline ? (size_t)(newline - rest.ptr) : rest.len;

        happen(c, slice_of(rest.ptr, n));
        n += newline != NULL;
        rest = slice_of(rest.ptr + n, rest.len - n);
    }
    arena_init(&arena, MIB);
    check_sent(c, &arena);
    arena_deinit(&arena);
    session_conn_ops.closed(c->session);
    must(newest_query == NULL);
    must(sub_index_size(fanout->index).filters == 0 && list_empty(&fanout->reading));
    session_teardown();
    fanout_free(fanout);
    buf_deinit(&c->sent);
    c->sent = (struct buf){0};
    return 0;
}
