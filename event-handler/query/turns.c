#include "query/turns.h"

#include <stdlib.h>

struct turns_client {
    struct list link; /* in its bucket */
    struct list turn; /* in turns.next, or unlinked */
    struct list waiting;
    size_t n_queries, n_running;
    size_t name_len;
    char name[];
};

void turns_init(struct turns *t, size_t share, size_t most)
{
    *t = (struct turns){.key = siphash_random_key(), .share = share, .most = most};
    list_init(&t->next);
    for (size_t i = 0; i < TURNS_BUCKETS; i++)
        list_init(&t->bucket[i]);
}

void turns_deinit(struct turns *t)
{
    for (size_t i = 0; i < TURNS_BUCKETS; i++)
        assert(list_empty(&t->bucket[i]));
}

/* ---- clients ---- */

static bool is_somebody(const struct turns_client *c)
{
    return c->name_len > 0;
}

static struct list *bucket_of(struct turns *t, struct slice name)
{
    return &t->bucket[siphash(&t->key, name.len ? name.ptr : "", name.len) % TURNS_BUCKETS];
}

static struct turns_client *find(struct turns *t, struct slice name)
{
    struct list *bucket = bucket_of(t, name);

    for (struct list *item = bucket->next; item != bucket; item = item->next) {
        struct turns_client *c = container_of(item, struct turns_client, link);

        if (slice_eq(slice_of(c->name, c->name_len), name))
            return c;
    }
    return NULL;
}

static struct turns_client *add(struct turns *t, struct slice name)
{
    struct turns_client *c = calloc(1, sizeof *c + name.len);

    if (!c)
        return NULL;
    list_init(&c->turn);
    list_init(&c->waiting);
    c->name_len = name.len;
    if (name.len > 0)
        memcpy(c->name, name.ptr, name.len);
    list_push(bucket_of(t, name), &c->link);
    return c;
}

/* Something has changed for c: it may be its turn, or its turn may be off. */
static void offer(struct turns *t, struct turns_client *c)
{
    if (list_empty(&c->waiting) || (is_somebody(c) && c->n_running >= t->share))
        list_remove(&c->turn);
    else if (list_empty(&c->turn))
        list_push(&t->next, &c->turn);
}

/* ---- queries ---- */

enum err turns_join(struct turns *t, struct turn *turn, struct slice name)
{
    struct turns_client *c = find(t, name);

    if (!c)
        c = add(t, name);
    if (!c)
        return ERR_NOMEM;
    if (is_somebody(c) && c->n_queries >= t->most)
        return ERR_BUSY;
    c->n_queries++;
    list_init(&turn->link);
    turn->client = c;
    return OK;
}

void turns_leave(struct turns *t, struct turn *turn)
{
    struct turns_client *c = turn->client;

    (void)t;
    if (--c->n_queries > 0)
        return;
    list_remove(&c->link);
    list_remove(&c->turn);
    free(c);
}

void turns_wait(struct turns *t, struct turn *turn)
{
    list_push(&turn->client->waiting, &turn->link);
    t->n_waiting++;
    offer(t, turn->client);
}

static struct turn *take_from(struct turns *t, struct turns_client *c)
{
    t->n_waiting--;
    return container_of(list_pop(&c->waiting), struct turn, link);
}

struct turn *turns_take(struct turns *t)
{
    struct list *item = list_pop(&t->next);
    struct turns_client *c;
    struct turn *turn;

    if (!item)
        return NULL;
    c = container_of(item, struct turns_client, turn);
    turn = take_from(t, c);
    c->n_running++;
    offer(t, c); /* behind the others */
    return turn;
}

void turns_done(struct turns *t, struct turn *turn)
{
    turn->client->n_running--;
    offer(t, turn->client);
}

struct turn *turns_evict(struct turns *t)
{
    for (size_t i = 0; i < TURNS_BUCKETS; i++) {
        for (struct list *item = t->bucket[i].next; item != &t->bucket[i]; item = item->next) {
            struct turns_client *c = container_of(item, struct turns_client, link);

            if (!list_empty(&c->waiting)) {
                struct turn *turn = take_from(t, c);

                offer(t, c);
                return turn;
            }
        }
    }
    return NULL;
}
