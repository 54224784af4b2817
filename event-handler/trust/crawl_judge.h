#ifndef EVENT_HANDLER_TRUST_CRAWL_JUDGE_H
#define EVENT_HANDLER_TRUST_CRAWL_JUDGE_H
/*
 * Whether what a relay calls an event is taken: cheapest questions first, the signature last, so
 * that a relay which repeats what others have said already costs no cryptography. One thread.
 */
#include "trust/crawl_authors.h"
#include "trust/crawler.h"

struct crawl_judge {
    struct crawl_authors *authors; /* borrowed; told of what is taken */
    struct event_limits limits;
    struct arena arena; /* of the event that crawl_judge_event() yields */
    struct buf json;    /* its canonical form */
    struct buf scratch;
};

void crawl_judge_init(struct crawl_judge *j, struct crawl_authors *authors, size_t max_event_bytes);
void crawl_judge_deinit(struct crawl_judge *j);

/* text is one JSON object. CRAWL_REJECTS: the event is taken, *ev and j->json are good until the
 * next call, and the authors know of it. */
enum crawl_reject crawl_judge_event(struct crawl_judge *j, struct slice text, struct event *ev);

/* Does it speak against the relay? What an author has written, or another relay has said before,
 * does not. */
static inline bool crawl_reject_is_fault(enum crawl_reject r)
{
    return r == CRAWL_MALFORMED || r == CRAWL_FOREIGN_AUTHOR || r == CRAWL_FOREIGN_KIND ||
           r == CRAWL_FORGED;
}

#endif
