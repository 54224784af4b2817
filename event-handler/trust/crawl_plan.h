#ifndef EVENT_HANDLER_TRUST_CRAWL_PLAN_H
#define EVENT_HANDLER_TRUST_CRAWL_PLAN_H
/* Which relay is asked for whom, and in which order. One thread. */
#include "trust/crawl_authors.h"
#include "trust/crawler.h"

enum { CRAWL_MAX_SEEDS = 256 };

struct crawl_task {
    const char *url;         /* normalised (outbox.h) */
    const uint32_t *authors; /* indices; NULL for all of them */
    size_t n;
    bool seed;
};

struct crawl_plan {
    struct arena arena; /* of the URLs */
    struct crawl_task *task;
    size_t n;
    uint32_t *members; /* what the tasks' authors point into */
};

/* Every seed, in the operator's order, for all authors. False without memory; crawl_plan_deinit()
 * in either case, as below. */
NODISCARD bool crawl_plan_seeds(struct crawl_plan *p, const struct crawl_request *request);
/*
 * The relays that authors not found yet write to, those for the most of them first, healthy ones
 * before others; at most max. Left out are the tasks of before, which were asked already, and,
 * unless the request is impatient, relays that are to be left alone at now. Of the authors' URLs no
 * more are looked at than fit in 64 MiB.
 */
NODISCARD bool crawl_plan_outbox(struct crawl_plan *p, const struct crawl_request *request,
                                 const struct crawl_authors *authors,
                                 const struct crawl_plan *before, size_t max, int64_t now);
void crawl_plan_deinit(struct crawl_plan *p);

#endif
