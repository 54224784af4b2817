#ifndef EVENT_HANDLER_MANAGE_CHANGE_H
#define EVENT_HANDLER_MANAGE_CHANGE_H
/*
 * A change of moderation state: one transaction that holds what is decided now, the audit row that
 * says what was before, what has to follow (moves.h, membership.h), and the notice to all event
 * handlers. Whoever asks for what is so already changes nothing and is not in the log. The manage
 * thread.
 */
#include <jansson.h>

#include "store/db.h"

struct change_author {   /* borrowed */
    const char *actor;   /* hex of a pubkey, "operator" or "relay" */
    const char *role;    /* "admin", "moderator", "operator", "relay", "member" */
    const char *address; /* "" when unknown */
    const char *method;
    const json_t *params;
    bool nip43; /* membership is published */
};

struct change {
    struct db *db;
    const struct change_author *author;
    json_t *changes;
    bool noted;   /* goes into the log even when no row has changed */
    enum err err; /* the first failure; nothing more is done after it */
};

/* One at a time, across all event handlers. */
void change_begin(struct change *c, struct db *db, const struct change_author *author);
/* The value at present, a new reference; NULL when there is none. */
json_t *change_get(struct change *c, const char *area, const char *key);
/* Takes value over; NULL removes the row. */
void change_put(struct change *c, const char *area, const char *key, json_t *value);
/* Commits, or rolls back what failed. reason is for the log; undoes is the audit row that this one
 * takes back, or 0. Errors as db_exec(). */
NODISCARD enum err change_end(struct change *c, const char *reason, int64_t undoes);

/* A statement whose parameters are all text; errors as db_exec(). r may be NULL. */
NODISCARD enum err sql_text(struct db *db, const char *name, const char *sql, size_t n,
                            const char *const *values, PGresult **r);

#endif
