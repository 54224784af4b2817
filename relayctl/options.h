#ifndef RELAYCTL_OPTIONS_H
#define RELAYCTL_OPTIONS_H
/*
 * The command line. One table describes every option of every command: its name, type and range,
 * and the words of --help. A command says by bits which of them it takes. Options and arguments may
 * come in any order; "--" ends the options, and "-" is an argument. One thread.
 */
#include "base/buf.h"

enum option_bit {
    OPTION_RELAY = 1 << 0,
    OPTION_KEY = 1 << 1,
    OPTION_AUTH = 1 << 2,
    OPTION_KIND = 1 << 3,
    OPTION_TAG = 1 << 4,
    OPTION_POW = 1 << 5,
    OPTION_PRINT = 1 << 6,
    OPTION_LIMIT = 1 << 7,
    OPTION_WINDOW = 1 << 8,
    OPTION_HANDLER = 1 << 9,
    OPTION_METRICS = 1 << 10,
    OPTION_TIMEOUT = 1 << 11,
    OPTION_CA = 1 << 12,
    OPTION_AFTER = 1 << 13,
};

/* What it takes to talk to a relay. */
#define OPTIONS_CONNECTION (OPTION_RELAY | OPTION_TIMEOUT | OPTION_CA)

enum { OPTIONS_MAX_TAGS = 256 };

struct options {
    const char *relay;   /* --relay, else TANDEM_RELAY, else ws://127.0.0.1:8008 */
    char *key;           /* --key as given, or NULL; secret_load() wipes it if it is a key itself */
    const char *ca;      /* or NULL */
    const char *handler; /* base URL */
    const char *metrics; /* URL */
    const char *tags[OPTIONS_MAX_TAGS];
    size_t n_tags;
    int64_t kind;
    int64_t pow;
    int64_t limit; /* -1: none given */
    int64_t window;
    int64_t after; /* a seq */
    int64_t timeout_seconds;
    bool auth;
    bool print;
    bool help, version;

    const char *command; /* the first argument, or NULL */
    char **args;         /* those behind it */
    size_t n_args;
    unsigned given; /* bits */
};

/* Reads argv, whose arguments are moved to the front. False after saying what is wrong. */
NODISCARD bool options_parse(struct options *o, int argc, char **argv);
/* False, after saying which, when an option was given that is not in allowed. */
NODISCARD bool options_check(const struct options *o, unsigned allowed);
/* A line for --help per option in bits. */
void options_help(unsigned bits, struct buf *out);

#endif
