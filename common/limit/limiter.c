#include "limit/limiter.h"

#include <math.h>
#include <stdlib.h>

enum { SLICES = 10, EXPIRE_MOST = 256 /* per call, so that nobody waits for it */ };

struct bucket {
    struct subject_node node;
    struct list wanting; /* in limiter.wanting, or unlinked */
    double level;        /* as this process sees it, at at_ms; below zero: a debt */
    double unreported;   /* spent, and part of no lease yet */
    uint64_t at_ms;
    bool in_flight; /* a lease is under way */
};

struct limiter {
    const struct limit_class *classes;
    unsigned n_classes;
    size_t max_subjects;
    struct subject_table table;
    struct list wanting; /* buckets with a slice to report, in order of arrival */
};

static const struct limit_class *class_of(const struct limiter *l, const struct bucket *b)
{
    return &l->classes[b->node.subject.class];
}

static double slice_size(const struct limit_class *class)
{
    return fmax(1, (double)class->amount / SLICES);
}

/* ---- subjects ---- */

static struct bucket *find(struct limiter *l, const struct subject *s)
{
    struct subject_node *node = subject_table_find(&l->table, s);

    return node ? container_of(node, struct bucket, node) : NULL;
}

static void drop(struct limiter *l, struct bucket *b)
{
    subject_table_remove(&l->table, &b->node);
    list_remove(&b->wanting);
    free(b);
}

/* The bucket of a subject, full if it is new. NULL without memory. */
static struct bucket *obtain(struct limiter *l, unsigned class, struct slice subject,
                             uint64_t now_ms)
{
    struct subject s = subject_of(class, subject);
    struct bucket *b = find(l, &s);

    if (b)
        return b;
    if (l->table.n >= l->max_subjects)
        drop(l, container_of(subject_table_oldest(&l->table), struct bucket, node));
    b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->node.subject = s;
    b->level = (double)l->classes[class].amount;
    b->at_ms = now_ms;
    list_init(&b->wanting);
    subject_table_add(&l->table, &b->node);
    return b;
}

void limiter_expire(struct limiter *l, uint64_t now_ms)
{
    for (int i = 0; i < EXPIRE_MOST; i++) {
        struct subject_node *node = subject_table_oldest(&l->table);
        struct bucket *b = node ? container_of(node, struct bucket, node) : NULL;

        if (!b || b->at_ms + 2 * (uint64_t)class_of(l, b)->period_ms > now_ms)
            return;
        drop(l, b);
    }
}

size_t limiter_subjects(const struct limiter *l)
{
    return l->table.n;
}

/* ---- spending ---- */

static void refill(const struct limit_class *class, struct bucket *b, uint64_t now_ms)
{
    if (now_ms <= b->at_ms)
        return;
    b->level += (double)(now_ms - b->at_ms) * (double)class->amount / (double)class->period_ms;
    b->level = fmin(b->level, (double)class->amount);
    b->at_ms = now_ms;
}

static void want_lease(struct limiter *l, struct bucket *b)
{
    if (!b->in_flight && b->unreported >= slice_size(class_of(l, b)) && list_empty(&b->wanting))
        list_push(&l->wanting, &b->wanting);
}

static void spend(struct limiter *l, struct bucket *b, double cost)
{
    double full = (double)class_of(l, b)->amount;

    b->level = fmax(b->level - cost, -full);
    /* What cannot be reported for long must not bury the subject when Redis returns. */
    b->unreported = fmin(b->unreported + cost, full);
    want_lease(l, b);
}

bool limiter_take(struct limiter *l, unsigned class, struct slice subject, double cost,
                  uint64_t now_ms, uint64_t *wait_ms)
{
    const struct limit_class *c = &l->classes[class];
    double full = (double)c->amount, needed = fmin(cost, full);
    struct bucket *b;

    if (c->amount == 0)
        return true;
    b = obtain(l, class, subject, now_ms);
    if (!b)
        return true;
    refill(c, b, now_ms);
    if (b->level >= needed) {
        spend(l, b, cost);
        return true;
    }
    *wait_ms = (uint64_t)ceil((needed - b->level) * (double)c->period_ms / full);
    return false;
}

void limiter_charge(struct limiter *l, unsigned class, struct slice subject, double cost,
                    uint64_t now_ms)
{
    struct bucket *b;

    if (l->classes[class].amount == 0 || cost <= 0)
        return;
    b = obtain(l, class, subject, now_ms);
    if (!b)
        return;
    refill(&l->classes[class], b, now_ms);
    spend(l, b, cost);
}

void limiter_refund(struct limiter *l, unsigned class, struct slice subject, double cost)
{
    struct subject s = subject_of(class, subject);
    struct bucket *b = find(l, &s);

    if (!b)
        return;
    b->level = fmin(b->level + cost, (double)l->classes[class].amount);
    b->unreported = fmax(b->unreported - cost, 0);
}

/* ---- leases ---- */

bool limiter_wants_lease(const struct limiter *l)
{
    return !list_empty(&l->wanting);
}

size_t limiter_collect(struct limiter *l, struct lease *leases, size_t max)
{
    size_t n = 0;

    while (n < max && !list_empty(&l->wanting)) {
        struct bucket *b = container_of(list_pop(&l->wanting), struct bucket, wanting);
        const struct limit_class *class = class_of(l, b);

        leases[n++] = (struct lease){.subject = b->node.subject,
                                     .class_name = class->name,
                                     .amount = class->amount,
                                     .period_ms = class->period_ms,
                                     .spent = b->unreported};
        b->unreported = 0;
        b->in_flight = true;
    }
    return n;
}

/*
 * What Redis says is right but for what was spent here meanwhile. It can only be less than what
 * this process believes, which knows of nobody else; if it is more, Redis has lost its memory.
 */
void limiter_settle(struct limiter *l, const struct lease *leases, const int64_t *values, size_t n,
                    uint64_t now_ms)
{
    for (size_t i = 0; i < n; i++) {
        struct bucket *b = find(l, &leases[i].subject);

        if (!b)
            continue;
        refill(class_of(l, b), b, now_ms);
        b->level = fmin(b->level, lease_tokens(values[i]) - b->unreported);
        b->level = fmax(b->level, -(double)class_of(l, b)->amount);
        b->in_flight = false;
        want_lease(l, b);
    }
}

void limiter_give_back(struct limiter *l, const struct lease *leases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct bucket *b = find(l, &leases[i].subject);

        if (!b)
            continue;
        b->in_flight = false;
        b->unreported = fmin(b->unreported + leases[i].spent, (double)class_of(l, b)->amount);
        want_lease(l, b);
    }
}

/* ---- life ---- */

struct limiter *limiter_new(const struct limit_class *classes, unsigned n_classes,
                            size_t max_subjects)
{
    struct limiter *l = calloc(1, sizeof *l);

    if (!l || !subject_table_init(&l->table)) {
        free(l);
        return NULL;
    }
    l->classes = classes;
    l->n_classes = n_classes;
    l->max_subjects = max_subjects;
    list_init(&l->wanting);
    return l;
}

void limiter_free(struct limiter *l)
{
    struct subject_node *node;

    if (!l)
        return;
    while ((node = subject_table_oldest(&l->table)))
        drop(l, container_of(node, struct bucket, node));
    subject_table_deinit(&l->table);
    free(l);
}
