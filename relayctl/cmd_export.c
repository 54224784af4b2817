/*
 * All stored events as JSON lines, in the order in which they were stored, straight from an event
 * handler's feed. Each page ends at a seq from which the export can go on.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "http.h"
#include "interrupt.h"
#include "output.h"
#include "wire/live_wire.h"

enum { PAGE_EVENTS = 1000 };

/* An answer of the feed; false after saying why there is none. The caller deinits it. */
static bool fetch(const struct options *o, const char *bearer, uint64_t after,
                  struct http_answer *answer, struct slice *lines, struct live_head *head)
{
    char url[1024];

    snprintf(url, sizeof url, "%s/v1/feed?after=%" PRIu64 "&limit=%d", o->handler, after,
             PAGE_EVENTS);
    http_get(o, url, bearer, answer);
    *lines = buf_slice(&answer->body);
    if (answer->status == 200 && live_head_parse(lines, head))
        return true;
    if (answer->status == 0)
        output_error("%s: %s", o->handler, answer->error);
    else if (answer->status != 200)
        output_error("%s: HTTP status %ld: " SLICE_FMT, o->handler, answer->status,
                     SLICE_ARG(*lines));
    else
        output_error("%s: the feed is malformed", o->handler);
    return false;
}

/* Where the feed stands. */
static bool fetch_head(const struct options *o, const char *bearer, uint64_t *head_seq)
{
    struct http_answer answer;
    struct live_head head;
    struct slice lines;
    bool ok = fetch(o, bearer, UINT64_MAX, &answer, &lines, &head);

    if (ok)
        *head_seq = head.seq;
    http_answer_deinit(&answer);
    return ok;
}

/* Prints a page. *after moves to its end when all of it has been written, and *done says whether
 * there is nothing behind it. */
static bool export_page(const struct options *o, const char *bearer, uint64_t *after, bool *done)
{
    struct http_answer answer;
    struct live_head head;
    struct live_line line;
    struct slice lines;
    bool ok = fetch(o, bearer, *after, &answer, &lines, &head);

    while (ok && live_line_next(&lines, &line))
        output_json(line.event);
    if (ok && lines.len > 0)
        output_error("%s: the feed is malformed", o->handler);
    ok = ok && lines.len == 0 && fflush(stdout) == 0 && !ferror(stdout);
    if (ok) {
        *done = head.seq <= *after || head.prev == head.seq;
        *after = head.seq > *after ? head.seq : *after;
    }
    http_answer_deinit(&answer);
    return ok;
}

/* Up to where the feed stood at the beginning: while events keep coming there is no other end. */
static int run(const struct options *o)
{
    const char *token = getenv("INTERNAL_TOKEN");
    uint64_t after = o->given & OPTION_AFTER ? (uint64_t)o->after : 0, end = 0;
    char bearer[1100];
    bool ok, done = false;

    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", token ? token : "");
    interrupt_catch();
    ok = fetch_head(o, bearer, &end);
    while (ok && !done && after < end && !interrupt_pending())
        ok = export_page(o, bearer, &after, &done);
    output_error("the export ends at seq %" PRIu64 "; --after %" PRIu64 " goes on from there",
                 after, after);
    explicit_bzero(bearer, sizeof bearer);
    return ok && (done || after >= end) ? STATUS_OK : STATUS_NO;
}

const struct command cmd_export = {
    .name = "export",
    .args = "",
    .summary = "Print all stored events, one per line of JSON",
    .text =
        "Straight from an event handler (--handler, with its INTERNAL_TOKEN in the environment):\n"
        "private messages are in it. Newer events since an earlier export: --after SEQ.\n"
        "\n"
        "  relayctl export | gzip > events.jsonl.gz\n",
    .options = OPTION_HANDLER | OPTION_TIMEOUT | OPTION_AFTER,
    .run = run,
};
