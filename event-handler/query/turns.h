#ifndef EVENT_HANDLER_QUERY_TURNS_H
#define EVENT_HANDLER_QUERY_TURNS_H
/*
 * Whose page is read next. Clients take turns, however many queries each has: one page per turn. Of
 * the read workers a client has at most a share, so that somebody else's page need not wait for the
 * slow statements of one. Queries that name no client belong to nobody in particular: they take
 * turns as one, without a share. Unsynchronised: under the lock of the pool.
 */
#include "base/list.h"
#include "base/siphash.h"
#include "base/slice.h"

struct turns_client;

struct turn { /* a query's; embedded in it */
    struct list link;
    struct turns_client *client;
};

enum { TURNS_BUCKETS = 1024 };

struct turns {
    struct list bucket[TURNS_BUCKETS]; /* clients, by their name's hash */
    struct list next;                  /* clients that wait and may run, in the order of turns */
    struct siphash_key key;
    size_t share; /* pages of one client that are read at the same time */
    size_t most;  /* queries of one client */
    size_t n_waiting;
};

void turns_init(struct turns *t, size_t share, size_t most);
/* No turn may be left. */
void turns_deinit(struct turns *t);

/* A query comes; ERR_BUSY when its client has too many, ERR_NOMEM. name is copied. */
NODISCARD enum err turns_join(struct turns *t, struct turn *turn, struct slice name);
/* It goes, neither waiting nor running. */
void turns_leave(struct turns *t, struct turn *turn);
/* It waits for a page. */
void turns_wait(struct turns *t, struct turn *turn);
/* The next one that may run, which then does; NULL when there is none. */
struct turn *turns_take(struct turns *t);
/* Its page is done. */
void turns_done(struct turns *t, struct turn *turn);
/* Takes any that waits, whether it may run or not; NULL when there is none. For the end. */
struct turn *turns_evict(struct turns *t);

#endif
