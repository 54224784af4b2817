#ifndef EVENT_HANDLER_PLUGIN_PLUGIN_POOL_H
#define EVENT_HANDLER_PLUGIN_PLUGIN_POOL_H
/*
 * The operator's own policy (POLICY_PLUGIN): several processes of one command, each with a thread
 * that asks it about one event after the other. An author always has the same process, so that
 * their events stay in order. What waits is bounded in number and in time.
 *
 *   no answer in time, an answer that is none, the process has ended
 *       it is killed and started again after a while that doubles; meanwhile
 *       POLICY_PLUGIN_ON_FAILURE decides
 *   too many events wait, or one has waited too long
 *       refused whatever that setting says, else a flood would be a way past the policy
 */
#include "base/list.h"
#include "plugin/plugin_protocol.h"

struct config;
struct plugin_pool;

struct plugin_job { /* one event */
    struct list link;
    struct plugin_question question; /* set by the caller, valid until the job is done */
    const struct event_id *id;
    const struct pubkey *author;
    void *owner;
    uint64_t asked_ms;
    struct plugin_reply reply; /* a failure is answered as the plugin would */
};

/* On the thread of a process, once for each job that was taken. */
typedef void plugin_done_fn(struct plugin_job *job, void *ctx);

/* NULL without threads or memory (logged). cfg is borrowed. */
struct plugin_pool *plugin_pool_start(const struct config *cfg, plugin_done_fn *done, void *ctx);
/* Any thread. False: it is busy or stopping; the job remains the caller's. */
NODISCARD bool plugin_pool_ask(struct plugin_pool *pool, struct plugin_job *job);
/* Ends threads and processes; what still waits is answered with an error. NULL is fine. */
void plugin_pool_stop(struct plugin_pool *pool);
/* After plugin_pool_stop(), when nobody asks any more. */
void plugin_pool_free(struct plugin_pool *pool);

#endif
