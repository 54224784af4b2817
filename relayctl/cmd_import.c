/*
 * Events into the store, straight through an event handler: everything is verified as any event is,
 * but the policy for strangers (trust, budgets, the window of created_at) is not asked. An import
 * that broke off may be repeated: what is there is counted apart.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "client/ws_client.h"
#include "command.h"
#include "event_source.h"
#include "http.h"
#include "interrupt.h"
#include "nostr/event.h"
#include "output.h"
#include "relay.h"
#include "wire/ingest_wire.h"

enum {
    BATCH_EVENTS = 500,
    BATCH_BYTES = 4 * 1024 * 1024,
    MAX_COMPLAINTS = 20,
    MAX_REASONS = 32,
    PROGRESS_MS = 5000,
    TRIES_MOST = 30, /* when the event handler is busy, or has no database */
    PAUSE_MS = 1000,
};

struct reason { /* why events were refused, and how many */
    char text[120];
    uint64_t n;
};

struct import {
    const struct options *o;
    struct event_source *source;
    char url[1024], bearer[1100];
    struct arena arena;
    struct buf body, json;
    uint64_t position[BATCH_EVENTS]; /* of each event of the batch in the source */
    size_t n;
    uint64_t n_accepted, n_duplicate, n_refused;
    uint64_t n_failed; /* of those refused: not the event's fault */
    struct reason reason[MAX_REASONS];
    size_t n_reasons;
    uint64_t complaints, began_us, progress_ms;
};

/* ---- what did not go well ---- */

static void count_reason(struct import *im, struct slice text)
{
    struct reason *r = im->reason;
    size_t len = text.len < sizeof r->text - 1 ? text.len : sizeof r->text - 1;

    for (; r < im->reason + im->n_reasons; r++) {
        if (strlen(r->text) == len && memcmp(r->text, text.ptr, len) == 0) {
            r->n++;
            return;
        }
    }
    if (im->n_reasons == MAX_REASONS)
        return; /* the total tells of them */
    im->n_reasons++;
    memcpy(r->text, text.ptr, len);
    r->text[len] = '\0';
    r->n = 1;
}

static void refused(struct import *im, uint64_t position, struct slice why)
{
    im->n_refused++;
    count_reason(im, why);
    if (im->complaints < MAX_COMPLAINTS)
        output_error("%" PRIu64 ": " SLICE_FMT, position, SLICE_ARG(why));
    else if (im->complaints == MAX_COMPLAINTS)
        output_error("further refusals are only counted");
    im->complaints++;
}

/* ---- batches ---- */

/* The sentence in ["<id>",false,"<sentence>"]. */
static struct slice sentence_of(struct slice ok)
{
    size_t i = 0;

    for (int commas = 0; i < ok.len && commas < 2; i++)
        commas += ok.ptr[i] == ',';
    if (ok.len < i + 3)
        return SLICE("refused");
    return slice_of(ok.ptr + i + 1, ok.len - i - 3);
}

static bool is_failure(const struct ingest_verdict *v)
{
    return !v->accepted && slice_has_prefix(sentence_of(v->ok), SLICE("error:"));
}

static bool take_verdicts(struct import *im, struct slice body)
{
    struct ingest_verdict v;

    for (size_t i = 0; i < im->n; i++) {
        if (!ingest_verdict_next(&body, &v)) {
            output_error("the event handler's answer is malformed");
            return false;
        }
        im->n_failed += is_failure(&v);
        if (!v.accepted)
            refused(im, im->position[i], sentence_of(v.ok));
        else if (slice_has_prefix(sentence_of(v.ok), SLICE("duplicate:")))
            im->n_duplicate++;
        else
            im->n_accepted++;
    }
    return true;
}

static void show_progress(struct import *im)
{
    uint64_t now = clock_mono_ms();

    if (now < im->progress_ms)
        return;
    im->progress_ms = now + PROGRESS_MS;
    output_error("%" PRIu64 " read, %" PRIu64 " accepted, %" PRIu64 " already there, %" PRIu64
                 " refused",
                 event_source_position(im->source), im->n_accepted, im->n_duplicate, im->n_refused);
}

/* Nothing of the batch was stored, and all of it may be later. */
static bool is_unavailable(const struct http_answer *answer)
{
    struct slice body = buf_slice(&answer->body);
    struct ingest_verdict v;

    if (answer->status != 200)
        return answer->status == 503;
    while (ingest_verdict_next(&body, &v)) {
        if (!is_failure(&v))
            return false;
    }
    return true;
}

static void post_batch(struct import *im, struct http_answer *answer)
{
    for (int tries = 1;; tries++) {
        http_post(im->o, im->url,
                  (const char *const[]){"Content-Type: application/octet-stream", im->bearer, NULL},
                  buf_slice(&im->body), answer);
        if (!is_unavailable(answer) || tries == TRIES_MOST || interrupt_pending())
            return;
        if (tries == 1)
            output_error("the event handler stores nothing at present: trying again");
        http_answer_deinit(answer);
        poll(NULL, 0, PAUSE_MS);
    }
}

static bool send_batch(struct import *im)
{
    struct http_answer answer;
    bool ok;

    if (im->n == 0)
        return true;
    post_batch(im, &answer);
    ok = answer.status == 200 && take_verdicts(im, buf_slice(&answer.body));
    if (answer.status == 0)
        output_error("%s: %s", im->url, answer.error);
    else if (answer.status != 200)
        output_error("%s: HTTP status %ld: " SLICE_FMT, im->url, answer.status,
                     SLICE_ARG(buf_slice(&answer.body)));
    http_answer_deinit(&answer);
    im->n = 0;
    buf_reset(&im->body);
    show_progress(im);
    return ok;
}

static bool add_event(struct import *im, struct slice json)
{
    struct ingest_record rec = {.address = SLICE("")};
    const char *error;
    struct event ev;
    bool has_id;

    arena_reset(&im->arena);
    if (!event_parse(json, &relay_event_limits, &im->arena, &ev, &has_id, &error)) {
        refused(im, event_source_position(im->source), slice_str(error));
        return true;
    }
    buf_reset(&im->json);
    event_write(&ev, &im->json);
    rec.event = buf_slice(&im->json);
    ingest_record_write(&im->body, &rec);
    im->position[im->n++] = event_source_position(im->source);
    if (im->json.failed || im->body.failed) {
        output_error("out of memory");
        return false;
    }
    return im->n < BATCH_EVENTS && im->body.len < BATCH_BYTES ? true : send_batch(im);
}

static bool import_all(struct import *im)
{
    for (;;) {
        struct slice json;
        const char *error;

        if (interrupt_pending())
            return send_batch(im) && false;
        switch (event_source_next(im->source, &json, &error)) {
        case SOURCE_EVENT:
            if (!add_event(im, json))
                return false;
            break;
        case SOURCE_BAD:
            refused(im, event_source_position(im->source), slice_str(error));
            break;
        case SOURCE_END:
            return send_batch(im);
        case SOURCE_FAILED:
            return false;
        }
    }
}

static void print_summary(const struct import *im)
{
    double seconds = (double)(clock_mono_us() - im->began_us) / 1e6;

    output_line("%" PRIu64 " read in %.1f s: %" PRIu64 " accepted, %" PRIu64
                " already there, %" PRIu64 " refused",
                event_source_position(im->source), seconds, im->n_accepted, im->n_duplicate,
                im->n_refused);
    for (size_t i = 0; i < im->n_reasons; i++)
        output_line("%10" PRIu64 "  %s", im->reason[i].n, im->reason[i].text);
}

/* ---- the command ---- */

static bool run_import(const struct options *o, struct event_source *source)
{
    const char *token = getenv("INTERNAL_TOKEN");
    struct import *im = calloc(1, sizeof *im);
    bool ok;

    if (!im) {
        output_error("out of memory");
        return false;
    }
    im->o = o;
    im->source = source;
    im->began_us = clock_mono_us();
    im->progress_ms = clock_mono_ms() + PROGRESS_MS;
    snprintf(im->url, sizeof im->url, "%s/v1/events?import=1", o->handler);
    snprintf(im->bearer, sizeof im->bearer, "Authorization: Bearer %s", token ? token : "");
    arena_init(&im->arena, 8 * WS_MAX_MESSAGE);
    buf_init(&im->json, WS_MAX_MESSAGE);
    buf_init(&im->body, 2 * BATCH_BYTES + WS_MAX_MESSAGE);
    interrupt_catch();
    ok = import_all(im);
    print_summary(im);
    if (im->n_failed > 0)
        output_error("%" PRIu64 " events could not be stored, through no fault of theirs: repeat "
                     "the import",
                     im->n_failed);
    ok = ok && im->n_failed == 0;
    buf_deinit(&im->body);
    buf_deinit(&im->json);
    arena_deinit(&im->arena);
    explicit_bzero(im->bearer, sizeof im->bearer);
    free(im);
    return ok;
}

static int run(const struct options *o)
{
    struct event_source *source;
    bool ok;

    if (strcmp(o->args[0], "nostpy") != 0 && o->n_args > 1) {
        output_error("usage: relayctl import %s", cmd_import.args);
        return STATUS_USAGE;
    }
    source =
        o->n_args > 1 ? event_source_open_nostpy(o->args[1]) : event_source_open_file(o->args[0]);
    if (!source)
        return STATUS_NO;
    ok = run_import(o, source);
    event_source_close(source);
    return ok ? STATUS_OK : STATUS_NO;
}

const struct command cmd_import = {
    .name = "import",
    .args = "FILE|- | nostpy CONNINFO",
    .summary = "Put events into the store, from JSON lines or a Nostpy database",
    .text =
        "Straight through an event handler (--handler, with its INTERNAL_TOKEN in the "
        "environment).\n"
        "Each event is verified; the policy for strangers is not asked. What was refused is told "
        "by\n"
        "line or row and counted by reason, and does not make the import fail, unless it was the\n"
        "relay's fault. May be repeated.\n"
        "\n"
        "  relayctl import backup.jsonl\n"
        "  relayctl import nostpy postgresql://nostr@old-host/nostr\n",
    .options = OPTION_HANDLER | OPTION_TIMEOUT,
    .min_args = 1,
    .max_args = 2,
    .run = run,
};
