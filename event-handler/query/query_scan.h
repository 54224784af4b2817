#ifndef EVENT_HANDLER_QUERY_QUERY_SCAN_H
#define EVENT_HANDLER_QUERY_QUERY_SCAN_H
/*
 * One filter's matches, newest first (a search: best first), fetched as they are asked for. A scan
 * remembers its position and nothing else between pages. Owning worker, with the page's
 * environment.
 */
#include "query/query_sql.h"
#include "wire/query_wire.h"

struct mod_lists;

/* What all scans of one query share. */
struct scan_env {
    struct db *db;
    const struct mod_lists *lists; /* what moderators hide; NULL in tests */
    const struct query_sql *sql;
    const struct siphash_key *secret;
    struct arena *arena; /* lives as long as the query */
    int64_t now;
    uint64_t deadline_ms; /* clock_mono_ms() at which the page gives up: ERR_TIMEOUT */
    size_t fetch_rows;    /* most rows of one statement */
    int32_t inline_bytes; /* larger events are fetched when their turn comes */

    bool has_snapshot;
    uint64_t snapshot; /* feed_head of the first statement; later ones leave out what is newer */
    uint64_t min_seq;  /* ERR_GONE when the first statement's snapshot is older */

    const struct pubkey *readers;
    size_t n_readers;
    struct scan_privacy privacy; /* of readers */
};

struct scan_position {
    int64_t created_at, tie;
};

struct scan_row {
    struct scan_position at;
    int64_t seq;
    struct slice event; /* valid until scan_pass() or scan_park() */
};

struct scan {
    const struct filter *filter;
    struct query_plan plan;
    bool planned;
    int64_t remaining; /* matches that may still be taken; one more is looked up to know whether
                          there are more */
    struct scan_position at; /* of the last row passed */
    int64_t last_seq;
    bool full;         /* with residual conditions */
    bool skip_private; /* one was left out: leave private events to SQL */
    bool probing;      /* walking was not worth while */
    bool ended;
    int64_t *limits; /* per source, for SHAPE_LATERAL */

    /* A search: all its matches, and how many were passed. */
    int64_t *found;
    size_t n_found, n_passed;

    /* The rows at hand. */
    PGresult *rows, *bodies;
    int row, n_rows;
    bool shows; /* `shown` is the next match, looked up already */
    struct scan_row shown;
    bool rows_are_last;          /* nothing follows them */
    struct scan_position behind; /* the position when all of them are passed */
};

void scan_init(struct scan *s, const struct filter *f, int64_t limit);
/* Plans the scan, if that was not done. scan_peek() does it too. */
NODISCARD enum err scan_prepare(struct scan *s, struct scan_env *env);
/* Shows the next match, and keeps it in s->shown; *have is false at the end. */
NODISCARD enum err scan_peek(struct scan *s, struct scan_env *env, struct scan_row *row,
                             bool *have);
/* Takes note that the row shown was dealt with. */
void scan_pass(struct scan *s);
/* Drops the rows at hand; the scan goes on behind the last one passed. Also before the memory of s
 * goes. */
void scan_park(struct scan *s);
/* Shows nothing any more. */
void scan_end(struct scan *s);

/* Chooses the driver, asking the database where there is a choice, and plans. */
NODISCARD enum err scan_plan(struct scan_env *env, const struct filter *f, struct query_plan *out);
/* Everything of the filter that is newer than since, and the position in front of it. */
struct scan_bounds scan_bounds_of(const struct scan_env *env, const struct filter *f);

#endif
