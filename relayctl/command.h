#ifndef RELAYCTL_COMMAND_H
#define RELAYCTL_COMMAND_H
/* What a command is: each cmd_<name>.c defines one, main.c lists them. */
#include "options.h"

enum {
    STATUS_OK = 0,
    STATUS_NO = 1,    /* the relay refused, could not be reached, or something is not well */
    STATUS_USAGE = 2, /* the command line is wrong */
};

/* Returns the exit status, after saying on stderr what went wrong. */
typedef int command_fn(const struct options *o);

struct command {
    const char *name;
    const char *args;    /* for the usage line */
    const char *summary; /* one line */
    const char *text;    /* what --help adds to it: lines, each ended */
    unsigned options;    /* enum option_bit */
    size_t min_args, max_args;
    command_fn *run;
};

extern const struct command cmd_info, cmd_pub, cmd_send, cmd_req, cmd_watch, cmd_count, cmd_key,
    cmd_status, cmd_mod, cmd_wot, cmd_policy, cmd_retention, cmd_invite, cmd_manage, cmd_export,
    cmd_import;

#endif
