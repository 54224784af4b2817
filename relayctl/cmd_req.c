#include "ask.h"
#include "command.h"
#include "print_event.h"

/* Until EOSE; true when it came. */
static bool print_stored(struct ask *a, struct event_printer *p)
{
    struct relay_message m;

    while (ask_next(a, &m) == ASK_ANSWER) {
        if (m.verb == RELAY_EOSE)
            return true;
        if (m.verb == RELAY_EVENT)
            event_printer_put(p, m.body);
    }
    return false;
}

static int run(const struct options *o)
{
    struct event_printer printer;
    struct ask ask;
    int status;

    event_printer_init(&printer);
    status = ask_open(&ask, "REQ", o);
    if (status == STATUS_OK && !(print_stored(&ask, &printer) && printer.all_good))
        status = STATUS_NO;
    ask_close(&ask);
    event_printer_deinit(&printer);
    return status;
}

const struct command cmd_req = {
    .name = "req",
    .args = "[FILTER...]",
    .summary = "Print the stored events that match",
    .text =
        "Filters are JSON objects (NIP-01); an event that any of them matches is printed, as one\n"
        "line of JSON, the newest first. Without a filter, all match: the relay then chooses how\n"
        "many it sends. Ids and signatures are checked. With a key, the relay's wish to know who\n"
        "asks is granted (NIP-42).\n"
        "\n"
        "  relayctl req '{\"kinds\":[1],\"#t\":[\"tandem\"]}' --limit 10\n",
    .options = OPTIONS_CONNECTION | OPTION_KEY | OPTION_AUTH | OPTION_LIMIT,
    .max_args = 100,
    .run = run,
};
