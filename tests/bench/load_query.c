/*
 * query: asks a stored corpus the REQs of request.h for a number of seconds, one at a time on each
 * connection, and checks every answer. A relay that is fast and wrong has failed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "client.h"
#include "report.h"
#include "request.h"

enum { QUIET_MS = 30000, MAX_ANSWER = 20000 };

/* What a connection is busy with. */
struct asker {
    const struct request *request; /* NULL: has finished */
    uint64_t sent_us;
    uint32_t *got; /* places in the corpus, MAX_ANSWER of them */
    size_t n;
    bool stray; /* an event came that the corpus does not hold, or too many */
};

struct queries {
    struct pool pool;
    struct corpus corpus;
    struct request *list;
    size_t n, next;
    struct asker *asker; /* one per connection */
    size_t busy;         /* of them */
    uint64_t end_us;     /* no REQ starts after this */
    bool done;
    size_t answers, events, wrong;
    struct samples latency, latency_of[REQUEST_KINDS];
    char example[400];
    struct arena scratch;
};

static void ask_next(struct queries *run, struct client *c)
{
    struct asker *a = &run->asker[c->index];

    a->n = 0;
    a->stray = false;
    a->sent_us = clock_mono_us();
    if (a->sent_us >= run->end_us) {
        a->request = NULL;
        run->done = --run->busy == 0;
        return;
    }
    a->request = &run->list[run->next++ % run->n];
    client_queue(c, SLICE("[\"REQ\",\"bench\","), buf_slice(&a->request->json), SLICE("]"));
    client_flush(&run->pool, c);
}

static void on_event(struct queries *run, struct asker *a, const struct event_id *id)
{
    size_t place = corpus_find(&run->corpus, id);

    if (place == CORPUS_NONE || a->n == MAX_ANSWER)
        a->stray = true;
    else
        a->got[a->n++] = (uint32_t)place;
}

static void note_wrong(struct queries *run, const struct asker *a, const char *why)
{
    const struct request *q = a->request;

    if (run->wrong++ == 0)
        snprintf(run->example, sizeof run->example, "%s: %s; %zu of %zu events for %.*s",
                 request_kind_name(q->kind), why, a->n, q->n_expected,
                 (int)(q->json.len < 240 ? q->json.len : 240), q->json.ptr);
}

static void on_answer(struct queries *run, struct client *c, enum relay_verb verb)
{
    struct asker *a = &run->asker[c->index];
    uint64_t took = clock_mono_us() - a->sent_us;
    const char *why = a->stray ? "an event that is not in the corpus" : NULL;

    samples_add(&run->latency, took);
    samples_add(&run->latency_of[a->request->kind], took);
    run->answers++;
    run->events += a->n;
    if (verb == RELAY_CLOSED)
        why = "CLOSED";
    else
        client_queue(c, SLICE("[\"CLOSE\",\"bench\"]"), SLICE(""), SLICE(""));
    if (why == NULL)
        why = request_check(a->request, &run->corpus, a->got, a->n);
    if (why != NULL)
        note_wrong(run, a, why);
    ask_next(run, c);
}

static void on_text(struct pool *p, struct client *c, struct slice text)
{
    struct queries *run = container_of(p, struct queries, pool);
    struct asker *a = &run->asker[c->index];
    struct relay_message m;

    relay_message_read(text, &run->scratch, &m);
    if (a->request == NULL)
        return;
    if (m.verb == RELAY_EVENT)
        on_event(run, a, &m.id);
    else if (m.verb == RELAY_EOSE || m.verb == RELAY_CLOSED)
        on_answer(run, c, m.verb);
}

static void print_kinds(struct queries *run, double seconds)
{
    printf("  %-10s %8s %9s %9s %9s ms\n", "", "REQs", "p50", "p95", "p99");
    for (size_t k = 0; k < REQUEST_KINDS; k++) {
        struct samples *s = &run->latency_of[k];

        printf("  %-10s %8zu %9.2f %9.2f %9.2f\n", request_kind_name((enum request_kind)k), s->n,
               samples_ms(s, 50), samples_ms(s, 95), samples_ms(s, 99));
    }
    printf("  %.0f events/s\n", (double)run->events / seconds);
}

static void start(struct queries *run, const struct options *o, struct arena *filters)
{
    corpus_load(&run->corpus, o->file, o->skip, o->events);
    run->list = request_list_make(&run->corpus, o->variety, o->seed, filters, &run->n);
    run->asker = bench_calloc(o->conns, sizeof *run->asker);
    for (size_t i = 0; i < o->conns; i++)
        run->asker[i].got = bench_calloc(MAX_ANSWER, sizeof *run->asker[i].got);
    arena_init(&run->scratch, MIB);
    pool_open(&run->pool, o, o->conns, on_text);
}

static void finish(struct queries *run)
{
    for (size_t i = 0; i < run->pool.n; i++)
        free(run->asker[i].got);
    for (size_t k = 0; k < REQUEST_KINDS; k++)
        samples_free(&run->latency_of[k]);
    samples_free(&run->latency);
    free(run->asker);
    request_list_free(run->list, run->n);
    pool_close(&run->pool);
    arena_deinit(&run->scratch);
    corpus_free(&run->corpus);
}

static void measure(struct queries *run, const struct options *o, struct report *r)
{
    uint64_t begin = clock_mono_us();

    run->end_us = begin + (uint64_t)(o->seconds * 1e6);
    run->busy = run->pool.n;
    for (size_t i = 0; i < run->pool.n; i++)
        ask_next(run, &run->pool.client[i]);
    if (!pool_run(&run->pool, &run->done, QUIET_MS)) {
        report_fault(r, "%zu of %zu connections got no answer", run->busy, run->pool.n);
        snprintf(run->example, sizeof run->example, "%s", run->pool.farewell);
    }
    r->seconds = (double)(clock_mono_us() - begin) / 1e6;
}

int cmd_query(const struct options *o)
{
    struct queries run = {0};
    struct usage_roots roots;
    struct arena filters;
    struct report r;
    int status;

    usage_roots_load(&roots, o->pids);
    arena_init(&filters, SIZE_MAX);
    start(&run, o, &filters);

    report_init(&r, o, "query mix on %zu events, %zu connections", run.corpus.n, o->conns);
    r.before = usage_read(&roots, false);
    measure(&run, o, &r);
    r.after = usage_read(&roots, true);
    r.unit = "REQ";
    r.units = run.answers;
    r.latency = &run.latency;
    r.example = slice_str(run.example);
    if (run.wrong > 0)
        report_fault(&r, "%zu wrong answers", run.wrong);

    status = report_finish(&r, o);
    print_kinds(&run, r.seconds);
    finish(&run);
    arena_deinit(&filters);
    return status;
}
