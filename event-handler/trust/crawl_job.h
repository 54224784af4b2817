#ifndef EVENT_HANDLER_TRUST_CRAWL_JOB_H
#define EVENT_HANDLER_TRUST_CRAWL_JOB_H
/*
 * A crawl (crawler.h) beside the builder's own work: a thread that asks other relays for the lists
 * of some authors and holds what it gets until the builder comes for it; when that is much, it
 * waits for the builder.
 */
#include "nostr/keys.h"
#include "trust/crawler.h"

struct crawl_job;

/* Starts it. authors are copied; outbox is asked on the job's thread. NULL without a thread or
 * memory. health is borrowed until crawl_job_free(). */
struct crawl_job *crawl_job_start(const struct config *cfg, const struct pubkey *authors, size_t n,
                                  bool impatient, struct relay_health *health);
/* Nothing more will come. */
bool crawl_job_is_done(const struct crawl_job *job);
/* The JSON of the next event that came, good until the next call. False when there is none at the
 * moment. */
bool crawl_job_next(struct crawl_job *job, struct slice *json);
/* After crawl_job_is_done(): did any relay answer? */
bool crawl_job_was_answered(const struct crawl_job *job);
/* Ends it early if need be. NULL is fine. */
void crawl_job_free(struct crawl_job *job);

#endif
