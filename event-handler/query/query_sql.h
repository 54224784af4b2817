#ifndef EVENT_HANDLER_QUERY_QUERY_SQL_H
#define EVENT_HANDLER_QUERY_QUERY_SQL_H
/*
 * The SQL text of every statement that reads events, made once at start. Immutable afterwards: any
 * thread.
 *
 * Statements of a scan answer rows of the columns below, newest first, at most $6 of them. Even
 * without a match there is one row: its SCAN_HEAD is feed_head.seq in the same snapshot, the rest
 * is NULL.
 */
#include "query/query_plan.h"
#include "store/db.h"

enum {
    SCAN_HEAD,
    SCAN_SEQ,
    SCAN_CREATED_AT,
    SCAN_TIE,
    SCAN_KIND,
    SCAN_SIZE,
    SCAN_EVENT,
    SCAN_SOURCE
};

/*
 * How many sources one statement takes. The small shapes are unions that PostgreSQL merges: exact,
 * and only as many rows are touched as are returned; sources that are not needed are NULL. LATERAL
 * takes any number, with a limit for each source. WALK goes through time, or through one kind, and
 * picks.
 */
enum query_shape {
    SHAPE_ONE,
    SHAPE_TWO,
    SHAPE_FOUR,
    SHAPE_EIGHT,
    SHAPE_LATERAL,
    SHAPE_WALK,
    QUERY_SHAPES
};

enum { SHAPE_EIGHT_SOURCES = 8 };

struct query_statement {
    const char *name, *sql; /* NULL where the combination does not exist */
};

struct query_sql {
    /* [1]: with residual conditions, each of which is off when its parameter is NULL. */
    struct query_statement scan[QUERY_FAMILIES][QUERY_SHAPES][2];
    struct query_statement count[QUERY_FAMILIES]; /* head, rows, distinct events */
    struct query_statement
        sketch[QUERY_FAMILIES]; /* the same per byte of pubkey, and the least rest in hex */
};

/* Dies without memory. */
struct query_sql *query_sql_new(void);
void query_sql_free(struct query_sql *sql);

enum query_shape query_shape_for(size_t n_sources);
size_t query_shape_sources(enum query_shape shape); /* of the unions; 0 for the others */

/* Values of a scan's common parameters. */
struct scan_bounds {
    int64_t created_at, tie; /* only what sorts behind this */
    int64_t since;
    int64_t snapshot; /* only seqs up to this */
    int64_t now;      /* for expiry */
    int64_t limit;
    int32_t inline_bytes; /* larger events come as NULL */
};

struct scan_privacy {
    bool on; /* leave out private events that none of readers may read */
    const struct slice *readers;
    size_t n_readers;
    const int64_t *reader_keys; /* of their p tags */
};

/* The parameters of sql->scan[plan->family][shape][full]. limits: per source, SHAPE_LATERAL only.
 */
void query_sql_params(struct db_params *p, const struct query_plan *plan, enum query_shape shape,
                      bool full, const struct scan_bounds *b, const struct scan_privacy *privacy,
                      const int64_t *limits);
/* For SHAPE_WALK: budget is how many rows may be looked at. A last row with seq -1 says that it was
 * used up and where; without it the walk went to the end. */
void query_sql_walk_params(struct db_params *p, const struct query_plan *plan, bool full,
                           const struct scan_bounds *b, const struct scan_privacy *privacy,
                           int64_t budget);
/* For the second statement of a search, scan[FAMILY_SEARCH][SHAPE_ONE][0]: the events seqs[n], in
 * that order; their number from 1 comes as SCAN_SOURCE. */
void query_sql_found_params(struct db_params *p, const struct scan_bounds *b, const int64_t *seqs,
                            size_t n);
/* The parameters of sql->count[plan->family] and sketch: b->limit is the cap on rows, byte (sketch
 * only, else -1) the pubkey's byte that chooses the register. */
void query_sql_count_params(struct db_params *p, const struct query_plan *plan,
                            const struct scan_bounds *b, const struct scan_privacy *privacy,
                            int byte);

#endif
