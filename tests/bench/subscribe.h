#ifndef TESTS_BENCH_SUBSCRIBE_H
#define TESTS_BENCH_SUBSCRIBE_H
/*
 * Opening many live subscriptions, some dozens at a time so that the relay's query queue is not
 * what is measured. The first `match` connections ask for every kind that the corpus has; each of
 * the others for one author and mentions of them, different everywhere and nowhere in the corpus.
 */
#include "client.h"

struct subscribing {
    size_t n, match;
    size_t next;  /* the first connection that has not asked */
    size_t ready; /* subscriptions whose EOSE has come */
    bool done;
};

/* Subscribes the first n connections of p, whose callback must hand messages to
 * subscribing_on_message(). Dies when the relay refuses one or falls silent. */
void subscribe_all(struct subscribing *s, struct pool *p, size_t n, size_t match);
void subscribing_on_message(struct subscribing *s, struct pool *p, const struct relay_message *m);

#endif
