#ifndef EVENT_HANDLER_QUERY_QUERY_PLAN_H
#define EVENT_HANDLER_QUERY_QUERY_PLAN_H
/*
 * How to find one filter's events: which index to walk, from which starting points, and what is
 * left to check on the way. Pure: no database, no clock. Any thread.
 *
 * A plan is a family (an index) and its sources (ranges of that index, each ordered newest first).
 * The answer is the merge of the sources. What the family does not cover is a residual condition:
 * SQL checks it so that few rows travel, and query_scan.c checks the whole filter once more on each
 * row, because index keys are prefixes and hashes.
 */
#include "base/arena.h"
#include "base/siphash.h"
#include "nostr/filter.h"

enum query_family {
    FAMILY_NOTHING,      /* the filter can match nothing */
    FAMILY_IDS,          /* points: events_id */
    FAMILY_ADDRESSES,    /* points: events_address; replaceable kinds with authors (and #d) */
    FAMILY_SEARCH,       /* event_search, ranked */
    FAMILY_TIME,         /* events_time, one source */
    FAMILY_KINDS,        /* events_kind, a source per kind */
    FAMILY_AUTHORS,      /* events_author, a source per author */
    FAMILY_AUTHOR_KINDS, /* events_author_kind, a source per pair */
    FAMILY_TAGS,         /* event_tags_key, a source per value of one letter */
    QUERY_FAMILIES
};

enum {
    PLAN_RESIDUAL_TAGS = 2, /* further letters that SQL checks; the rest is left to C */
    PLAN_MAX_PAIRS = 2048,  /* authors x kinds, and addresses, up to here */
    PLAN_WALK_SOURCES = 40, /* with more sources a walk through time may be cheaper than probes */
    PLAN_NO_TAG = -1,       /* driver: author, kind or time instead of a tag letter */
};

struct plan_keys {
    const int64_t *v;
    size_t n;
};

struct query_plan {
    enum query_family family;
    size_t n;             /* sources, or points */
    const int64_t *value; /* of each source: author or tag key */
    const int32_t *kind;  /* of each source: FAMILY_KINDS, FAMILY_AUTHOR_KINDS */
    struct slice *point;  /* FAMILY_IDS, FAMILY_ADDRESSES: 32 bytes each */
    struct slice search;  /* FAMILY_SEARCH: the words, extensions removed */

    /* Residual conditions; empty (n == 0) where there is none. */
    const int32_t *kinds;
    size_t n_kinds;
    struct plan_keys authors;
    struct plan_keys tag[PLAN_RESIDUAL_TAGS];
    bool strong;     /* SQL must check them from the first row on: they may be selective */
    bool sql_is_all; /* index keys and residuals cover the filter: COUNT may trust SQL */

    /* For a walk through time (or one kind) instead of probing each source. */
    bool may_walk;
    struct plan_keys walk_authors;
    const int32_t *walk_kinds;
    size_t n_walk_kinds;
};

/* The tag letters (indexes into f->tags) and PLAN_NO_TAG that could drive f, likely best first, in
 * out[]; returns how many: 1 means there is no choice. At most max. */
size_t query_plan_drivers(const struct filter *f, int *out, size_t max);

/* False without memory. driver is one of query_plan_drivers(). */
NODISCARD bool query_plan_make(const struct filter *f, int driver, const struct siphash_key *secret,
                               struct arena *arena, struct query_plan *out);

/* NIP-50: what to hand to the search engine: search without its extensions, "" when no word is
 * left (the filter is then an ordinary one). */
struct slice query_plan_search_text(struct slice search, struct arena *arena);

/* Does the event (canonical JSON, with its columns) satisfy f? Everything but search and limit. */
bool query_plan_check(const struct filter *f, int64_t created_at, int kind, struct slice json);

#endif
