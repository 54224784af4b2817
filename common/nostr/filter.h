#ifndef COMMON_NOSTR_FILTER_H
#define COMMON_NOSTR_FILTER_H
/*
 * Filters (NIP-01, NIP-50): parse with limits, match against an event, canonical bytes for sharing.
 *
 * A field that is absent has no bit in `has`; a field that is present but empty matches nothing. Lists
 * are sorted and without doubles. A filter is one allocation (filter_parse) and immutable afterwards.
 */
#include "base/arena.h"
#include "json/jread.h"
#include "nostr/event.h"

enum {
    FILTER_IDS = 1 << 0,
    FILTER_AUTHORS = 1 << 1,
    FILTER_KINDS = 1 << 2,
    FILTER_SINCE = 1 << 3,
    FILTER_UNTIL = 1 << 4,
    FILTER_LIMIT = 1 << 5,
    FILTER_SEARCH = 1 << 6,
    FILTER_NOTHING = 1 << 7, /* some list is empty, or since > until: can never match */
};

struct filter_tag {
    char letter;          /* a-z or A-Z */
    uint32_t n;           /* values, at least one */
    struct slice *value;  /* sorted by bytes (length-first order is up to the module), decoded */
    struct slice first;   /* the first value in wire order (NIP-45 HyperLogLog) */
};

struct filter {
    uint32_t has;
    uint32_t n_ids, n_authors, n_kinds, n_tags;
    struct event_id *ids;   /* sorted */
    struct pubkey *authors; /* sorted */
    int *kinds;             /* sorted; numbers outside 0..65535 are dropped (they match nothing) */
    struct filter_tag *tags; /* in wire order, one per letter */
    int64_t since, until;   /* inclusive; negative since is 0 */
    int64_t limit;          /* as asked for, not clamped; 0 or more */
    struct slice search;    /* decoded; FILTER_SEARCH is not set when it is empty */
};

struct filter_limits {
    size_t max_values; /* per list */
    size_t max_search_bytes;
};

/*
 * Reads one filter object at r. All memory comes from arena. On false *error is a static sentence naming the field ("authors
 * must be a list of 64-digit lower-case hex strings"); *unsupported is true when the member is one we do not know (the prefix is then
 * "unsupported" instead of "invalid"). null as a member's value means absent; null inside a list is an error.
 * "#x" members with other than one letter are unsupported. #e and #p values must be 64-digit lower-case hex.
 */
NODISCARD bool filter_parse(struct jread *r, const struct filter_limits *limits, struct arena *arena,
                            struct filter *out, const char **error, bool *unsupported);

/* A deep copy in one malloc'd block, freed with free(); NULL without memory. */
NODISCARD struct filter *filter_dup(const struct filter *f);

/* NIP-01: does ev satisfy every condition of f? limit is not a condition; for FILTER_SEARCH the words of search must all
 * occur in content (ASCII case folded; key:value extensions ignored). Privacy and expiry are not looked at. */
bool filter_match(const struct filter *f, const struct event *ev);

/* Appends JSON of f with every list sorted, so that equal filters give equal bytes. Also what the front
 * end sends to the event handler. */
void filter_write(const struct filter *f, struct buf *out);

/* True when every event that f can match is of a private kind (kind.h): it names kinds, all private. */
bool filter_only_private(const struct filter *f);

#endif
