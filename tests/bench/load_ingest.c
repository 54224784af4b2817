/*
 * ingest: publishes the corpus and waits for every OK. `conns` connections keep `window` events
 * each on their way: many and wide shows what the relay can take, few and 1 wide how long a client
 * waits.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "publisher.h"
#include "report.h"

enum { QUIET_MS = 20000 };

struct ingest {
    struct pool pool;
    struct publisher publisher;
    struct arena scratch;
};

static void on_text(struct pool *p, struct client *c, struct slice text)
{
    struct ingest *run = container_of(p, struct ingest, pool);
    struct relay_message m;

    relay_message_read(text, &run->scratch, &m);
    publisher_on_message(&run->publisher, p, c, &m, text);
}

int cmd_ingest(const struct options *o)
{
    struct ingest run = {0};
    struct corpus corpus;
    struct usage_roots roots;
    struct report r;
    uint64_t start;
    int status;

    usage_roots_load(&roots, o->pids);
    corpus_load(&corpus, o->file, o->skip, o->events);
    arena_init(&run.scratch, MIB);
    pool_open(&run.pool, o, o->conns, on_text);
    publisher_init(&run.publisher, &corpus, o->window, o->conns);

    report_init(&r, o, "ingest %zu x %zu", o->conns, o->window);
    r.before = usage_read(&roots, false);
    start = clock_mono_us();
    for (size_t i = 0; i < run.pool.n; i++)
        publisher_pump(&run.publisher, &run.pool, &run.pool.client[i]);
    (void)!pool_run(&run.pool, &run.publisher.done,
                    QUIET_MS); /* the publisher knows what is missing */
    r.after = usage_read(&roots, true);
    if (run.publisher.answered > 0)
        r.seconds = (double)(run.publisher.last_us - start) / 1e6;
    r.unit = "event";
    r.units = run.publisher.answered;
    r.latency = &run.publisher.latency;
    publisher_report(&run.publisher, &r);
    r.example = slice_str(run.pool.lost > 0 ? run.pool.farewell : run.publisher.complaint);

    status = report_finish(&r, o);
    publisher_free(&run.publisher);
    pool_close(&run.pool);
    arena_deinit(&run.scratch);
    corpus_free(&corpus);
    return status;
}
