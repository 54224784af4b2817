#include "ingest/pipeline.h"

#include <time.h>

static void init_cond(pthread_cond_t *c)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(c, &attr);
    pthread_condattr_destroy(&attr);
}

void pipeline_init(struct pipeline *p, size_t max_events, size_t max_bytes)
{
    *p = (struct pipeline){.max_events = max_events, .max_bytes = max_bytes};
    pthread_mutex_init(&p->lock, NULL);
    init_cond(&p->unchecked_more);
    init_cond(&p->ready_more);
    init_cond(&p->drained);
    list_init(&p->unchecked);
    list_init(&p->order);
    list_init(&p->ready);
}

void pipeline_deinit(struct pipeline *p)
{
    pthread_cond_destroy(&p->unchecked_more);
    pthread_cond_destroy(&p->ready_more);
    pthread_cond_destroy(&p->drained);
    pthread_mutex_destroy(&p->lock);
}

enum err pipeline_submit(struct pipeline *p, struct ingest_batch *b)
{
    bool fits;

    pthread_mutex_lock(&p->lock);
    /* One batch always fits into an empty pipeline, whatever its size: it was received, after all.
     */
    fits = !p->closed && (p->events == 0 || (p->events + b->n_items <= p->max_events &&
                                             p->bytes + b->body.len <= p->max_bytes));
    if (fits) {
        p->events += b->n_items;
        p->bytes += b->body.len;
        for (size_t i = 0; i < b->n_chunks; i++) {
            list_push(&p->unchecked, &b->chunk[i].work_link);
            list_push(&p->order, &b->chunk[i].link);
        }
        if (b->n_chunks > 1)
            pthread_cond_broadcast(&p->unchecked_more);
        else
            pthread_cond_signal(&p->unchecked_more);
    }
    pthread_mutex_unlock(&p->lock);
    return fits ? OK : ERR_BUSY;
}

void pipeline_leave(struct pipeline *p, size_t events, size_t bytes)
{
    pthread_mutex_lock(&p->lock);
    p->events -= events;
    p->bytes -= bytes;
    if (p->events == 0)
        pthread_cond_signal(&p->drained);
    pthread_mutex_unlock(&p->lock);
}

struct chunk *pipeline_next_chunk(struct pipeline *p)
{
    struct list *link;

    pthread_mutex_lock(&p->lock);
    while (list_empty(&p->unchecked) && !p->ended)
        pthread_cond_wait(&p->unchecked_more, &p->lock);
    link = list_pop(&p->unchecked);
    pthread_mutex_unlock(&p->lock);
    return link ? container_of(link, struct chunk, work_link) : NULL;
}

static void push_items(struct pipeline *p, struct chunk *c)
{
    for (size_t i = 0; i < c->n; i++) {
        if (c->item[i].route != ROUTE_STORE)
            continue;
        list_push(&p->ready, &c->item[i].link);
        p->n_ready++;
    }
}

void pipeline_release(struct pipeline *p, struct chunk *c, struct list *released)
{
    size_t before;

    list_init(released);
    pthread_mutex_lock(&p->lock);
    before = p->n_ready;
    c->checked = true;
    while (!list_empty(&p->order) && container_of(p->order.next, struct chunk, link)->checked) {
        struct list *link = list_pop(&p->order);

        push_items(p, container_of(link, struct chunk, link));
        list_push(released, link);
    }
    if (p->n_ready > before)
        pthread_cond_signal(&p->ready_more);
    pthread_mutex_unlock(&p->lock);
}

size_t pipeline_take(struct pipeline *p, struct ingest_item **items, size_t max, size_t max_bytes)
{
    size_t n = 0, bytes = 0;

    pthread_mutex_lock(&p->lock);
    while (list_empty(&p->ready) && !p->ended)
        pthread_cond_wait(&p->ready_more, &p->lock);
    while (n < max && bytes < max_bytes && !list_empty(&p->ready)) {
        items[n] = container_of(list_pop(&p->ready), struct ingest_item, link);
        bytes += items[n]->json.len;
        n++;
    }
    p->n_ready -= n;
    pthread_mutex_unlock(&p->lock);
    return n;
}

void pipeline_requeue(struct pipeline *p, struct ingest_item *item)
{
    pthread_mutex_lock(&p->lock);
    list_push(&p->ready, &item->link);
    p->n_ready++;
    pthread_cond_signal(&p->ready_more);
    pthread_mutex_unlock(&p->lock);
}

bool pipeline_aborted(struct pipeline *p)
{
    bool aborted;

    pthread_mutex_lock(&p->lock);
    aborted = p->aborted;
    pthread_mutex_unlock(&p->lock);
    return aborted;
}

/* ---- shutdown ---- */

void pipeline_close(struct pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    p->closed = true;
    pthread_mutex_unlock(&p->lock);
}

bool pipeline_drain(struct pipeline *p, uint64_t deadline_ms)
{
    struct timespec until;
    bool empty;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(deadline_ms / 1000);
    until.tv_nsec += (long)(deadline_ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    pthread_mutex_lock(&p->lock);
    while (p->events > 0 && pthread_cond_timedwait(&p->drained, &p->lock, &until) == 0)
        continue;
    empty = p->events == 0;
    pthread_mutex_unlock(&p->lock);
    return empty;
}

void pipeline_abort(struct pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    p->aborted = true;
    pthread_mutex_unlock(&p->lock);
}

void pipeline_end(struct pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    p->ended = true;
    pthread_cond_broadcast(&p->unchecked_more);
    pthread_cond_broadcast(&p->ready_more);
    pthread_mutex_unlock(&p->lock);
}
