/*
 * Who is it that has authenticated? The event handler is asked once per pubkey; until it answers,
 * and when it cannot, the connection is a guest's. Bans that come later are control's matter.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "control/access_answer.h"
#include "ops/log.h"
#include "session/session_internal.h"
#include "upstream/handler_client.h"
#include "upstream/upstream.h"

enum { IDLE_MS = 5000, MAX_ANSWER = 4 * KIB };

struct access_call {
    struct list node; /* session.access_calls */
    struct session *session;
    struct handler_sink sink;
    struct handler_call *call;
    char query[sizeof "?pubkey=" + 64];
};

static void call_free(struct access_call *call)
{
    list_remove(&call->node);
    free(call);
}

static void on_answer(struct handler_sink *sink, const struct handler_result *r)
{
    struct access_call *call = container_of(sink, struct access_call, sink);
    struct session *s = call->session;
    struct access_answer answer;

    call_free(call);
    if (r->err != OK)
        return;
    if (!access_answer_parse(r->body, &answer)) {
        log_warn("session", "malformed answer of /v1/access", "");
        return;
    }
    if (answer.banned)
        session_expel(s, SLICE("blocked: your key is banned from this relay"));
    else if (answer.tier < s->tier)
        s->tier = answer.tier;
}

static const struct handler_sink_ops sink_ops = {.done = on_answer};

void session_ask_access(struct session *s, const struct pubkey *pk)
{
    struct access_call *call = calloc(1, sizeof *call);
    const struct handler_request req = {.route = HANDLER_ACCESS,
                                        .query = call ? call->query : NULL,
                                        .idle_ms = IDLE_MS,
                                        .max_collect = MAX_ANSWER};
    char hex[64];

    if (!call)
        return; /* a guest, then */
    hex_encode(pk->b, sizeof pk->b, hex);
    snprintf(call->query, sizeof call->query, "?pubkey=%.64s", hex);
    call->session = s;
    call->sink.ops = &sink_ops;
    list_push(&s->access_calls, &call->node);
    call->call = handler_call_start(s->shared->env.upstream->client, &req, &call->sink);
    if (!call->call)
        call_free(call);
}

void session_cancel_access(struct session *s)
{
    while (!list_empty(&s->access_calls)) {
        struct access_call *call = container_of(s->access_calls.next, struct access_call, node);

        handler_call_cancel(call->call);
        call_free(call);
    }
}
