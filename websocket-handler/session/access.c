/*
 * Who is it that has authenticated? The event handler is asked once per pubkey; until it answers,
 * and when it cannot, the connection is a guest's. Bans that come later are control's matter,
 * members who are none any more membership.c's.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "control/access_answer.h"
#include "ops/log.h"
#include "session/reply.h"
#include "session/session_internal.h"
#include "upstream/handler_client.h"
#include "upstream/upstream.h"
#include "wire/ingest_wire.h"

enum {
    IDLE_MS = 5000,
    MAX_ANSWER = 4 * KIB,
    MAX_CALLS = 2 * INGEST_MAX_AUTH, /* of one connection */
};

struct access_call {
    struct list node; /* session.access_calls */
    struct session *session;
    struct handler_sink sink;
    struct handler_call *call;
    uint32_t key;  /* in session.auth */
    bool holds_ok; /* the AUTH named id has no OK yet */
    struct event_id id;
    char query[sizeof "?pubkey=" + 64];
};

static void call_free(struct access_call *call)
{
    list_remove(&call->node);
    free(call);
}

/* False when the answer is of no use. */
static bool read_answer(const struct handler_result *r, struct access_answer *answer)
{
    if (r->err != OK)
        return false;
    if (access_answer_parse(r->body, answer))
        return true;
    log_warn("session", "malformed answer of /v1/access", "");
    return false;
}

static void take_answer(struct session *s, const struct access_call *call,
                        const struct access_answer *answer)
{
    if (answer->banned) {
        session_expel(s, SLICE("blocked: your key is banned from this relay"));
        return;
    }
    if (answer->tier < s->tier)
        s->tier = answer->tier;
    if (membership_answered(s, call->key, answer->member) && call->holds_ok)
        session_answer_auth(s, &call->id, VERDICT_ACCEPTED, "");
}

static void on_answer(struct handler_sink *sink, const struct handler_result *r)
{
    struct access_call *call = container_of(sink, struct access_call, sink);
    struct session_shared *shared = call->session->shared;
    struct access_call ended = *call;
    struct access_answer answer;

    call_free(call);
    if (read_answer(r, &answer))
        take_answer(ended.session, &ended, &answer);
    else if (ended.holds_ok)
        session_answer_auth(ended.session, &ended.id, VERDICT_ERROR,
                            "cannot tell now whether you are a member, please try again");
    membership_call_ended(shared);
}

static const struct handler_sink_ops sink_ops = {.done = on_answer};

static bool has_room(const struct session *s)
{
    size_t n = 0;

    for (const struct list *l = s->access_calls.next; l != &s->access_calls; l = l->next)
        n++;
    return n < MAX_CALLS;
}

bool session_ask_access(struct session *s, uint32_t key, const struct event_id *id)
{
    struct access_call *call = has_room(s) ? calloc(1, sizeof *call) : NULL;
    const struct handler_request req = {.route = HANDLER_ACCESS,
                                        .query = call ? call->query : NULL,
                                        .idle_ms = IDLE_MS,
                                        .max_collect = MAX_ANSWER};
    char hex[64];

    if (!call)
        return false;
    hex_encode(s->auth.key[key].b, sizeof hex / 2, hex);
    snprintf(call->query, sizeof call->query, "?pubkey=%.64s", hex);
    call->session = s;
    call->key = key;
    call->holds_ok = id != NULL;
    if (id)
        call->id = *id;
    call->sink.ops = &sink_ops;
    list_push(&s->access_calls, &call->node);
    call->call = handler_call_start(s->shared->env.upstream->client, &req, &call->sink);
    if (!call->call) {
        call_free(call);
        return false;
    }
    s->shared->membership.calls++;
    return true;
}

void session_cancel_access(struct session *s)
{
    while (!list_empty(&s->access_calls)) {
        struct access_call *call = container_of(s->access_calls.next, struct access_call, node);

        handler_call_cancel(call->call);
        call_free(call);
        membership_call_ended(s->shared);
    }
}
