#ifndef EVENT_HANDLER_TRUST_TRUST_STORE_H
#define EVENT_HANDLER_TRUST_TRUST_STORE_H
/*
 * The Web of Trust in PostgreSQL (store/sql/0003_trust.sql): the lists it is built from, and the
 * generations that were built. Each function is whole or without effect. Errors as db_exec(), and
 * ERR_NOMEM. Whoever owns the connection.
 */
#include "store/db.h"
#include "trust/trust_list.h"
#include "trust/trust_table.h"

/* ---- lists ---- */

enum { TRUST_STORE_STEP = 200 };

typedef bool trust_list_fn(const struct trust_list *list, void *ctx); /* false: no memory */

/* The lists of this kind by n authors, those that there are; keys are valid during the call. */
NODISCARD enum err trust_store_lists_of(struct db *db, int kind, const struct pubkey *authors,
                                        size_t n, trust_list_fn *fn, void *ctx);
/* The lists of which something is held back, from behind (author, kind) of *last on, at most
 * TRUST_STORE_STEP of them; *n says how many. */
NODISCARD enum err trust_store_held_lists(struct db *db, const struct trust_list *last,
                                          trust_list_fn *fn, void *ctx, int *n);
/* The list of author, its parts in arena; *found is false when there is none. Who has vanished
 * (NIP-62) has an empty one, so as not to get around what a day may add by that either. */
NODISCARD enum err trust_store_find_list(struct db *db, const struct pubkey *author, int kind,
                                         struct arena *arena, struct trust_list *out, bool *found);
/* Writes n lists, and that the stored events up to seq have been seen (0: leaves that). */
NODISCARD enum err trust_store_put_lists(struct db *db, const struct trust_list *lists, size_t n,
                                         uint64_t seq);
/* Lists whose event was deleted name nobody any more; that there was one stays on record, so that
 * deleting it does not get around what a day may add. Nothing happens while there are stored lists
 * that have not been seen: one of those may be why the event is gone. */
NODISCARD enum err trust_store_empty_deleted(struct db *db);

struct trust_news {   /* what the builder looks at every second */
    uint64_t head;    /* newest committed seq */
    uint64_t seen;    /* lists of events up to this seq are in */
    uint64_t request; /* somebody asked for a rebuild: the last of the requests; 0: nobody */
    bool forced;      /* and for publishing whatever comes of it */
};
NODISCARD enum err trust_store_news(struct db *db, struct trust_news *out);
/* The requests up to this one have been answered. */
NODISCARD enum err trust_store_end_requests(struct db *db, uint64_t last);

struct trust_event { /* a stored list that has not been seen */
    uint64_t seq;
    struct slice json;
};
/* At most limit of them above after, by seq, in *rows for trust_store_event(); PQclear() it. */
NODISCARD enum err trust_store_new_events(struct db *db, uint64_t after, int limit,
                                          PGresult **rows);
struct trust_event trust_store_event(const PGresult *rows, int row);
/* The stored 10002 of author (NIP-65) in *rows (no row: none); PQclear() it. */
NODISCARD enum err trust_store_relay_list(struct db *db, const struct pubkey *author,
                                          PGresult **rows);

/* ---- generations ---- */

#define TRUST_REASON_SCHEDULE "schedule"
#define TRUST_REASON_REQUEST "request"

struct trust_generation {
    uint64_t generation;   /* set by trust_store_publish() */
    const char *reason;    /* "schedule", "request", "list of an admin", ... */
    const char *refused;   /* NULL: published; else why not */
    size_t added, removed; /* people of the circle, against the one before */
    uint64_t milliseconds;
    int64_t made_at; /* seconds since 1970 */
};

/* Writes the generation, tells all event handlers (unless it is refused), and removes old ones. */
NODISCARD enum err trust_store_publish(struct db *db, const struct trust_table *t,
                                       struct trust_generation *gen);
/* A published generation; ERR_GONE when there is no such. */
NODISCARD enum err trust_store_load(struct db *db, uint64_t generation, struct trust_table **out);
/* When everything was computed anew last, be it refused, seconds since 1970; 0 for never. */
NODISCARD enum err trust_store_last_rebuild(struct db *db, int64_t *made_at);
/* The newest published one; 0 for none, or when it is lost. */
NODISCARD enum err trust_store_newest(struct db *db, uint64_t *generation);

#endif
