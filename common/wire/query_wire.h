#ifndef COMMON_WIRE_QUERY_WIRE_H
#define COMMON_WIRE_QUERY_WIRE_H
/*
 * POST /v1/query and /v1/count (docs/PROTOCOL.md). Any thread.
 *
 * Request: one JSON object
 *   {"filters":[...],"readers":["<hex>",...],"min_seq":N,"after":N,"client":"..."}
 * readers: pubkeys authenticated on the connection; min_seq: the answer's snapshot must not be
 * older; after (optional): only events with a seq above it, limits ignored, oldest seq first (the
 * catch-up of a subscription whose live events were lost); client (optional): whoever asks, for
 * taking turns. Response of query: one line of canonical
 * JSON per event, newest first, then one end line
 *   {"end":true,"seq":N,"more":BOOL,"hidden":BOOL,"cost":N}
 * seq: the snapshot's; more: the store holds further matches; hidden: private events may have been
 * withheld, by what was asked and by whom; cost: milliseconds that reading took.
 * A body without its end line is a failed query. Response of count:
 * {"count":N,"approximate":BOOL,"hll":"<512 hex>"} (hll only where NIP-45 defines it), and on a
 * second line
 * {"cost":N}.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "nostr/filter.h"

struct query_request {
    struct filter *filters; /* each already parsed under the limits */
    size_t n_filters;
    struct pubkey *readers;
    size_t n_readers;
    uint64_t min_seq;
    uint64_t after;
    bool has_after;
    struct slice client; /* at most QUERY_MAX_CLIENT bytes of plain ASCII; empty: nobody's */
};

enum { QUERY_MAX_CLIENT = 64 };

struct query_end {
    uint64_t seq;
    bool more;
    bool hidden;
    uint64_t cost_ms;
};

struct query_request_limits {
    struct filter_limits filter;
    size_t max_filters;
};

void query_request_write(struct buf *out, const struct query_request *q);
/* On false *error is a static sentence. Memory comes from arena. */
NODISCARD bool query_request_parse(struct slice body, const struct query_request_limits *limits,
                                   struct arena *arena, struct query_request *out,
                                   const char **error);

/* Appends the end line with its newline. */
void query_end_write(struct buf *out, const struct query_end *end);
/* True when line (without its newline) is an end line; then *out is set. An event line never looks
 * like one. */
NODISCARD bool query_end_parse(struct slice line, struct query_end *out);

/* Appends the second line of a count's answer. */
void query_cost_write(struct buf *out, uint64_t cost_ms);
/* The two lines of a count's answer, the first without its newline; an answer without the second
 * costs nothing. False when it is none. */
NODISCARD bool query_count_parse(struct slice body, struct slice *json, uint64_t *cost_ms);

#endif
