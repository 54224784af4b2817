/*
 * The run: connections, time and bytes. What is asked and what is believed is decided without any
 * connection, in crawl_plan.c, crawl_queue.c, crawl_talk.c and crawl_judge.c.
 */
#include "trust/crawler.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/list_text.h"
#include "client/ws_client.h"
#include "config.h"
#include "metrics.h"
#include "ops/log.h"
#include "trust/crawl_plan.h"
#include "trust/crawl_talk.h"
#include "trust/outbox.h"

enum {
    MAX_WAIT_MS = 100,  /* how soon a stop is noticed */
    TURN_MESSAGES = 64, /* of one relay, before the next has its turn */
};

const struct crawl_limits crawl_default_limits = {
    .relays_at_once = 8,
    .max_relays = 200,
    .chunk_authors = 500,
    .run_seconds = 900,
    .relay_seconds = 300,
    .answer_seconds = 15,
    .max_faults = 20,
    .max_event_bytes = MIB,
    .max_message_bytes = 4 * MIB,
    .relay_bytes = 1024 * MIB,
    .run_bytes = 4096 * MIB,
};

/* One relay being asked. */
struct link {
    struct ws_client *ws;
    struct crawl_talk talk;
    struct crawl_relay_report *report;
    uint64_t started_ms;
};

struct crawl {
    const struct crawl_request *request;
    struct crawl_report *report;
    struct crawl_authors authors;
    struct crawl_judge judge;
    struct link *link; /* [relays_at_once] */
    struct pollfd *fds;
    size_t n_links;
    uint64_t started_ms;
    uint64_t closed_bytes; /* received over links that are gone */
    bool ended;
};

/* ---- how it ends ---- */

static void end(struct crawl *c, enum crawl_end why)
{
    if (!c->ended)
        c->report->end = why;
    c->ended = true;
}

static bool is_stopped(const struct crawl *c)
{
    return c->request->stop && atomic_load_explicit(c->request->stop, memory_order_relaxed);
}

static double seconds_since(uint64_t ms)
{
    return (double)(clock_mono_ms() - ms) / 1000;
}

static bool check_end(struct crawl *c)
{
    const struct crawl_limits *limits = &c->request->limits;
    uint64_t bytes = c->closed_bytes;

    for (size_t i = 0; i < c->n_links; i++)
        bytes += ws_client_received(c->link[i].ws);
    if (is_stopped(c))
        end(c, CRAWL_STOPPED);
    else if (clock_mono_ms() - c->started_ms >= (uint64_t)limits->run_seconds * 1000)
        end(c, CRAWL_OUT_OF_TIME);
    else if (bytes >= limits->run_bytes)
        end(c, CRAWL_OUT_OF_BYTES);
    return c->ended;
}

/* ---- one relay ---- */

static void PRINTF_LIKE(2, 3) blame(struct crawl_relay_report *r, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(r->error, sizeof(r->error), fmt, args);
    va_end(args);
}

/* The report's next entry; NULL without memory. */
static struct crawl_relay_report *add_report(struct crawl *c, const struct crawl_task *task)
{
    struct crawl_relay_report *r = &c->report->relay[c->report->n_relays];

    r->url = strdup(task->url);
    r->seed = task->seed;
    if (!r->url)
        return NULL;
    c->report->n_relays++;
    return r;
}

static struct ws_client *connect_to(const struct crawl *c, const struct crawl_task *task)
{
    const struct crawl_request *q = c->request;
    const struct ws_options options = {
        .user_agent = "tandem/" TANDEM_VERSION,
        .proxy = q->proxy,
        .public_only = !task->seed && !q->private_addresses,
        .max_message = q->limits.max_message_bytes,
        .connect_ms = q->limits.answer_seconds * 1000,
    };

    return ws_client_open(task->url, &options);
}

/* False for a relay that is to be left alone for now. */
static bool may_ask(const struct crawl *c, const struct crawl_task *task,
                    struct crawl_relay_report *report)
{
    const struct crawl_request *q = c->request;
    int64_t now = clock_unix(), at;

    at = q->health ? relay_health_retry_at(q->health, task->url, task->seed) : 0;
    if (at <= now || q->impatient)
        return true;
    blame(report, "left alone for another %lld s because it failed before", (long long)(at - now));
    return false;
}

static void open_link(struct crawl *c, const struct crawl_task *task)
{
    struct link *l = &c->link[c->n_links];
    struct crawl_queue queue;

    *l = (struct link){.started_ms = clock_mono_ms(), .report = add_report(c, task)};
    if (!l->report) {
        end(c, CRAWL_NO_MEMORY);
        return;
    }
    if (!may_ask(c, task, l->report))
        return;
    l->ws = connect_to(c, task);
    if (!l->ws) {
        end(c, CRAWL_NO_MEMORY);
        return;
    }
    crawl_queue_init(&queue, &c->authors, task->authors, task->n, !task->seed,
                     c->request->limits.chunk_authors);
    crawl_talk_init(&l->talk, c->request, &c->judge, l->report, &queue);
    c->n_links++;
}

static bool is_hostile(const struct crawl *c, const struct link *l)
{
    return l->talk.n_faults >= c->request->limits.max_faults;
}

static void note_health(const struct crawl *c, const struct link *l)
{
    enum relay_conduct conduct = is_hostile(c, l)              ? RELAY_CONDUCT_HOSTILE
                                 : l->report->error[0] != '\0' ? RELAY_CONDUCT_FAILED
                                                               : RELAY_CONDUCT_GOOD;

    if (c->request->health && !c->ended)
        relay_health_note(c->request->health, l->report->url, conduct, clock_unix());
}

static void log_relay(const struct crawl_relay_report *r)
{
    char url[256], error[256];

    log_quote(r->url, strlen(r->url), url, sizeof(url));
    log_quote(r->error, strlen(r->error), error, sizeof(error));
    if (r->seed && r->error[0] != '\0')
        log_warn("crawler", "seed relay failed", "url=%s events=%llu error=%s", url,
                 (unsigned long long)r->n_events, error);
    else
        log_debug("crawler", "relay asked", "url=%s events=%llu error=%s", url,
                  (unsigned long long)r->n_events, error);
}

/* Ends a conversation; its place goes to the last one. */
static void close_link(struct crawl *c, size_t i)
{
    struct link *l = &c->link[i];

    if (c->ended && l->report->error[0] == '\0')
        blame(l->report, "the crawl ended first (%s)", crawl_end_text(c->report->end));
    note_health(c, l);
    log_relay(l->report);
    l->report->bytes = ws_client_received(l->ws);
    l->report->seconds = seconds_since(l->started_ms);
    c->closed_bytes += l->report->bytes;
    crawl_talk_deinit(&l->talk);
    ws_client_free(l->ws);
    *l = c->link[--c->n_links];
}

/* Takes what has come, a bounded number of messages. False when the connection is lost. */
static bool listen_to(struct crawl *c, struct link *l)
{
    struct slice message;

    for (int i = 0; i < TURN_MESSAGES && !is_stopped(c); i++) {
        switch (ws_client_step(l->ws, &message)) {
        case WS_MESSAGE:
            crawl_talk_hear(&l->talk, message, clock_mono_ms());
            break;
        case WS_WAITING:
            return true;
        case WS_LOST:
            return false;
        }
    }
    return true;
}

/* True while the conversation goes on. */
static bool speak(struct link *l)
{
    switch (crawl_talk_turn(&l->talk, clock_mono_ms())) {
    case CRAWL_SAY:
        ws_client_send(l->ws, buf_slice(&l->talk.words));
        return true;
    case CRAWL_WAIT:
        return true;
    case CRAWL_DONE:
    case CRAWL_FAIL:
        break;
    }
    return false;
}

/* True while there is more to come. */
static bool turn_link(struct crawl *c, struct link *l)
{
    const struct crawl_limits *limits = &c->request->limits;
    bool connected = listen_to(c, l);

    if (ws_client_is_open(l->ws) && !speak(l))
        return false;
    if (!connected)
        blame(l->report, "%s", ws_client_error(l->ws));
    else if (ws_client_received(l->ws) > limits->relay_bytes)
        blame(l->report, "it sent more than %zu bytes", limits->relay_bytes);
    else if (clock_mono_ms() - l->started_ms >= (uint64_t)limits->relay_seconds * 1000)
        blame(l->report, "it took longer than %u s", limits->relay_seconds);
    return l->report->error[0] == '\0';
}

/* ---- all relays ---- */

/* Until a relay has sent something, something is due, or a stop is to be looked for. */
static void wait_for_any(struct crawl *c)
{
    uint64_t now = clock_mono_ms();
    int timeout = MAX_WAIT_MS;

    for (size_t i = 0; i < c->n_links; i++) {
        const struct link *l = &c->link[i];
        int due;

        c->fds[i] = ws_client_poll(l->ws, &due);
        timeout = due < timeout ? due : timeout;
        if (!ws_client_is_open(l->ws))
            continue;
        if (crawl_talk_due(&l->talk) < now + (uint64_t)timeout)
            timeout = crawl_talk_due(&l->talk) > now ? (int)(crawl_talk_due(&l->talk) - now) : 0;
    }
    poll(c->fds, c->n_links, timeout);
}

static void run_plan(struct crawl *c, const struct crawl_plan *plan)
{
    size_t next = 0;

    while (!c->ended && (next < plan->n || c->n_links > 0)) {
        while (next < plan->n && c->n_links < c->request->limits.relays_at_once && !c->ended)
            open_link(c, &plan->task[next++]);
        for (size_t i = c->n_links; i-- > 0;) {
            if (!turn_link(c, &c->link[i]) && !check_end(c))
                close_link(c, i);
        }
        if (!check_end(c) && c->n_links > 0)
            wait_for_any(c);
    }
    while (c->n_links > 0)
        close_link(c, c->n_links - 1);
}

static void crawl(struct crawl *c)
{
    const struct crawl_request *q = c->request;
    struct crawl_plan seeds, outbox = {0};
    size_t most = q->limits.max_relays;

    if (!crawl_plan_seeds(&seeds, q))
        end(c, CRAWL_NO_MEMORY);
    seeds.n = seeds.n < most ? seeds.n : most;
    run_plan(c, &seeds);
    if (seeds.n > 0 && !c->ended &&
        !crawl_plan_outbox(&outbox, q, &c->authors, &seeds, most - seeds.n, clock_unix()))
        end(c, CRAWL_NO_MEMORY);
    run_plan(c, &outbox);
    crawl_plan_deinit(&outbox);
    crawl_plan_deinit(&seeds);
}

/* ---- the report ---- */

static void count_metrics(const struct crawl_report *report)
{
    size_t n_good = report->n_relays - report->n_failed;

    metric_add(M_CRAWL_RELAYS, CRAWL_METRIC_ANSWERED, (int64_t)n_good);
    metric_add(M_CRAWL_RELAYS, CRAWL_METRIC_FAILED, (int64_t)report->n_failed);
    metric_add(M_CRAWL_EVENTS, 0, (int64_t)report->n_events);
    for (unsigned r = 0; r < CRAWL_REJECTS; r++)
        metric_add(M_CRAWL_EVENTS, r + 1, (int64_t)report->rejected[r]);
}

static void sum_up(struct crawl *c)
{
    struct crawl_report *report = c->report;

    for (size_t i = 0; i < report->n_relays; i++) {
        const struct crawl_relay_report *r = &report->relay[i];

        report->n_answered += r->answered;
        report->n_failed += r->error[0] != '\0';
        report->n_events += r->n_events;
        for (int why = 0; why < CRAWL_REJECTS; why++)
            report->rejected[why] += r->rejected[why];
    }
    for (size_t i = 0; report->found && i < c->authors.n; i++)
        report->found[i] = crawl_authors_found(&c->authors, i);
    report->n_found = c->authors.n_found;
    report->seconds = seconds_since(c->started_ms);
    count_metrics(report);
    log_info("crawler", "crawled",
             "end=%s authors=%zu found=%zu relays=%zu failed=%zu events=%llu seconds=%.1f",
             crawl_end_text(report->end), c->authors.n, report->n_found, report->n_relays,
             report->n_failed, (unsigned long long)report->n_events, report->seconds);
}

void crawl_run(const struct crawl_request *request, struct crawl_report *report)
{
    const struct crawl_limits *limits = &request->limits;
    struct crawl c = {.request = request, .report = report, .started_ms = clock_mono_ms()};

    assert(request->n_kinds >= 1 && request->n_kinds <= CRAWL_MAX_KINDS);
    *report = (struct crawl_report){.end = CRAWL_COMPLETE};
    report->relay = calloc(limits->max_relays + 1, sizeof(*report->relay));
    report->found = calloc(request->n_authors + 1, sizeof(*report->found));
    c.link = calloc(limits->relays_at_once, sizeof(*c.link));
    c.fds = calloc(limits->relays_at_once, sizeof(*c.fds));
    crawl_judge_init(&c.judge, &c.authors, limits->max_event_bytes);
    if (crawl_authors_init(&c.authors, request->authors, request->n_authors, request->kinds,
                           request->n_kinds) &&
        report->relay && report->found && c.link && c.fds)
        crawl(&c);
    else
        end(&c, CRAWL_NO_MEMORY);
    sum_up(&c);
    crawl_judge_deinit(&c.judge);
    crawl_authors_deinit(&c.authors);
    free(c.link);
    free(c.fds);
}

void crawl_report_deinit(struct crawl_report *report)
{
    for (size_t i = 0; i < report->n_relays; i++)
        free(report->relay[i].url);
    free(report->relay);
    free(report->found);
    *report = (struct crawl_report){0};
}

const char *crawl_end_text(enum crawl_end why)
{
    static const char *const texts[] = {
        [CRAWL_COMPLETE] = "complete",       [CRAWL_STOPPED] = "stopped",
        [CRAWL_OUT_OF_TIME] = "out of time", [CRAWL_OUT_OF_BYTES] = "out of bytes",
        [CRAWL_NO_MEMORY] = "out of memory",
    };

    return texts[why];
}

/* ---- settings ---- */

void crawl_request_configure(struct crawl_request *request, const struct config *cfg)
{
    request->seeds = cfg->wot_seed_relays;
    request->proxy = cfg->wot_proxy;
    request->private_addresses = cfg->wot_crawl_private_addresses;
    request->limits = crawl_default_limits;
    request->limits.run_seconds = (unsigned)cfg->wot_crawl_seconds;
    request->limits.relay_seconds = (unsigned)cfg->wot_crawl_relay_seconds;
    request->limits.answer_seconds = (unsigned)cfg->wot_crawl_answer_seconds;
    request->limits.max_relays = (unsigned)cfg->wot_crawl_relays;
    request->limits.relays_at_once = (unsigned)cfg->wot_crawl_connections;
}

bool crawl_check_seeds(const char *value, struct buf *error)
{
    struct slice text = slice_str(value), entry;
    struct buf url;

    buf_init(&url, OUTBOX_MAX_URL_BYTES + 1);
    for (int n = 0; list_text_next(&text, &entry) && !error->failed; n++) {
        buf_reset(&url);
        if (n == CRAWL_MAX_SEEDS)
            buf_printf(error, "more than %d relays", CRAWL_MAX_SEEDS);
        else if (!outbox_normalise(entry, &url))
            buf_printf(error, "\"" SLICE_FMT "\" is no ws:// or wss:// URL", SLICE_ARG(entry));
        else
            continue;
        buf_deinit(&url);
        return false;
    }
    buf_deinit(&url);
    return true;
}

bool crawl_check_proxy(const char *value, struct buf *error)
{
    static const char *const schemes[] = {"socks5h://", "socks4a://", "http://", "https://"};

    if (value[0] == '\0')
        return true;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        struct slice scheme = slice_str(schemes[i]);

        if (slice_has_prefix(slice_str(value), scheme) && value[scheme.len] != '\0')
            return true;
    }
    buf_add_str(error, "must be socks5h://HOST:PORT, socks4a://, http:// or https://");
    return false;
}
