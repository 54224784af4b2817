/*
 * One text message in, one verb handler called. Whatever is no message of ours gets at most one
 * NOTICE; the connection stays.
 */
#include "metrics.h"
#include "session/reply.h"
#include "session/session_internal.h"

enum { MAX_NAME_SHOWN = 32 };

static verb_fn on_unknown;

static const struct verb {
    verb_fn *run;
    enum message_metric metric;
} verbs[] = {
    [VERB_EVENT] = {on_event, MESSAGE_METRIC_EVENT},
    [VERB_REQ] = {on_req, MESSAGE_METRIC_REQ},
    [VERB_CLOSE] = {on_close, MESSAGE_METRIC_CLOSE},
    [VERB_AUTH] = {on_auth, MESSAGE_METRIC_AUTH},
    [VERB_COUNT] = {on_count, MESSAGE_METRIC_COUNT},
    [VERB_UNKNOWN] = {on_unknown, MESSAGE_METRIC_UNKNOWN},
};

static void notice(struct session *s, const char *sentence)
{
    struct buf text;

    buf_init(&text, KIB);
    buf_add_str(&text, "invalid: ");
    buf_add_str(&text, sentence);
    (void)!reply_notice(s, buf_slice(&text));
    buf_deinit(&text);
}

static void on_unknown(struct session *s, const struct client_message *msg)
{
    if (msg->name.len <= MAX_NAME_SHOWN) {
        struct buf text;

        buf_init(&text, KIB);
        buf_printf(&text, "invalid: unknown message type \"" SLICE_FMT "\"", SLICE_ARG(msg->name));
        (void)!reply_notice(s, buf_slice(&text));
        buf_deinit(&text);
    } else {
        notice(s, "unknown message type");
    }
}

static bool is_blank(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] != ' ' && text.ptr[i] != '\t' && text.ptr[i] != '\r' && text.ptr[i] != '\n')
            return false;
    return true;
}

/* Within the bytes of its address? What is no message counts too, though nothing refuses it. */
static bool is_within_bytes(struct session *s, const struct client_message *msg, size_t n)
{
    return session_within(s, msg, LIMIT_IP_BYTES, (double)n, "too many bytes from this address");
}

void session_dispatch(struct session *s, struct slice text)
{
    static const struct client_message none = {.verb = VERB_UNKNOWN};
    struct client_message msg;
    const char *error;

    if (is_blank(text))
        return; /* some clients keep the connection alive with these */
    arena_reset(&s->shared->arena);
    switch (message_parse(text, &s->shared->arena, &msg, &error)) {
    case MESSAGE_NOT_JSON:
    case MESSAGE_MALFORMED:
        metric_add(M_CLIENT_MESSAGES, MESSAGE_METRIC_MALFORMED, 1);
        (void)!is_within_bytes(s, &none, text.len);
        notice(s, error);
        break;
    case MESSAGE_OK:
        metric_add(M_CLIENT_MESSAGES, verbs[msg.verb].metric, 1);
        if (is_within_bytes(s, &msg, text.len))
            verbs[msg.verb].run(s, &msg);
        break;
    }
}
