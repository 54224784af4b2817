#ifndef EVENT_HANDLER_STORE_WRITE_TRIP_H
#define EVENT_HANDLER_STORE_WRITE_TRIP_H
/*
 * The writer's statements, and sending several of them in one round trip. All are set-wise:
 * parameters are arrays, so that the number of statements does not grow with the batch. The
 * writer's thread.
 */
#include "store/db.h"

enum statement {
    BEGIN,
    HEAD,
    STORED,
    HOLDERS,
    TOMBSTONES,
    FLOORS,
    VANISHED,
    HISTORY,
    REPLACE,
    REPLACE_KEEPING,
    KEEP,
    DELETE_IDS,
    DELETE_ADDRESSES,
    ADD_TOMBSTONES,
    ADD_FLOORS,
    ADD_VANISHED,
    ERASE,
    INSERT,
    INSERT_TAGS,
    SET_HEAD,
    COMMIT,
    N_STATEMENTS
};

NODISCARD enum err write_prepare(struct db *db); /* all of them, on a new connection */
const char *write_statement_name(enum statement s);
const char *write_statement_sql(enum statement s);

enum { TRIP_MOST = 24 };

struct trip {
    struct db *db;
    enum err err; /* the first failure; nothing more is sent after it */
    size_t n;
    enum statement sent[TRIP_MOST];
    PGresult *result[TRIP_MOST];
};

void trip_begin(struct trip *t, struct db *db);
/* p may be NULL; its memory is released in any case. */
void trip_add(struct trip *t, enum statement s, struct db_params *p);
/* Waits for all answers. On an error there is nothing to clear. */
NODISCARD enum err trip_finish(struct trip *t);
/* The answer to s, or NULL when s was not sent; rows of it, 0 then. */
const PGresult *trip_result(const struct trip *t, enum statement s);
int trip_rows(const struct trip *t, enum statement s);
void trip_clear(struct trip *t);

#endif
