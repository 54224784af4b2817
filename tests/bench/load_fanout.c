/*
 * fanout: live delivery. The first `match` of `conns` subscribers want every event that is
 * published; the others wait for an author and a mention that the corpus does not have, so a good
 * relay passes them over at little cost. Counted are deliveries to the first; each must get each
 * event exactly once, the others none. The latency runs from queueing the EVENT to its arrival at a
 * subscriber. With several URLs both publishers and subscribers are spread over them, and
 * deliveries cross from one front end to another.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "publisher.h"
#include "report.h"
#include "subscribe.h"

enum { QUIET_MS = 10000 };

struct fanout {
    struct pool pool; /* subscribers, then publishers */
    size_t n_subscribers, n_match;
    struct subscribing subscribing;
    struct publisher publisher;
    uint8_t *seen; /* a bit per matching subscriber and event */
    size_t delivered, expected, doubled, stray;
    uint64_t last_us; /* when the newest delivery came */
    bool done;
    struct samples latency;
    struct arena scratch;
};

/* Notes that subscriber s has event i; false when it had it already. */
static bool note_seen(struct fanout *run, size_t s, size_t i)
{
    size_t bit = s * run->publisher.corpus->n + i;
    uint8_t mask = (uint8_t)(1u << (bit % 8));
    bool fresh = (run->seen[bit / 8] & mask) == 0;

    run->seen[bit / 8] |= mask;
    return fresh;
}

static void on_delivery(struct fanout *run, struct client *c, const struct event_id *id)
{
    size_t i = corpus_find(run->publisher.corpus, id);

    if (i == CORPUS_NONE || run->publisher.sent_us[i] == 0 || c->index >= run->n_match) {
        run->stray++;
    } else if (!note_seen(run, c->index, i)) {
        run->doubled++;
    } else {
        run->last_us = clock_mono_us();
        samples_add(&run->latency, run->last_us - run->publisher.sent_us[i]);
        run->delivered++;
    }
}

static void on_text(struct pool *p, struct client *c, struct slice text)
{
    struct fanout *run = container_of(p, struct fanout, pool);
    struct relay_message m;

    relay_message_read(text, &run->scratch, &m);
    if (m.verb == RELAY_EVENT)
        on_delivery(run, c, &m.id);
    else
        publisher_on_message(&run->publisher, p, c, &m, text);
    subscribing_on_message(&run->subscribing, p, &m);
    run->done = run->delivered == run->expected && run->publisher.done;
}

static void publish(struct fanout *run)
{
    for (size_t i = run->n_subscribers; i < run->pool.n; i++)
        publisher_pump(&run->publisher, &run->pool, &run->pool.client[i]);
    (void)!pool_run(&run->pool, &run->done, QUIET_MS); /* the counts tell what is missing */
}

static void describe_fault(struct fanout *run, struct report *r)
{
    publisher_report(&run->publisher, r);
    if (run->delivered < run->expected)
        report_fault(r, "%zu missing", run->expected - run->delivered);
    if (run->doubled > 0)
        report_fault(r, "%zu doubled", run->doubled);
    if (run->stray > 0)
        report_fault(r, "%zu to the wrong subscriber", run->stray);
    r->example = slice_str(run->pool.lost > 0 ? run->pool.farewell : run->publisher.complaint);
}

static void start(struct fanout *run, const struct options *o, const struct corpus *corpus)
{
    run->n_subscribers = o->conns;
    run->n_match = o->match < o->conns ? o->match : o->conns;
    run->expected = corpus->n * run->n_match;
    run->seen = bench_calloc(run->expected / 8 + 1, 1);
    arena_init(&run->scratch, MIB);
    pool_open(&run->pool, o, o->conns + o->publishers, on_text);
    publisher_init(&run->publisher, corpus, o->window, run->pool.n);
    subscribe_all(&run->subscribing, &run->pool, run->n_subscribers, run->n_match);
}

static void finish(struct fanout *run)
{
    publisher_free(&run->publisher);
    samples_free(&run->latency);
    pool_close(&run->pool);
    arena_deinit(&run->scratch);
    free(run->seen);
}

int cmd_fanout(const struct options *o)
{
    struct fanout run = {0};
    struct corpus corpus;
    struct usage_roots roots;
    struct report r;
    uint64_t begin;
    int status;

    usage_roots_load(&roots, o->pids);
    corpus_load(&corpus, o->file, o->skip, o->events);
    corpus_check_public(&corpus);
    start(&run, o, &corpus);

    report_init(&r, o, "fan-out to %zu of %zu subscribers, window %zu", run.n_match,
                run.n_subscribers, o->window);
    r.before = usage_read(&roots, false);
    begin = clock_mono_us();
    publish(&run);
    r.after = usage_read(&roots, true);
    if (run.delivered > 0)
        r.seconds = (double)(run.last_us - begin) / 1e6;
    r.unit = "delivery";
    r.units = run.delivered;
    r.latency = &run.latency;
    describe_fault(&run, &r);

    status = report_finish(&r, o);
    finish(&run);
    corpus_free(&corpus);
    return status;
}
