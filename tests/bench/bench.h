#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H
/*
 * relay_bench: measures a Nostr relay over its public WebSocket. What all files of the tool share:
 * the options, the commands, and the end of the program when something is wrong. One thread.
 */
#include "base/base.h"

enum { BENCH_MAX_URLS = 16 };

struct options {
    const char *url[BENCH_MAX_URLS]; /* ws://127.x.y.z:PORT[/PATH] */
    size_t n_urls;
    const char *file;  /* the corpus: one event per line */
    const char *pids;  /* file with the process ids of everything that belongs to the relay */
    const char *row;   /* file that gets the result appended as a row of a Markdown table */
    const char *label; /* what the row calls this run; NULL: made up from the numbers */
    size_t conns;
    size_t window; /* events of a publisher that wait for their OK */
    size_t match;  /* fanout: how many subscribers want the events */
    size_t publishers;
    size_t skip, events; /* which part of the corpus; events 0: all behind skip */
    size_t authors;
    size_t seed;
    size_t until;   /* gen: created_at of the last event */
    size_t variety; /* query: different REQs of each kind */
    double seconds;
    bool mixed; /* gen: with replaceable, addressable and private kinds */
};

/* Prints "relay_bench: ..." and exits with 2: the run could not take place. */
_Noreturn void bench_die(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* n zeroed elements; dies without memory. */
void *bench_calloc(size_t n, size_t size);
/* Makes room for one more than n elements in the array at *items. */
void bench_grow(void **items, size_t *room, size_t n, size_t size);

/* The commands; each returns the exit status: 0 well, 1 the relay did something wrong. */
typedef int command_fn(const struct options *o);
command_fn cmd_gen, cmd_verify, cmd_ingest, cmd_query, cmd_fanout, cmd_idle;

#endif
