#include "manage/manage_proxy.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/list.h"
#include "manage/manage_answer.h"
#include "ops/log.h"
#include "upstream/handler_client.h"
#include "json/jwrite.h"

enum {
    MAX_CALLS = 16,
    IDLE_MS = 30000, /* some methods walk through much */
    MAX_ANSWER = 2 * 1024 * 1024,
    LOG_EVERY_MS = 10000,
};

struct proxy_call {
    struct list node;
    struct conn_handle client;
    struct buf envelope;
    struct handler_sink sink;
    struct handler_call *call;
};

/* The connection layer calls without a context. */
static struct {
    struct handler_client *handlers;
    struct list calls;
    unsigned n_calls;
    struct log_gate gate;
} proxy;

static void call_free(struct proxy_call *pc)
{
    list_remove(&pc->node);
    proxy.n_calls--;
    buf_deinit(&pc->envelope);
    free(pc);
}

static void answer_error(struct conn_handle client, const char *sentence)
{
    struct buf json;

    buf_init(&json, KIB);
    buf_add_str(&json, "{\"error\":");
    jwrite_string(&json, slice_str(sentence));
    buf_add_char(&json, '}');
    conn_rpc_answer(client, 503, buf_slice(&json));
    buf_deinit(&json);
}

static void answer_malformed(struct conn_handle client)
{
    uint32_t suppressed;

    if (log_gate_open(&proxy.gate, LOG_EVERY_MS, &suppressed))
        log_error("manage", "malformed answer of /v1/manage", "suppressed=%u",
                  (unsigned)suppressed);
    answer_error(client, "the event handler's answer was not understood");
}

static void on_done(struct handler_sink *sink, const struct handler_result *r)
{
    struct proxy_call *pc = container_of(sink, struct proxy_call, sink);
    struct conn_handle client = pc->client;
    struct buf body;
    int status;

    call_free(pc);
    if (r->err != OK) {
        answer_error(client, r->sentence);
        return;
    }
    buf_init(&body, MAX_ANSWER);
    if (manage_answer_parse(r->body, &status, &body))
        conn_rpc_answer(client, status, buf_slice(&body));
    else
        answer_malformed(client);
    buf_deinit(&body);
}

static const struct handler_sink_ops sink_ops = {.done = on_done};

static bool ask(struct conn_handle client, struct slice envelope)
{
    struct proxy_call *pc = proxy.n_calls < MAX_CALLS ? calloc(1, sizeof(*pc)) : NULL;
    struct handler_request req = {
        .route = HANDLER_MANAGE, .idle_ms = IDLE_MS, .max_collect = MAX_ANSWER};

    if (!pc)
        return false;
    pc->client = client;
    pc->sink.ops = &sink_ops;
    list_push(&proxy.calls, &pc->node);
    proxy.n_calls++;
    buf_init(&pc->envelope, envelope.len);
    buf_add_slice(&pc->envelope, envelope);
    req.body = buf_slice(&pc->envelope);
    if (!pc->envelope.failed)
        pc->call = handler_call_start(proxy.handlers, &req, &pc->sink);
    if (pc->call)
        return true;
    call_free(pc);
    return false;
}

static void cancel(struct conn_handle client)
{
    for (struct list *l = proxy.calls.next; l != &proxy.calls; l = l->next) {
        struct proxy_call *pc = container_of(l, struct proxy_call, node);

        if (pc->client.slot == client.slot && pc->client.generation == client.generation) {
            handler_call_cancel(pc->call);
            call_free(pc);
            return;
        }
    }
}

const struct conn_rpc_ops manage_proxy_ops = {.ask = ask, .cancel = cancel};

void manage_proxy_open(struct handler_client *client)
{
    proxy.handlers = client;
    list_init(&proxy.calls);
    proxy.n_calls = 0;
}

void manage_proxy_close(void)
{
    assert(proxy.n_calls == 0); /* each belonged to a connection */
    proxy.handlers = NULL;
}
