/*
 * relay_bench: measures any Nostr relay on this machine over its public WebSocket.
 * docs/BENCHMARKS.md tells what the numbers mean; run.sh beside this file measures this
 * repository's relay with it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench.h"

static const struct command {
    const char *name;
    command_fn *run;
    const char *help;
} commands[] = {
    {"gen", cmd_gen, "write a corpus of signed events to --file"},
    {"verify", cmd_verify, "time one signature check, the unit to compare machines with"},
    {"ingest", cmd_ingest, "publish the corpus, wait for every OK"},
    {"query", cmd_query, "ask a stored corpus a mix of REQs, check every answer"},
    {"fanout", cmd_fanout, "publish the corpus to live subscribers, check every delivery"},
    {"idle", cmd_idle, "hold subscribed connections, weigh them"},
};

enum option_type { OPTION_TEXT, OPTION_SIZE, OPTION_SECONDS, OPTION_FLAG, OPTION_URL };

#define OPTION(name, kind, field, help)                                                            \
    {                                                                                              \
        "--" name, OPTION_##kind, offsetof(struct options, field), help                            \
    }

static const struct option_row {
    const char *name;
    enum option_type type;
    size_t offset;
    const char *help;
} options[] = {
    OPTION("url", URL, url, "the relay, ws://127.0.0.1:PORT; several share the connections"),
    OPTION("file", TEXT, file, "the corpus"),
    OPTION("skip", SIZE, skip, "leave out the first events of the corpus (0)"),
    OPTION("events", SIZE, events, "how many events of it (0: all; gen: 100000)"),
    OPTION("pids", TEXT, pids, "file with the relay's process ids, for CPU and memory"),
    OPTION("row", TEXT, row, "file to append the result to, as a row of a Markdown table"),
    OPTION("label", TEXT, label, "what to call the run there"),
    OPTION("conns", SIZE, conns, "connections (8); fanout: subscribers"),
    OPTION("window", SIZE, window, "events of a connection that wait for their OK (64)"),
    OPTION("match", SIZE, match, "fanout: subscribers that want the events (all)"),
    OPTION("publishers", SIZE, publishers, "fanout: connections that publish (1)"),
    OPTION("seconds", SECONDS, seconds, "query, idle: how long (10)"),
    OPTION("variety", SIZE, variety, "query: different REQs of each kind (40)"),
    OPTION("seed", SIZE, seed, "gen, query: for other random numbers (1)"),
    OPTION("authors", SIZE, authors, "gen: how many (5000)"),
    OPTION("until", SIZE, until, "gen: created_at of the last event (2025-01-01)"),
    OPTION("mixed", FLAG, mixed, "gen: replaceable, addressable and private kinds too"),
};

_Noreturn void bench_die(const char *fmt, ...)
{
    va_list args;

    fputs("relay_bench: ", stderr);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    exit(2);
}

void *bench_calloc(size_t n, size_t size)
{
    void *p = calloc(n > 0 ? n : 1, size);

    if (p == NULL)
        bench_die("out of memory");
    return p;
}

void bench_grow(void **items, size_t *room, size_t n, size_t size)
{
    if (n < *room)
        return;
    *room = *room > 0 ? *room * 2 : 1024;
    *items = reallocarray(*items, *room, size);
    if (*items == NULL)
        bench_die("out of memory");
}

static _Noreturn void print_help(FILE *f, int status)
{
    fputs("usage: relay_bench COMMAND [OPTION VALUE]...\n\n", f);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(f, "  %-14s %s\n", commands[i].name, commands[i].help);
    fputc('\n', f);
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        fprintf(f, "  %-14s %s\n", options[i].name, options[i].help);
    exit(status);
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    bench_die("there is no command %s; see --help", name);
}

static const struct option_row *find_option(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    bench_die("there is no option %s; see --help", name);
}

static size_t read_size(const char *name, const char *text)
{
    char *end;
    unsigned long n;

    errno = 0;
    n = strtoul(text, &end, 10);
    if (errno != 0 || *text < '0' || *text > '9' || *end != '\0')
        bench_die("%s: %s is not a number", name, text);
    return n;
}

static double read_seconds(const char *name, const char *text)
{
    char *end;
    double n = strtod(text, &end);

    if (end == text || *end != '\0' || !(n >= 0 && n <= 86400))
        bench_die("%s: %s is not a number of seconds", name, text);
    return n;
}

static void set_option(struct options *o, const struct option_row *row, const char *value)
{
    char *field = (char *)o + row->offset;

    switch (row->type) {
    case OPTION_TEXT:
        *(const char **)(void *)field = value;
        break;
    case OPTION_SIZE:
        *(size_t *)(void *)field = read_size(row->name, value);
        break;
    case OPTION_SECONDS:
        *(double *)(void *)field = read_seconds(row->name, value);
        break;
    case OPTION_FLAG:
        *(bool *)(void *)field = true;
        break;
    case OPTION_URL:
        if (o->n_urls == BENCH_MAX_URLS)
            bench_die("at most %d --url", BENCH_MAX_URLS);
        o->url[o->n_urls++] = value;
    }
}

static void read_options(struct options *o, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        const struct option_row *row = find_option(argv[i]);

        if (row->type != OPTION_FLAG && ++i == argc)
            bench_die("%s needs a value", row->name);
        set_option(o, row, argv[i]);
    }
}

/* Each connection is an open file. */
static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    struct options o = {.conns = 8,
                        .window = 64,
                        .match = SIZE_MAX,
                        .publishers = 1,
                        .seconds = 10,
                        .variety = 40,
                        .seed = 1,
                        .authors = 5000,
                        .until = 1735689600};
    const struct command *command;

    if (argc < 2)
        print_help(stderr, 2);
    if (strcmp(argv[1], "--help") == 0)
        print_help(stdout, 0);
    command = find_command(argv[1]);
    read_options(&o, argc, argv);
    if (command->run == cmd_gen && o.events == 0)
        o.events = 100000;
    if (command->run != cmd_idle && o.file == NULL)
        bench_die("--file is missing");
    raise_file_limit();
    return command->run(&o);
}
