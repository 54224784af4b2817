#ifndef EVENT_HANDLER_TRUST_CRAWL_JOB_H
#define EVENT_HANDLER_TRUST_CRAWL_JOB_H
/*
 * A crawl (crawler.h) beside the builder's own work: a thread that asks other relays for the lists
 * of some authors and keeps what it gets until the builder comes for it.
 */
#include "nostr/keys.h"
#include "trust/crawler.h"

struct crawl_job;

/* Starts it. authors are copied; outbox is asked on the job's thread. NULL without a thread or
 * memory. health is borrowed until crawl_job_free(). */
struct crawl_job *crawl_job_start(const struct config *cfg, const struct pubkey *authors, size_t n,
                                  bool impatient, struct relay_health *health);
bool crawl_job_is_done(const struct crawl_job *job);
/* Calls fn for the JSON of each event that came, after crawl_job_is_done(). */
void crawl_job_each(const struct crawl_job *job, void (*fn)(struct slice json, void *ctx),
                    void *ctx);
/* Ends it early if need be. NULL is fine. */
void crawl_job_free(struct crawl_job *job);

#endif
