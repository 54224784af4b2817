#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "client/ws_client.h"
#include "command.h"
#include "interrupt.h"
#include "lines.h"
#include "output.h"
#include "publish.h"
#include "secret.h"
#include "signer.h"

enum { MAX_COMPLAINTS = 20 };

struct transfer {
    struct lines lines;
    struct relay *relay;
    struct publisher *publisher;
    struct arena arena;
    struct buf json;
    bool at_end; /* of the input */
    uint64_t line;
    uint64_t n_accepted, n_duplicate, n_refused, n_malformed;
    uint64_t n_complaints;
};

/* Says what became of a line, for the first few that did not go well. */
static void complain(struct transfer *t, uint64_t line, const char *what, struct slice text)
{
    if (t->n_complaints < MAX_COMPLAINTS)
        output_error("line %" PRIu64 ": %s" SLICE_FMT, line, what, SLICE_ARG(text));
    else if (t->n_complaints == MAX_COMPLAINTS)
        output_error("further lines are only counted");
    t->n_complaints++;
}

static void malformed(struct transfer *t, const char *error)
{
    t->n_malformed++;
    complain(t, t->line, "", slice_str(error));
}

/* Sends one line's event. False without memory. */
static bool send_line(struct transfer *t, struct slice line)
{
    struct event ev;
    const char *error;
    bool has_id;

    arena_reset(&t->arena);
    if (!event_parse(line, &relay_event_limits, &t->arena, &ev, &has_id, &error)) {
        malformed(t, error);
        return true;
    }
    buf_reset(&t->json);
    event_write(&ev, &t->json);
    return !t->json.failed && publisher_add(t->publisher, &ev.id, buf_slice(&t->json), t->line);
}

static bool is_blank(struct slice line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.ptr[i] != ' ' && line.ptr[i] != '\t' && line.ptr[i] != '\r')
            return false;
    }
    return true;
}

/* Takes lines while there are any and the window has room. False without memory. */
static bool take_lines(struct transfer *t)
{
    while (!t->at_end && publisher_has_room(t->publisher)) {
        struct slice line;
        enum lines_result result = lines_next(&t->lines, &line);

        if (result == LINES_MORE)
            return true;
        if (result == LINES_END) {
            t->at_end = true;
            return true;
        }
        t->line++;
        if (result == LINES_TOO_LONG)
            malformed(t, "the line is too long");
        else if (!is_blank(line) && !send_line(t, line))
            return false;
    }
    return true;
}

static void count(struct transfer *t, const struct publish_answer *answer)
{
    if (!answer->accepted) {
        t->n_refused++;
        complain(t, answer->number, "refused: ", answer->text);
    } else if (slice_has_prefix(answer->text, SLICE("duplicate:"))) {
        t->n_duplicate++;
    } else {
        t->n_accepted++;
    }
}

/* Until all is answered, or Ctrl-C. False when something broke. */
static bool transfer_all(struct transfer *t)
{
    for (;;) {
        struct publish_answer answer;
        bool wants_input;

        if (!take_lines(t)) {
            output_error("out of memory");
            return false;
        }
        if (t->at_end && publisher_waiting(t->publisher) == 0)
            return true;
        wants_input = !t->at_end && publisher_has_room(t->publisher);
        switch (publisher_next(t->publisher, wants_input ? t->lines.fd : -1, &answer)) {
        case PUBLISH_ANSWERED:
            count(t, &answer);
            break;
        case PUBLISH_INPUT:
            if (!lines_read(&t->lines)) {
                output_error("cannot read on: %s", strerror(errno));
                return false;
            }
            break;
        case PUBLISH_INTERRUPTED:
            t->at_end = true;
            return publisher_waiting(t->publisher) == 0;
        case PUBLISH_FAILED:
            return false;
        }
    }
}

static void print_summary(const struct transfer *t, uint64_t began_us)
{
    double seconds = (double)(clock_mono_us() - began_us) / 1e6;
    uint64_t answered = t->n_accepted + t->n_duplicate + t->n_refused;

    output_line("%" PRIu64 " events in %.1f s (%.0f/s): %" PRIu64 " accepted, %" PRIu64
                " already there, %" PRIu64 " refused",
                answered, seconds, seconds > 0 ? (double)answered / seconds : 0.0, t->n_accepted,
                t->n_duplicate, t->n_refused);
    if (t->n_malformed > 0)
        output_line("%" PRIu64 " lines hold no event and were left out", t->n_malformed);
    if (publisher_waiting(t->publisher) > 0)
        output_line(
            "%zu events were sent without an answer; send the file again, which does no harm",
            publisher_waiting(t->publisher));
}

static bool send_file(const struct options *o, int fd, const struct signer *signer)
{
    struct transfer t = {.relay = relay_open(o, signer)};
    uint64_t began = clock_mono_us();
    bool ok;

    if (!t.relay)
        return false;
    lines_init(&t.lines, fd, WS_MAX_MESSAGE);
    arena_init(&t.arena, 8 * WS_MAX_MESSAGE);
    buf_init(&t.json, WS_MAX_MESSAGE);
    t.publisher = publisher_new(t.relay, (size_t)o->window);
    ok = t.publisher != NULL;
    if (ok) {
        if (o->auth)
            relay_authenticate(t.relay);
        interrupt_catch();
        ok = transfer_all(&t) && t.n_refused == 0 && t.n_malformed == 0;
        print_summary(&t, began);
    }
    publisher_free(t.publisher);
    relay_close(t.relay);
    lines_deinit(&t.lines);
    arena_deinit(&t.arena);
    buf_deinit(&t.json);
    return ok;
}

static int run(const struct options *o)
{
    bool from_stdin = strcmp(o->args[0], "-") == 0;
    int fd = from_stdin ? STDIN_FILENO : open(o->args[0], O_RDONLY | O_CLOEXEC);
    struct signer *signer = NULL;
    bool ok;

    if (fd < 0) {
        output_error("%s: %s", o->args[0], strerror(errno));
        return STATUS_NO;
    }
    ok = secret_load_signer(o->key, &signer) && send_file(o, fd, signer);
    signer_free(signer);
    if (!from_stdin)
        close(fd);
    return ok ? STATUS_OK : STATUS_NO;
}

const struct command cmd_send = {
    .name = "send",
    .args = "FILE|-",
    .summary = "Publish signed events from a file, one per line of JSON",
    .text =
        "For imports, and for copying from relay to relay. Many events are on their way at once.\n"
        "What the relay already has is counted apart, so an import that broke off may be\n"
        "repeated. A refused event is named with its line, and makes the exit status 1.\n"
        "\n"
        "  relayctl --relay wss://old.example.com req '{\"kinds\":[1]}' | relayctl send -\n",
    .options = OPTIONS_CONNECTION | OPTION_KEY | OPTION_AUTH | OPTION_WINDOW,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
