#ifndef COMMON_NOSTR_FILTER_H
#define COMMON_NOSTR_FILTER_H
/*
 * Filters (NIP-01, NIP-50): parse with limits, match against an event, canonical bytes for sharing.
 *
 * A field that is absent has no bit in `has`; a field that is present but empty matches nothing.
 * Lists are sorted and without doubles. A filter is immutable once parsed. What filter_parse()
 * yields lives in the caller's arena and text; filter_dup() makes a copy that stands alone. Any
 * thread.
 */
#include "base/arena.h"
#include "nostr/event.h"
#include "json/jread.h"

enum { FILTER_MAX_SEARCH_WORDS = 32 };

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
    char letter;         /* a-z or A-Z */
    uint32_t n;          /* values, at least one */
    struct slice *value; /* decoded, in the order of filter_value_cmp() */
    struct slice first;  /* the first value in wire order (NIP-45 HyperLogLog) */
};

struct filter {
    uint32_t has;
    uint32_t n_ids, n_authors, n_kinds, n_tags;
    struct event_id *ids;    /* sorted */
    struct pubkey *authors;  /* sorted */
    int *kinds;              /* sorted; numbers outside 0..65535 are dropped (they match nothing) */
    struct filter_tag *tags; /* in wire order, one per letter */
    int64_t since,
        until;     /* inclusive, as asked for: may be negative; held at +-INT64_MAX when larger */
    int64_t limit; /* as asked for, not clamped; 0 or more */
    struct slice search; /* decoded; FILTER_SEARCH is not set when it is empty */
};

struct filter_limits {
    size_t max_values; /* per list */
    size_t max_search_bytes;
};

/*
 * Reads one filter object at r. All memory comes from arena. On false *error is a static sentence
 * naming the field ("authors must be a list of 64-digit lower-case hex strings"); *unsupported is
 * true when the member is one we do not know (the prefix is then "unsupported" instead of
 * "invalid"). null as a member's value means absent; null inside a list is an error.
 * "#x" members with other than one letter are unsupported. #e and #p values must be 64-digit
 * lower-case hex.
 */
NODISCARD bool filter_parse(struct jread *r, const struct filter_limits *limits,
                            struct arena *arena, struct filter *out, const char **error,
                            bool *unsupported);

/* Reads the filters of a REQ or COUNT: body is client_message.body, objects with commas between
 * them. None at all, or more than max_filters, is an error. Otherwise as filter_parse(). */
NODISCARD bool filter_list_parse(struct slice body, const struct filter_limits *limits,
                                 size_t max_filters, struct arena *arena, struct filter **out,
                                 size_t *n, const char **error, bool *unsupported);

/* A deep copy in one malloc'd block, freed with free(); NULL without memory. */
NODISCARD struct filter *filter_dup(const struct filter *f);

/* NIP-01: does ev satisfy every condition of f? limit is not a condition; for FILTER_SEARCH the
 * words of search must all be words of content (ASCII case folded; key:value extensions ignored).
 * Privacy and expiry are not looked at. */
bool filter_match(const struct filter *f, const struct event *ev);

/*
 * NIP-50: takes the next word off *search; false at the end. A word is a run of ASCII letters,
 * digits and bytes above 0x7f; all else separates. An extension ("language:en": lower-case letters,
 * a colon, a value without "//") is passed over. There may be no word at all: the filter then finds
 * everything that its other members ask for.
 */
bool filter_search_next(struct slice *search, struct slice *word);

/* Appends JSON of f with its members in one order and its lists sorted, so that equal filters give
 * equal bytes; a filter that can match nothing is {"ids":[]}. Tags keep their order, and each its
 * first value in front, because NIP-45 reads both. Also what the front end sends to the event
 * handler. */
void filter_write(const struct filter *f, struct buf *out);

/* True when every event that f can match is of a private kind (kind.h): it names kinds, all
 * private. False when it matches nothing: there is nothing to protect. */
bool filter_only_private(const struct filter *f);
/* May f match events of private kinds that these readers may not see? Said of f alone, whatever is
 * stored, so that it tells nobody of an event's existence. */
bool filter_may_withhold(const struct filter *f, const struct pubkey *readers, size_t n);

/* The order of filter_tag.value: shorter first, then by bytes. */
static inline int filter_value_cmp(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return a.len == 0 ? 0 : memcmp(a.ptr, b.ptr, a.len);
}

#endif
