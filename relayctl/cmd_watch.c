#include <stdio.h>

#include "ask.h"
#include "command.h"
#include "interrupt.h"
#include "print_event.h"

/* Until Ctrl-C, which is the good end. */
static bool print_all(struct ask *a, struct event_printer *p)
{
    struct relay_message m;
    enum ask_result result;

    while ((result = ask_next(a, &m)) == ASK_ANSWER) {
        if (m.verb == RELAY_EOSE)
            a->patient = true;
        else if (m.verb == RELAY_EVENT)
            event_printer_put(p, m.body);
    }
    return result == ASK_INTERRUPTED;
}

static int run(const struct options *o)
{
    struct event_printer printer;
    struct ask ask;
    int status;

    setvbuf(stdout, NULL, _IOLBF, 0); /* whoever reads from us wants events as they come */
    event_printer_init(&printer);
    status = ask_open(&ask, "REQ", o);
    if (status == STATUS_OK) {
        interrupt_catch();
        if (!print_all(&ask, &printer) || !printer.all_good)
            status = STATUS_NO;
    }
    ask_close(&ask);
    event_printer_deinit(&printer);
    return status;
}

const struct command cmd_watch = {
    .name = "watch",
    .args = "[FILTER...]",
    .summary = "Print matching events, stored and then live, until Ctrl-C",
    .text = "As req, but it goes on. --limit 0 leaves out the stored events.\n"
            "\n"
            "  relayctl watch --limit 0 | relayctl send --relay wss://other.example.com -\n",
    .options = OPTIONS_CONNECTION | OPTION_KEY | OPTION_AUTH | OPTION_LIMIT,
    .max_args = 100,
    .run = run,
};
