#include "ask.h"
#include "command.h"
#include "output.h"

static bool print_count(const struct relay_message *m)
{
    struct arena arena;
    int64_t count;
    bool approximate, ok;

    arena_init(&arena, 64 * KIB);
    ok = relay_message_count(m->body, &arena, &count, &approximate);
    arena_deinit(&arena);
    if (ok)
        output_line("%s%lld", approximate ? "about " : "", (long long)count);
    else
        output_error("the relay's answer holds no number");
    return ok;
}

static bool await_count(struct ask *a)
{
    struct relay_message m;

    while (ask_next(a, &m) == ASK_ANSWER) {
        if (m.verb == RELAY_COUNT)
            return print_count(&m);
    }
    return false;
}

static int run(const struct options *o)
{
    struct ask ask;
    int status = ask_open(&ask, "COUNT", o);

    if (status == STATUS_OK && !await_count(&ask))
        status = STATUS_NO;
    ask_close(&ask);
    return status;
}

const struct command cmd_count = {
    .name = "count",
    .args = "[FILTER...]",
    .summary = "Print how many stored events match (NIP-45)",
    .text = "\n"
            "  relayctl count '{\"kinds\":[1]}'\n",
    .options = OPTIONS_CONNECTION | OPTION_KEY | OPTION_AUTH,
    .max_args = 100,
    .run = run,
};
