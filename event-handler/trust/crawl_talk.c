#include "trust/crawl_talk.h"

#include <stdarg.h>
#include <stdio.h>

#include "client/relay_message.h"
#include "json/jwrite.h"

enum {
    MAX_QUESTION = 128 * 1024, /* 500 authors are 34 KB */
    NOTICE_GRACE_MS = 3000,    /* for an answer after a NOTICE, which may be all that comes */
    REFUSED_PAUSE_MS = 1000,
    MAX_SLOW = 3,
    MAX_WORDS = 100, /* of the relay's, in an error */
};

void crawl_talk_init(struct crawl_talk *t, const struct crawl_request *request,
                     struct crawl_judge *judge, struct crawl_relay_report *report,
                     const struct crawl_queue *queue)
{
    *t = (struct crawl_talk){.request = request, .judge = judge, .report = report, .queue = *queue};
    arena_init(&t->arena, 2 * request->limits.max_message_bytes + MIB);
    buf_init(&t->words, MAX_QUESTION);
}

void crawl_talk_deinit(struct crawl_talk *t)
{
    arena_deinit(&t->arena);
    buf_deinit(&t->words);
}

/* The first reason stays. */
static void PRINTF_LIKE(2, 3) fail(struct crawl_talk *t, const char *fmt, ...)
{
    va_list args;

    if (t->failed)
        return;
    t->failed = true;
    va_start(args, fmt);
    vsnprintf(t->report->error, sizeof(t->report->error), fmt, args);
    va_end(args);
}

/* ---- asking ---- */

static uint64_t answer_ms(const struct crawl_talk *t)
{
    return (uint64_t)t->request->limits.answer_seconds * 1000;
}

static void add_close(struct crawl_talk *t)
{
    buf_reset(&t->words);
    buf_add_str(&t->words, "[\"CLOSE\",");
    jwrite_string(&t->words, slice_str(t->sub_id));
    buf_add_char(&t->words, ']');
}

/* The open question has come to nothing: it is asked again in smaller ones, after a pause. */
static void ask_for_less(struct crawl_talk *t, uint64_t now_ms, const char *why, struct slice words)
{
    size_t n = words.len < MAX_WORDS ? words.len : MAX_WORDS;

    t->asked = false;
    t->due_ms = now_ms + REFUSED_PAUSE_MS;
    if (!crawl_queue_refused(&t->queue))
        fail(t, "%s%.*s", why, (int)n, words.ptr ? words.ptr : "");
}

/* No EOSE in time. An answer that was on its way may only have been too large. */
static enum crawl_turn give_up_question(struct crawl_talk *t, uint64_t now_ms)
{
    if (t->complained)
        ask_for_less(t, now_ms, "it answers with nothing but notices", SLICE(""));
    else if (t->queue.n_page == 0)
        fail(t, "it does not answer");
    else if (++t->n_slow >= MAX_SLOW)
        fail(t, "its answers do not end");
    else
        ask_for_less(t, now_ms, "its answers do not end", SLICE(""));
    if (t->failed)
        return CRAWL_FAIL;
    add_close(t);
    return CRAWL_SAY;
}

static enum crawl_turn ask_next(struct crawl_talk *t, uint64_t now_ms)
{
    buf_reset(&t->words);
    snprintf(t->sub_id, sizeof(t->sub_id), "wot%u", ++t->n_questions);
    if (!crawl_queue_ask(&t->queue, t->sub_id, &t->words))
        return CRAWL_DONE;
    if (t->words.failed) {
        fail(t, "out of memory");
        return CRAWL_FAIL;
    }
    t->report->n_authors = t->queue.n_asked;
    t->asked = true;
    t->complained = false;
    t->due_ms = now_ms + answer_ms(t);
    return CRAWL_SAY;
}

enum crawl_turn crawl_talk_turn(struct crawl_talk *t, uint64_t now_ms)
{
    if (t->failed)
        return CRAWL_FAIL;
    if (t->asked)
        return now_ms < t->due_ms ? CRAWL_WAIT : give_up_question(t, now_ms);
    return now_ms < t->due_ms ? CRAWL_WAIT : ask_next(t, now_ms);
}

uint64_t crawl_talk_due(const struct crawl_talk *t)
{
    return t->due_ms;
}

/* ---- hearing ---- */

static void reject(struct crawl_talk *t, enum crawl_reject why)
{
    t->report->rejected[why]++;
    if (crawl_reject_is_fault(why) && ++t->n_faults >= t->request->limits.max_faults)
        fail(t, "it sent %u messages that are malformed, forged or not asked for", t->n_faults);
}

/* An event that was asked for, taken or not: it belongs to an answer. */
static void count_event(struct crawl_talk *t, int64_t created_at, uint64_t now_ms)
{
    if (!crawl_queue_event(&t->queue, created_at))
        fail(t, "it sent more events than there can be");
    if (!t->complained)
        return;
    t->complained = false; /* so the NOTICE was about something else */
    t->due_ms = now_ms + answer_ms(t);
}

static void hear_event(struct crawl_talk *t, struct slice body, uint64_t now_ms)
{
    struct event ev;
    enum crawl_reject verdict = crawl_judge_event(t->judge, body, &ev);

    if (verdict == CRAWL_REJECTS) {
        t->report->n_events++;
        t->request->on_event(&ev, buf_slice(&t->judge->json), t->request->ctx);
    } else {
        reject(t, verdict);
    }
    if (verdict == CRAWL_REJECTS || verdict == CRAWL_STALE || verdict == CRAWL_FUTURE)
        count_event(t, ev.created_at, now_ms);
}

static bool is_final(struct slice words)
{
    return slice_has_prefix(words, SLICE("auth-required:")) ||
           slice_has_prefix(words, SLICE("restricted:")) ||
           slice_has_prefix(words, SLICE("blocked:"));
}

static void hear_closed(struct crawl_talk *t, struct slice words, uint64_t now_ms)
{
    if (is_final(words))
        t->queue.refusals = CRAWL_MAX_REFUSALS;
    ask_for_less(t, now_ms, "it refuses: ", words);
}

/* A greeting, or the only answer to a question that it does not like: time will tell. */
static void hear_notice(struct crawl_talk *t, uint64_t now_ms)
{
    if (!t->asked || t->queue.n_page > 0 || t->complained)
        return;
    t->complained = true;
    if (t->due_ms > now_ms + NOTICE_GRACE_MS)
        t->due_ms = now_ms + NOTICE_GRACE_MS;
}

static bool is_ours(const struct crawl_talk *t, const struct relay_message *m)
{
    return t->asked && slice_eq(m->sub_id, slice_str(t->sub_id));
}

void crawl_talk_hear(struct crawl_talk *t, struct slice text, uint64_t now_ms)
{
    struct relay_message m;
    const char *error;

    arena_reset(&t->arena);
    if (t->failed)
        return;
    if (!relay_message_parse(text, &t->arena, &m, &error)) {
        reject(t, CRAWL_MALFORMED);
    } else if (m.verb == RELAY_EVENT) {
        hear_event(t, m.body, now_ms);
    } else if (m.verb == RELAY_EOSE && is_ours(t, &m)) {
        crawl_queue_eose(&t->queue);
        t->report->answered = true;
        t->asked = false;
        t->due_ms = now_ms;
    } else if (m.verb == RELAY_CLOSED && is_ours(t, &m)) {
        hear_closed(t, m.text, now_ms);
    } else if (m.verb == RELAY_NOTICE) {
        hear_notice(t, now_ms);
    }
}
