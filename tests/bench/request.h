#ifndef TESTS_BENCH_REQUEST_H
#define TESTS_BENCH_REQUEST_H
/*
 * The REQs of the query workload and what must come back for each.
 *
 * The mix is what clients ask all day: a few events by id, somebody's notes, a home feed, a thread,
 * mentions, a topic, a kind, the newest of all, a stretch of time, an event with its replies. Each
 * REQ is built around a random event of the corpus. The right answer is worked out by brute force:
 * filter_match() over the whole corpus, newest first, cut at the limit.
 */
#include "base/buf.h"
#include "corpus.h"
#include "nostr/filter.h"

enum request_kind {
    REQUEST_IDS,
    REQUEST_AUTHOR,
    REQUEST_FEED,
    REQUEST_THREAD,
    REQUEST_MENTIONS,
    REQUEST_TOPIC,
    REQUEST_KIND,
    REQUEST_RECENT,
    REQUEST_WINDOW,
    REQUEST_REPLIES,
    REQUEST_KINDS,
};

struct request {
    enum request_kind kind;
    struct buf json; /* the filters, with commas between them */
    struct filter *filter;
    size_t n_filters;
    int64_t *expected; /* created_at of the events that must come, newest first */
    size_t n_expected;
};

const char *request_kind_name(enum request_kind kind);

/*
 * `variety` REQs of each kind, the kinds in turn; *n is their number. The corpus must hold only
 * what anybody may read and nothing replaces (dies otherwise). Memory of the filters comes from
 * arena.
 */
struct request *request_list_make(const struct corpus *corpus, size_t variety, uint64_t seed,
                                  struct arena *arena, size_t *n);
void request_list_free(struct request *list, size_t n);

/*
 * Checks an answer: places in the corpus, in the order of arrival. NULL when it is right, otherwise
 * a few words. Events of the same second may come in any order, and any of them may be the ones
 * that the limit cuts off, because relays differ there; everything else is exact. Reorders got.
 */
const char *request_check(const struct request *q, const struct corpus *corpus, uint32_t *got,
                          size_t n);

#endif
