#include "limit/census.h"

#include <stdlib.h>

enum { SLICES = 10 };

struct resident {
    struct subject_node node;
    struct list wanting; /* in census.wanting, or unlinked */
    int64_t own, reported;
    int64_t others; /* of all other processes, until others_until_ms */
    uint64_t others_until_ms;
    bool in_flight;
};

struct census {
    const struct census_class *classes;
    unsigned n_classes;
    struct subject_table table;
    struct list wanting;
};

static struct resident *find(struct census *c, const struct subject *s)
{
    struct subject_node *node = subject_table_find(&c->table, s);

    return node ? container_of(node, struct resident, node) : NULL;
}

static struct resident *obtain(struct census *c, unsigned class, struct slice subject)
{
    struct subject s = subject_of(class, subject);
    struct resident *r = find(c, &s);

    if (r)
        return r;
    r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->node.subject = s;
    list_init(&r->wanting);
    subject_table_add(&c->table, &r->node);
    return r;
}

static void drop(struct census *c, struct resident *r)
{
    subject_table_remove(&c->table, &r->node);
    list_remove(&r->wanting);
    free(r);
}

static void want_report(struct census *c, struct resident *r)
{
    if (!r->in_flight && list_empty(&r->wanting))
        list_push(&c->wanting, &r->wanting);
}

/* After a change of own: report it, forget the subject, or wait. r may be gone afterwards. */
static void look_at(struct census *c, struct resident *r)
{
    int64_t slice = c->classes[r->node.subject.class].cap / SLICES;
    int64_t change = r->own > r->reported ? r->own - r->reported : r->reported - r->own;

    if (r->own == 0 && r->reported == 0 && !r->in_flight)
        drop(c, r);
    else if (change > 0 && (r->own == 0 || change >= slice))
        want_report(c, r);
}

bool census_enter(struct census *c, unsigned class, struct slice subject, uint64_t now_ms)
{
    int64_t cap = c->classes[class].cap, others;
    struct resident *r;

    if (cap == 0)
        return true;
    r = obtain(c, class, subject);
    if (!r)
        return true;
    others = now_ms < r->others_until_ms ? r->others : 0;
    if (r->own + others >= cap) {
        /* The others may have gone meanwhile. */
        if (others > 0)
            want_report(c, r);
        return false;
    }
    r->own++;
    look_at(c, r);
    return true;
}

void census_enter_freely(struct census *c, unsigned class, struct slice subject)
{
    struct resident *r = c->classes[class].cap > 0 ? obtain(c, class, subject) : NULL;

    if (!r)
        return;
    r->own++;
    look_at(c, r);
}

void census_leave(struct census *c, unsigned class, struct slice subject)
{
    struct subject s = subject_of(class, subject);
    struct resident *r = find(c, &s);

    if (!r || r->own == 0)
        return; /* it was let in without memory to count it */
    r->own--;
    look_at(c, r);
}

/* ---- reports ---- */

bool census_wants_report(const struct census *c)
{
    return !list_empty(&c->wanting);
}

size_t census_collect(struct census *c, struct lease *leases, size_t max)
{
    size_t n = 0;

    while (n < max && !list_empty(&c->wanting)) {
        struct resident *r = container_of(list_pop(&c->wanting), struct resident, wanting);

        leases[n++] = (struct lease){.subject = r->node.subject,
                                     .class_name = c->classes[r->node.subject.class].name,
                                     .count = r->own};
        r->in_flight = true;
    }
    return n;
}

void census_settle(struct census *c, const struct lease *leases, const int64_t *others, size_t n,
                   uint64_t now_ms)
{
    for (size_t i = 0; i < n; i++) {
        struct resident *r = find(c, &leases[i].subject);

        if (!r)
            continue;
        r->reported = leases[i].count;
        r->others = others[i] < 0 ? 0 : others[i] < INT32_MAX ? others[i] : INT32_MAX;
        r->others_until_ms = now_ms + COUNT_TTL_MS;
        r->in_flight = false;
        look_at(c, r);
    }
}

void census_give_back(struct census *c, const struct lease *leases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct resident *r = find(c, &leases[i].subject);

        if (!r)
            continue;
        r->in_flight = false;
        want_report(c, r);
    }
}

void census_renew(struct census *c)
{
    for (struct list *item = c->table.use.next; item != &c->table.use; item = item->next) {
        struct resident *r =
            container_of(container_of(item, struct subject_node, use), struct resident, node);

        if (r->reported > 0)
            want_report(c, r);
    }
}

/* ---- life ---- */

struct census *census_new(const struct census_class *classes, unsigned n_classes)
{
    struct census *c = calloc(1, sizeof *c);

    if (!c || !subject_table_init(&c->table)) {
        free(c);
        return NULL;
    }
    c->classes = classes;
    c->n_classes = n_classes;
    list_init(&c->wanting);
    return c;
}

void census_free(struct census *c)
{
    struct subject_node *node;

    if (!c)
        return;
    while ((node = subject_table_oldest(&c->table)))
        drop(c, container_of(node, struct resident, node));
    subject_table_deinit(&c->table);
    free(c);
}
