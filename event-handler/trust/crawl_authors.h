#ifndef EVENT_HANDLER_TRUST_CRAWL_AUTHORS_H
#define EVENT_HANDLER_TRUST_CRAWL_AUTHORS_H
/*
 * The authors of one crawl: who is asked for, and what is the newest that has come of each kind,
 * whichever relay it came from. Found by pubkey under a secret hash, since relays choose what they
 * send. One thread.
 */
#include "base/siphash.h"
#include "nostr/event.h"

enum crawl_novelty {
    CRAWL_NEWS,
    CRAWL_OLD_NEWS, /* the same event again, or an older one */
};

/* The newest event of one author and kind. */
struct crawl_newest {
    int64_t created_at; /* -1: none has come */
    uint8_t id[8];      /* its beginning */
};

struct crawl_authors {
    struct siphash_key secret;
    const struct pubkey *pubkey; /* borrowed */
    size_t n;
    const int *kind; /* borrowed */
    size_t n_kinds;
    struct crawl_newest *newest; /* [author * n_kinds + kind's index] */
    char **relays;               /* by author: outbox.h's text of the 10002 that came, or NULL */
    uint32_t *slot;              /* index plus one, 0 for a free one */
    size_t mask;
    size_t n_found;
};

enum { CRAWL_NOBODY = -1 };

/* pubkeys and kinds are borrowed. False without memory; crawl_authors_deinit() in either case. */
NODISCARD bool crawl_authors_init(struct crawl_authors *a, const struct pubkey *pubkeys, size_t n,
                                  const int *kinds, size_t n_kinds);
void crawl_authors_deinit(struct crawl_authors *a);

/* The author's index, or CRAWL_NOBODY. */
int64_t crawl_authors_find(const struct crawl_authors *a, const struct pubkey *pubkey);
/* The kind's index, or -1. */
int crawl_authors_kind(const struct crawl_authors *a, int kind);
/* Has an event of the first kind come? */
bool crawl_authors_found(const struct crawl_authors *a, size_t author);

enum crawl_novelty crawl_authors_novelty(const struct crawl_authors *a, size_t author, int kind,
                                         const struct event *ev);
/* Notes an event that is news and good; of a 10002 also where its author writes to. */
void crawl_authors_note(struct crawl_authors *a, size_t author, int kind, const struct event *ev);

#endif
