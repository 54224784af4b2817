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

/* Prints the page; false when it is malformed. *after moves to its end, and *done says whether
 * there is no more. */
static bool print_page(struct slice body, uint64_t *after, bool *done)
{
    struct live_head head;
    struct live_line line;

    if (!live_head_parse(&body, &head))
        return false;
    *done = head.seq == *after || head.prev == head.seq;
    while (live_line_next(&body, &line))
        output_json(line.event);
    *after = head.seq > *after ? head.seq : *after;
    return body.len == 0;
}

static bool fetch_page(const struct options *o, const char *bearer, uint64_t *after, bool *done)
{
    struct http_answer answer;
    char url[1024];
    bool ok = false;

    snprintf(url, sizeof url, "%s/v1/feed?after=%" PRIu64 "&limit=%d", o->handler, *after,
             PAGE_EVENTS);
    http_get(o, url, bearer, &answer);
    if (answer.status == 0)
        output_error("%s: %s", o->handler, answer.error);
    else if (answer.status != 200)
        output_error("%s: HTTP status %ld: " SLICE_FMT, o->handler, answer.status,
                     SLICE_ARG(buf_slice(&answer.body)));
    else if (!print_page(buf_slice(&answer.body), after, done))
        output_error("%s: the feed is malformed", o->handler);
    else
        ok = true;
    http_answer_deinit(&answer);
    return ok;
}

static int run(const struct options *o)
{
    const char *token = getenv("INTERNAL_TOKEN");
    uint64_t after = o->given & OPTION_AFTER ? (uint64_t)o->after : 0;
    char bearer[1100];
    bool ok = true, done = false;

    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", token ? token : "");
    interrupt_catch();
    while (ok && !done && !interrupt_pending())
        ok = fetch_page(o, bearer, &after, &done);
    output_error("the export ends at seq %" PRIu64 "; --after %" PRIu64 " goes on from there",
                 after, after);
    explicit_bzero(bearer, sizeof bearer);
    return ok && done ? STATUS_OK : STATUS_NO;
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
