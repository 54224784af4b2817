#ifndef EVENT_HANDLER_TRUST_TRUST_CIRCLE_H
#define EVENT_HANDLER_TRUST_TRUST_CIRCLE_H
/*
 * The Web of Trust as the leading event handler works on it: the generation in use, and in memory
 * the lists of those who count, and only those. Who comes in later has his list loaded then, so
 * that strangers, who may store lists as well, cost nothing here. The builder's thread.
 */
#include "store/db.h"
#include "trust/graph.h"
#include "trust/trust_list.h"

struct access;
struct config;

struct trust_circle {
    const struct config *cfg;
    struct access *access;
    struct graph *graph;
    struct trust_table *current; /* what was published last; generation 0 for nothing yet */
    bool mutes_known;            /* the admins' lists of muted people are in the graph */
    uint64_t lists_version;      /* of the moderation lists it was last computed with */
};

/* Starts with what was published last. Both are borrowed. Errors as db_exec(), ERR_NOMEM; then it
 * is as trust_circle_close() leaves it. */
NODISCARD enum err trust_circle_open(struct trust_circle *c, const struct config *cfg,
                                     struct access *access, struct db *db);
/* Of a zeroed or opened circle; leaves it zeroed. */
void trust_circle_close(struct trust_circle *c);

/* Forgets all lists; they are loaded anew when next computed. False without memory. */
NODISCARD bool trust_circle_forget_lists(struct trust_circle *c);
/* A list has changed in the database. *relevant is set if that may matter. False without memory. */
NODISCARD bool trust_circle_note(struct trust_circle *c, const struct trust_list *list,
                                 bool *relevant);
/* Has the moderation changed since the last computation, or was there none? */
bool trust_circle_is_stale(const struct trust_circle *c);
/* Everybody's standing by the lists as they are now, loading what is missing of them. */
NODISCARD enum err trust_circle_compute(struct trust_circle *c, struct db *db,
                                        struct trust_table **out);
/* fresh is what counts from now on, and is taken over. */
void trust_circle_adopt(struct trust_circle *c, struct trust_table *fresh);

/* Do the lists of this entry's person count? */
bool trust_circle_vouches(const struct trust_circle *c, const struct trust_entry *e);

#endif
