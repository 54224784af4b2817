/*
 * EVENT (NIP-01): what is malformed is answered here; the rest goes to the event handler, whose
 * verdict comes back as OK. A client with much unanswered is not read from until some of it is.
 */
#include "base/clock.h"
#include "base/hex.h"
#include "config.h"
#include "live/live.h"
#include "metrics.h"
#include "nostr/kind.h"
#include "ops/log.h"
#include "session/reply.h"
#include "session/session_internal.h"
#include "upstream/batcher.h"
#include "upstream/upstream.h"
#include "json/jread.h"

enum { MAX_ID_ECHOED = 128 };

bool event_id_text(struct slice object, struct arena *arena, struct slice *id)
{
    struct jread r;
    struct slice key;

    jread_init(&r, object, arena);
    if (!jread_object(&r))
        return false;
    while (jread_key(&r, &key)) {
        if (slice_eq(key, SLICE("id")))
            return jread_peek(&r) == J_STRING && jread_string(&r, id) && id->len <= MAX_ID_ECHOED;
        if (!jread_skip(&r, NULL))
            return false;
    }
    return false;
}

/* OK false with whatever id there is, else a NOTICE. */
static void refuse_malformed(struct session *s, struct slice object, const char *error)
{
    struct slice id;

    metric_add(M_OK_SENT, OK_METRIC_MALFORMED, 1);
    if (event_id_text(object, &s->shared->arena, &id)) {
        (void)!reply_ok(s, id, VERDICT_INVALID, error);
    } else {
        struct buf text;

        buf_init(&text, KIB);
        buf_printf(&text, "invalid: %s", error);
        (void)!reply_notice(s, buf_slice(&text));
        buf_deinit(&text);
    }
}

/* Kinds that are letters of credence, meant for one reader: never forwarded, never stored. */
static const char *forbidden_kind(int kind)
{
    switch (kind) {
    case KIND_AUTH:
        return "kind 22242 is only for AUTH messages";
    case KIND_HTTP_AUTH:
    case KIND_BLOSSOM_AUTH:
        return "HTTP authorization events are not for publishing";
    default:
        return NULL;
    }
}

static enum verdict check_event(const struct session *s, const struct event *ev,
                                const char **sentence)
{
    int64_t mode = s->shared->env.cfg->shared.auth_mode;

    *sentence = forbidden_kind(ev->kind);
    if (*sentence)
        return VERDICT_INVALID;
    if ((mode == AUTH_WRITES || mode == AUTH_ALL || mode == AUTH_MEMBERS) && s->auth.n == 0) {
        *sentence = "authenticate to publish on this relay";
        return VERDICT_AUTH_REQUIRED;
    }
    return VERDICT_ACCEPTED;
}

static void pause_if_full(struct session *s)
{
    if (s->reading_paused ||
        (s->pending_events < (uint32_t)s->shared->env.cfg->max_pending_events &&
         s->pending_bytes < MAX_PENDING_BYTES))
        return;
    s->reading_paused = true;
    metric_add(M_READING_PAUSED, 0, 1);
    conn_pause_reading(s->conn);
}

static void resume_if_free(struct session *s)
{
    if (!s->reading_paused ||
        s->pending_events > (uint32_t)s->shared->env.cfg->max_pending_events / 2 ||
        s->pending_bytes > MAX_PENDING_BYTES / 2)
        return;
    s->reading_paused = false;
    metric_add(M_READING_PAUSED, 0, -1);
    conn_resume_reading(s->conn);
}

/* With the event handler's line of the same id: the way of one event through both services. */
static void trace(const struct session *s, const struct event_id *id, const char *what)
{
    char prefix[HEX_PREFIX_DIGITS + 1];

    log_debug("event", what, "id=%s addr=" SLICE_FMT, hex_prefix(id->b, prefix),
              SLICE_ARG(session_address(s)));
}

void on_event(struct session *s, const struct client_message *msg)
{
    struct event ev;
    enum verdict verdict;
    const char *error;
    bool has_id;

    if (!session_within(s, msg, LIMIT_IP_EVENTS, 1, "too many events from this address"))
        return;
    if (!event_parse(msg->body, &s->shared->event_limits, &s->shared->arena, &ev, &has_id,
                     &error)) {
        refuse_malformed(s, msg->body, error);
        return;
    }
    verdict = check_event(s, &ev, &error);
    if (verdict != VERDICT_ACCEPTED) {
        metric_add(M_OK_SENT, OK_METRIC_FALSE, 1);
        (void)!reply_ok_id(s, &ev.id, verdict, error);
        return;
    }
    const struct batch_sender sender = {.conn = conn_handle_of(s->conn),
                                        .id = ev.id,
                                        .bytes = (uint32_t)msg->body.len,
                                        .received_us = clock_mono_us()};
    const struct ingest_record rec = {.auth = s->auth.key,
                                      .n_auth = s->auth.n,
                                      .address = session_address(s),
                                      .event = msg->body};

    if (batcher_add(s->shared->env.upstream->batcher, &sender, &rec) != OK) {
        metric_add(M_OK_SENT, OK_METRIC_FAILED, 1);
        (void)!reply_ok_id(s, &ev.id, VERDICT_ERROR, "the relay is busy, please try again");
        return;
    }
    trace(s, &ev.id, "EVENT goes to the event handler");
    s->pending_events++;
    s->pending_bytes += sender.bytes;
    pause_if_full(s);
}

/* What a verdict says about the database: a later query must see at least that much. */
static void remember_seq(struct session *s, uint64_t seq)
{
    uint64_t cursor;
    uint32_t epoch;

    if (!live_cursor(s->shared->env.live, &cursor, &epoch))
        return;
    if (s->epoch != epoch || seq > s->newest_seq)
        s->newest_seq = seq;
    s->epoch = epoch;
}

void session_on_verdict(const struct batch_sender *sender, const struct ingest_verdict *verdict,
                        const char *sentence)
{
    struct conn *c = conn_lookup(sender->conn);
    struct session *s = c ? conn_session(c) : NULL;

    metric_observe(M_OK_SECONDS, 0, clock_mono_us() - sender->received_us);
    if (verdict)
        metric_add(M_OK_SENT, verdict->accepted ? OK_METRIC_TRUE : OK_METRIC_FALSE, 1);
    else
        metric_add(M_OK_SENT, OK_METRIC_FAILED, 1);
    if (!s)
        return;
    trace(s, &sender->id, verdict && verdict->accepted ? "OK true" : "OK false");
    s->pending_events--;
    s->pending_bytes -= sender->bytes;
    if (verdict)
        remember_seq(s, verdict->seq);
    if (verdict ? reply_ok_verdict(s, verdict->ok)
                : reply_ok_id(s, &sender->id, VERDICT_ERROR, sentence))
        resume_if_free(s);
}
