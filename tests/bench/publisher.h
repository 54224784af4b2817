#ifndef TESTS_BENCH_PUBLISHER_H
#define TESTS_BENCH_PUBLISHER_H
/*
 * Publishing a corpus: connections share one queue of events, and each keeps at most `window` of
 * them without an answer. Checks that every event is answered once, on the connection that sent it,
 * and accepted as new.
 */
#include "client.h"
#include "corpus.h"
#include "report.h"
#include "samples.h"

struct publisher {
    const struct corpus *corpus;
    size_t window;
    size_t next;            /* the first event that was not sent */
    size_t answered;        /* events with an OK */
    size_t refused;         /* OK false */
    size_t known;           /* OK true, but the relay had the event before */
    size_t unexpected;      /* OKs for events that were not waiting for one there */
    bool done;              /* all were answered */
    uint64_t last_us;       /* when the newest OK came */
    uint64_t *sent_us;      /* per event, when it was queued; 0 before */
    uint32_t *waiting;      /* per event: 1 + client that waits for its OK; 0 otherwise */
    size_t *in_flight;      /* per client of the pool */
    struct samples latency; /* from queueing to OK */
    char complaint[256];    /* the first refusal or notice */
};

void publisher_init(struct publisher *pub, const struct corpus *corpus, size_t window,
                    size_t n_clients);
void publisher_free(struct publisher *pub);
/* Sends as much as c may have in flight. */
void publisher_pump(struct publisher *pub, struct pool *p, struct client *c);
/* Takes note of an OK or a NOTICE and goes on; text is the whole message, for complaints. */
void publisher_on_message(struct publisher *pub, struct pool *p, struct client *c,
                          const struct relay_message *m, struct slice text);
/* Tells the report what went wrong; nothing when all events were answered and accepted as new. */
void publisher_report(const struct publisher *pub, struct report *r);

#endif
