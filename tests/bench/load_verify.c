/*
 * verify: how long one Schnorr verification (with the hash of the event) takes on this machine.
 * Processor time quoted in this unit can be compared between machines.
 */
#include <stdio.h>

#include "base/clock.h"
#include "bench.h"
#include "corpus.h"
#include "nostr/verify.h"

enum { ENOUGH_US = 500000 };

int cmd_verify(const struct options *o)
{
    struct corpus corpus;
    struct buf scratch;
    uint64_t start, took;
    size_t n = 0;

    corpus_load(&corpus, o->file, o->skip, o->events != 0 ? o->events : 10000);
    buf_init(&scratch, MIB);
    verify_setup();
    start = clock_mono_us();
    do {
        const struct event *ev = &corpus.event[n % corpus.n];
        enum verify_result result = verify_event(ev, &scratch);

        if (result != VERIFY_OK)
            bench_die("event %zu of the corpus: %s", n % corpus.n, verify_result_text(result));
        n++;
        took = clock_mono_us() - start;
    } while (took < ENOUGH_US || n < corpus.n);
    printf("verify: %.1f us per event (hash and Schnorr signature)\n", (double)took / (double)n);
    buf_deinit(&scratch);
    corpus_free(&corpus);
    return 0;
}
