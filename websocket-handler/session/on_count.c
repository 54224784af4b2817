/* COUNT (NIP-45): its id names the answer only; it opens, replaces and closes no subscription. */
#include <stdlib.h>

#include "nostr/history.h"
#include "session/reply.h"
#include "session/session_internal.h"
#include "upstream/upstream.h"

struct count_call {
    struct list node; /* session.counts */
    struct session *session;
    struct query_sink sink;
    struct query *query;
    size_t id_len;
    char id_json[];
};

static struct slice call_id(const struct count_call *call)
{
    return slice_of(call->id_json, call->id_len);
}

static void call_free(struct count_call *call)
{
    list_remove(&call->node);
    call->session->n_counts--;
    free(call);
}

static void on_counted(struct query_sink *sink, struct slice json)
{
    struct count_call *call = container_of(sink, struct count_call, sink);

    (void)!reply_count(call->session, call_id(call), json);
    session_settle_queries(call->session);
    call_free(call);
}

static void on_failed(struct query_sink *sink, const char *sentence)
{
    struct count_call *call = container_of(sink, struct count_call, sink);

    (void)!reply_closed(call->session, call_id(call), VERDICT_ERROR, sentence);
    call_free(call);
}

static const struct query_sink_ops ops = {.count = on_counted, .failed = on_failed};

void session_cancel_counts(struct session *s)
{
    while (!list_empty(&s->counts)) {
        struct count_call *call = container_of(s->counts.next, struct count_call, node);

        query_cancel(call->query);
        call_free(call);
    }
}

static struct count_call *call_new(struct session *s, struct slice id_json)
{
    struct count_call *call = calloc(1, sizeof *call + id_json.len);

    if (!call)
        return NULL;
    call->session = s;
    call->sink.ops = &ops;
    call->id_len = id_json.len;
    memcpy(call->id_json, id_json.ptr, id_json.len);
    list_push(&s->counts, &call->node);
    s->n_counts++;
    return call;
}

void on_count(struct session *s, const struct client_message *msg)
{
    struct slice id_json;
    struct filter *filters;
    struct count_call *call;
    char client[IP_TEXT_BYTES];
    struct buf body;
    size_t n;

    if (!session_take_id(s, msg))
        return;
    id_json = buf_slice(&s->shared->id_json);
    if (s->n_counts >= MAX_COUNTS) {
        (void)!reply_closed(s, id_json, VERDICT_RATE_LIMITED,
                            "too many counts at a time, the limit is 20");
        return;
    }
    if (!session_take_filters(s, msg, &filters, &n) || !session_within_queries(s, filters, n))
        return;
    if (history_asked(filters, n)) {
        (void)!reply_closed(s, id_json, VERDICT_UNSUPPORTED, "history cannot be counted");
        return;
    }
    const struct query_request req = {.filters = filters,
                                      .n_filters = n,
                                      .readers = s->auth.key,
                                      .n_readers = s->auth.n,
                                      .min_seq = session_min_seq(s),
                                      .client = session_turn(s, client)};

    buf_init(&body, 64 * MIB);
    query_request_write(&body, &req);
    call = call_new(s, id_json);
    if (!call) {
        buf_deinit(&body);
        (void)!reply_closed(s, id_json, VERDICT_ERROR, "out of memory, please try again");
        return;
    }
    call->query =
        query_start(s->shared->env.upstream->queries, &s->lane, QUERY_COUNT, &body, &call->sink);
    if (!call->query)
        on_failed(&call->sink, "the relay is busy, please try again");
}
