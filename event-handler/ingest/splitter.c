#include "ingest/splitter.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

enum { PATIENCE_MS = 25 /* a plugin that answers at once is done by then */ };

struct splitter {
    const _Atomic uint64_t *head;
    pthread_t thread;
    pthread_mutex_t lock; /* held while a batch is split: it cannot end meanwhile */
    pthread_cond_t changed;
    struct list batches; /* ingest_batch.split_link, oldest first, or nearly so */
    bool stopping;
};

static struct ingest_batch *oldest(struct splitter *s)
{
    return list_empty(&s->batches) ? NULL
                                   : container_of(s->batches.next, struct ingest_batch, split_link);
}

static void wait_until(struct splitter *s, uint64_t us)
{
    const struct timespec at = {.tv_sec = (time_t)(us / 1000000),
                                .tv_nsec = (long)(us % 1000000) * 1000};

    pthread_cond_timedwait(&s->changed, &s->lock, &at);
}

static void *run(void *arg)
{
    struct splitter *s = arg;

    pthread_mutex_lock(&s->lock);
    while (!s->stopping) {
        struct ingest_batch *b = oldest(s);
        uint64_t due = b ? b->received_us + PATIENCE_MS * 1000 : 0;

        if (!b) {
            pthread_cond_wait(&s->changed, &s->lock);
        } else if (clock_mono_us() < due) {
            wait_until(s, due);
        } else {
            list_remove(&b->split_link);
            batch_split(b, atomic_load(s->head));
        }
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

void splitter_enter(struct splitter *s, struct ingest_batch *b)
{
    if (b->waits)
        return;
    b->waits = true;
    pthread_mutex_lock(&s->lock);
    if (list_empty(&s->batches))
        pthread_cond_signal(&s->changed);
    list_push(&s->batches, &b->split_link);
    pthread_mutex_unlock(&s->lock);
}

void splitter_leave(struct splitter *s, struct ingest_batch *b)
{
    pthread_mutex_lock(&s->lock);
    list_remove(&b->split_link);
    pthread_mutex_unlock(&s->lock);
}

struct splitter *splitter_start(const _Atomic uint64_t *head)
{
    struct splitter *s = calloc(1, sizeof *s);
    pthread_condattr_t monotonic;

    if (!s)
        return NULL;
    s->head = head;
    list_init(&s->batches);
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&s->thread, NULL, run, s) == 0)
        return s;
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
    return NULL;
}

void splitter_stop(struct splitter *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
