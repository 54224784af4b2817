/*
 * relayctl: a relay's operator at the command line. The first argument names a command; what each
 * takes is in its own file.
 */
#include <stdio.h>

#include "command.h"
#include "nostr/verify.h"
#include "output.h"

static const struct command *const commands[] = {
    &cmd_info,      &cmd_pub,    &cmd_send,   &cmd_req,    &cmd_watch, &cmd_count,
    &cmd_key,       &cmd_status, &cmd_policy, &cmd_wot,    &cmd_mod,   &cmd_invite,
    &cmd_retention, &cmd_manage, &cmd_export, &cmd_import,
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

static void print(struct buf *text)
{
    fwrite(text->ptr, 1, text->len, stdout);
    buf_deinit(text);
}

static void print_help(void)
{
    struct buf text;

    buf_init(&text, 16 * KIB);
    buf_add_str(&text, "relayctl: talk to a Nostr relay\n\n"
                       "  relayctl [--relay URL] COMMAND [OPTION...] [ARGUMENT...]\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        buf_printf(&text, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    buf_add_str(&text, "\n");
    options_help(OPTION_RELAY, &text);
    buf_add_str(&text, "\nrelayctl COMMAND --help tells more of each. It ends with status 0 if all "
                       "went well, 1 if\nthe relay said no or could not be reached, 2 if the "
                       "command line is wrong.\n");
    print(&text);
}

static void print_command_help(const struct command *c)
{
    struct buf text;

    buf_init(&text, 16 * KIB);
    buf_printf(&text, "relayctl %s [OPTION...] %s\n\n%s.\n%s", c->name, c->args, c->summary,
               c->text);
    if (c->options)
        buf_add_str(&text, "\n");
    options_help(c->options, &text);
    print(&text);
}

static int run(const struct command *c, const struct options *o)
{
    int status;

    if (!options_check(o, c->options))
        return STATUS_USAGE;
    if (o->n_args < c->min_args || o->n_args > c->max_args) {
        output_error("usage: relayctl %s %s", c->name, c->args);
        return STATUS_USAGE;
    }
    verify_setup();
    status = c->run(o);
    return output_finish() ? status : STATUS_NO;
}

int main(int argc, char **argv)
{
    const struct command *c = NULL;
    struct options o;

    if (!options_parse(&o, argc, argv))
        return STATUS_USAGE;
    if (o.version) {
        output_line("relayctl %s", TANDEM_VERSION);
        return STATUS_OK;
    }
    if (o.command) {
        c = find_command(o.command);
        if (!c) {
            output_error("%s: there is no such command; relayctl --help lists them", o.command);
            return STATUS_USAGE;
        }
    }
    if (o.help) {
        c ? print_command_help(c) : print_help();
        return STATUS_OK;
    }
    if (!c) {
        print_help();
        return STATUS_USAGE;
    }
    return run(c, &o);
}
