#ifndef EVENT_HANDLER_QUERY_QUERY_PAGE_H
#define EVENT_HANDLER_QUERY_QUERY_PAGE_H
/*
 * One running query of any verb, page by page. Between pages it holds its request and positions, no
 * connection, no rows. Used by one worker at a time; blocking.
 */
#include "query/query.h"
#include "query/query_scan.h"

struct access_view;

/* What a worker brings along. */
struct page_context {
    struct db *db;
    const struct access_view *view; /* what moderators hide; NULL in tests */
    const struct query_sql *sql;
    const struct siphash_key *secret;
    int64_t count_cap;
    size_t rows;          /* most events on a page */
    size_t bytes;         /* a page that has reached this is full; at least one event is on it */
    uint64_t started_us;  /* clock_mono_us(); 0 when nobody asks for the cost */
    uint64_t deadline_ms; /* clock_mono_ms() */
};

struct query_run {
    enum query_verb verb;
    struct arena arena; /* the request and all that belongs to it */
    struct query_request request;
    int64_t max_limit, default_limit;

    uint64_t
        after; /* QUERY_FEED, and queries with request.has_after: seqs up to here are dealt with */
    uint32_t feed_limit;

    /* Made on the first page. */
    bool has_snapshot;
    uint64_t snapshot;
    struct scan *scans; /* one per filter; searches are done first, one after the other */
    size_t search;      /* the search at hand */
    struct seen_set { /* seqs that searches have given, when other filters could give them again */
        int64_t *slot;
        size_t n, room;
    } seen;
    bool more;

    struct { /* nostr/history.h: rows of event_history instead of scans */
        bool asked, begun;
        int64_t created_at, tie; /* of the last row passed */
        int64_t remaining;
    } history;

    uint64_t spent_us; /* on former pages, by their worker */
};

enum { RUN_ARENA_CAP = 16 * 1024 * 1024 };

void query_run_init(struct query_run *run, enum query_verb verb);
void query_run_deinit(struct query_run *run);
/* Appends the next page to out; *end when nothing follows. ERR_GONE when the database's snapshot is
 * older than what was asked for; otherwise errors as db_exec() and ERR_NOMEM. After an error on its
 * first page query_run_rewind() makes the run new. */
NODISCARD enum err query_run_page(struct query_run *run, const struct page_context *ctx,
                                  struct buf *out, bool *end);
void query_run_rewind(struct query_run *run);

/* The pieces of query_run_page(), by verb. */
NODISCARD enum err query_events_page(struct query_run *run, const struct page_context *ctx,
                                     struct buf *out, bool *end);
NODISCARD enum err query_history_page(struct query_run *run, const struct page_context *ctx,
                                      struct buf *out, bool *end);
NODISCARD enum err query_after_page(struct query_run *run, const struct page_context *ctx,
                                    struct buf *out, bool *end);
NODISCARD enum err query_feed_page(struct query_run *run, const struct page_context *ctx,
                                   struct buf *out);
NODISCARD enum err query_count_page(struct query_run *run, const struct page_context *ctx,
                                    struct buf *out);

/* Can its filters match what its readers may not see? */
bool query_run_may_withhold(const struct query_run *run);
/* The time spent on it so far, this page included. */
uint64_t query_run_cost_ms(const struct query_run *run, const struct page_context *ctx);
/* Reads the snapshot where no scan did. */
NODISCARD enum err query_head(struct query_run *run, const struct page_context *ctx);
/* How many events f may bring. */
int64_t query_limit_of(const struct query_run *run, const struct filter *f);
/* The environment of this page's scans, with the snapshot of former pages. */
NODISCARD enum err query_run_env(struct query_run *run, const struct page_context *ctx,
                                 struct scan_env *env);

/* Walks the union of all filters' matches, each up to its limit; stops early when visit says so. */
typedef bool query_visit_fn(void *ctx, int64_t seq,
                            struct slice event); /* false: the page is full */
NODISCARD enum err query_run_visit(struct query_run *run, struct scan_env *env,
                                   query_visit_fn *visit, void *ctx, bool *end);
/* One scan per filter, with the limit given, or with the filter's own when it is negative. */
NODISCARD enum err query_run_make_scans(struct query_run *run, int64_t limit);

#endif
