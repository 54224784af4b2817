#include "publisher.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

void publisher_init(struct publisher *pub, const struct corpus *corpus, size_t window,
                    size_t n_clients)
{
    *pub = (struct publisher){.corpus = corpus, .window = window};
    pub->sent_us = bench_calloc(corpus->n, sizeof *pub->sent_us);
    pub->waiting = bench_calloc(corpus->n, sizeof *pub->waiting);
    pub->in_flight = bench_calloc(n_clients, sizeof *pub->in_flight);
}

void publisher_free(struct publisher *pub)
{
    free(pub->sent_us);
    free(pub->waiting);
    free(pub->in_flight);
    samples_free(&pub->latency);
}

void publisher_pump(struct publisher *pub, struct pool *p, struct client *c)
{
    size_t *in_flight = &pub->in_flight[c->index];

    while (*in_flight < pub->window && pub->next < pub->corpus->n) {
        size_t i = pub->next++;

        client_queue(c, SLICE("[\"EVENT\","), pub->corpus->json[i], SLICE("]"));
        pub->sent_us[i] = clock_mono_us();
        pub->waiting[i] = (uint32_t)c->index + 1;
        ++*in_flight;
    }
    client_flush(p, c);
}

static void complain(struct publisher *pub, struct slice text)
{
    if (pub->complaint[0] == '\0')
        snprintf(pub->complaint, sizeof pub->complaint, SLICE_FMT, SLICE_ARG(text));
}

static void on_ok(struct publisher *pub, struct client *c, const struct relay_message *m,
                  struct slice text)
{
    size_t i = corpus_find(pub->corpus, &m->id);

    if (i == CORPUS_NONE || pub->waiting[i] != c->index + 1) {
        pub->unexpected++;
        complain(pub, text);
        return;
    }
    pub->last_us = clock_mono_us();
    samples_add(&pub->latency, pub->last_us - pub->sent_us[i]);
    pub->waiting[i] = 0;
    pub->in_flight[c->index]--;
    if (!m->accepted) {
        pub->refused++;
        complain(pub, text);
    } else if (slice_has_prefix(m->words, SLICE("duplicate:"))) {
        pub->known++;
    }
    pub->done = ++pub->answered == pub->corpus->n;
}

void publisher_on_message(struct publisher *pub, struct pool *p, struct client *c,
                          const struct relay_message *m, struct slice text)
{
    if (m->verb == RELAY_NOTICE)
        complain(pub, text);
    if (m->verb != RELAY_OK)
        return;
    on_ok(pub, c, m, text);
    publisher_pump(pub, p, c);
}

void publisher_report(const struct publisher *pub, struct report *r)
{
    if (pub->answered < pub->corpus->n)
        report_fault(r, "%zu without OK", pub->corpus->n - pub->answered);
    if (pub->refused > 0)
        report_fault(r, "%zu refused", pub->refused);
    if (pub->known > 0)
        report_fault(r, "%zu stored before", pub->known);
    if (pub->unexpected > 0)
        report_fault(r, "%zu unexpected OKs", pub->unexpected);
}
