#ifndef EVENT_HANDLER_TRUST_CRAWL_QUEUE_H
#define EVENT_HANDLER_TRUST_CRAWL_QUEUE_H
/*
 * What one relay is to be asked: authors in chunks, a chunk in pages. A relay gives as many events
 * as it likes; since they come newest first, "until" the oldest gets the next ones. A relay that
 * refuses a question gets a smaller one. So no limit of a relay needs to be known beforehand.
 *
 *     while (crawl_queue_ask(q, ..)) { send it; crawl_queue_event() for each; crawl_queue_eose() }
 *
 * One thread.
 */
#include "trust/crawl_authors.h"

enum {
    CRAWL_PAGE = 500,       /* events asked for at a time */
    CRAWL_MIN_PAGE = 20,    /* fewer than that are all there is */
    CRAWL_MAX_REFUSALS = 5, /* further ones end the conversation */
};

struct crawl_queue {
    const struct crawl_authors *authors;
    const uint32_t *list; /* borrowed: indices of authors; NULL for all of them */
    size_t n;
    bool only_missing; /* leave out who has been found meanwhile */
    size_t chunk;      /* most authors in one question */
    size_t at, end;    /* the present chunk, in list */
    size_t n_in_chunk;
    int64_t until; /* -1: the chunk's first page */
    unsigned refusals;

    size_t n_page;     /* events on this page */
    size_t n_chunk;    /* events of this chunk */
    size_t most_chunk; /* more than it can have */
    int64_t oldest;
    size_t n_asked; /* authors asked for so far, none counted twice */
    size_t counted; /* of list, for n_asked */
};

void crawl_queue_init(struct crawl_queue *q, const struct crawl_authors *authors,
                      const uint32_t *list, size_t n, bool only_missing, size_t chunk);
/* Appends the next REQ to out; false when there is nothing left to ask. */
NODISCARD bool crawl_queue_ask(struct crawl_queue *q, const char *sub_id, struct buf *out);
/* An event of the present question has come. False when there are more than can be. */
NODISCARD bool crawl_queue_event(struct crawl_queue *q, int64_t created_at);
/* The answer is complete: on to the next page or chunk. */
void crawl_queue_eose(struct crawl_queue *q);
/* The relay would not answer: ask again for fewer. False when there is no point in that. */
NODISCARD bool crawl_queue_refused(struct crawl_queue *q);

#endif
