#ifndef EVENT_HANDLER_TRUST_GRAPH_H
#define EVENT_HANDLER_TRUST_GRAPH_H
/*
 * Who follows whom, and what follows from it. Pure computation in memory: 4 bytes per follow and
 * about 60 per person, so a hundred thousand people with five million follows take some 30 MB. One
 * thread.
 *
 * The circle are the roots, whom they follow (level 1), and, level by level up to the depth,
 * whoever is followed by enough distinct people of the circle so far. Being followed from outside
 * the circle counts for nothing, so a crowd that follows itself stays outside.
 */
#include "ops/key_set.h"
#include "trust/trust_table.h"

struct graph;

struct graph_params {
    unsigned depth; /* 1: the roots and whom they follow; 2: and whom those vouch for; ... */
    unsigned min_followers; /* of the circle, to be let in */
    size_t max_follows;     /* a longer list vouches for nobody, a root's excepted */
};

/* NULL without memory. */
struct graph *graph_new(void);
void graph_free(struct graph *g); /* NULL is fine */

/* The list of author becomes these n keys of 32 bytes: doubles count once, author itself not at
 * all. False without memory. */
NODISCARD bool graph_set_list(struct graph *g, const struct pubkey *author, const uint8_t *follows,
                              size_t n);
/* Was the list of author ever set, if only to nobody? */
bool graph_has_list(const struct graph *g, const struct pubkey *author);
/* The roots' lists of muted people together, which are taken over. */
void graph_set_mutes(struct graph *g, struct key_set *muted);

/*
 * Computes everybody's level and followers. The banned and the muted are let in nowhere, and vouch
 * for nobody; not so roots.
 * Somebody who is trusted in previous (NULL for none) stays so with one follower fewer than it
 * takes to get in, so that one person's mishap with a list evicts nobody. The table holds all who
 * are followed by anyone of the circle; NULL without memory.
 */
struct trust_table *graph_compute(const struct graph *g, const struct key_set *roots,
                                  const struct key_set *banned, const struct graph_params *params,
                                  const struct trust_table *previous);

size_t graph_people(const struct graph *g);
size_t graph_follows(const struct graph *g);
size_t graph_memory(const struct graph *g); /* bytes */

#endif
