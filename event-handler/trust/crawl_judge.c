#include "trust/crawl_judge.h"

#include "base/clock.h"
#include "nostr/verify.h"

enum { ARENA_PER_BYTE = 33, MAX_TAGS = 65536 };

void crawl_judge_init(struct crawl_judge *j, struct crawl_authors *authors, size_t max_event_bytes)
{
    *j = (struct crawl_judge){.authors = authors,
                              .limits = {.max_event_bytes = max_event_bytes,
                                         .max_tags = MAX_TAGS,
                                         .max_content_chars = max_event_bytes}};
    arena_init(&j->arena, ARENA_PER_BYTE * max_event_bytes + MIB);
    buf_init(&j->json, max_event_bytes + KIB);
    buf_init(&j->scratch, 2 * max_event_bytes + KIB);
}

void crawl_judge_deinit(struct crawl_judge *j)
{
    arena_deinit(&j->arena);
    buf_deinit(&j->json);
    buf_deinit(&j->scratch);
}

/* All but the signature. */
static enum crawl_reject judge_content(struct crawl_judge *j, const struct event *ev,
                                       int64_t *author, int *kind)
{
    int64_t now = clock_unix();

    *author = crawl_authors_find(j->authors, &ev->pubkey);
    *kind = crawl_authors_kind(j->authors, ev->kind);
    if (*author == CRAWL_NOBODY)
        return CRAWL_FOREIGN_AUTHOR;
    if (*kind < 0)
        return CRAWL_FOREIGN_KIND;
    if (ev->created_at > now + CRAWL_FUTURE_SECONDS || event_expired(ev, now))
        return CRAWL_FUTURE;
    if (crawl_authors_novelty(j->authors, (size_t)*author, *kind, ev) == CRAWL_OLD_NEWS)
        return CRAWL_STALE;
    return CRAWL_REJECTS;
}

enum crawl_reject crawl_judge_event(struct crawl_judge *j, struct slice text, struct event *ev)
{
    enum crawl_reject reject;
    const char *error;
    int64_t author;
    bool has_id;
    int kind;

    if (text.len > j->limits.max_event_bytes)
        return CRAWL_OVERSIZED;
    arena_reset(&j->arena);
    if (!event_parse(text, &j->limits, &j->arena, ev, &has_id, &error))
        return CRAWL_MALFORMED;
    reject = judge_content(j, ev, &author, &kind);
    if (reject != CRAWL_REJECTS)
        return reject;
    if (verify_event(ev, &j->scratch) != VERIFY_OK)
        return CRAWL_FORGED;
    buf_reset(&j->json);
    event_write(ev, &j->json);
    if (j->json.failed)
        return CRAWL_OVERSIZED;
    crawl_authors_note(j->authors, (size_t)author, kind, ev);
    return CRAWL_REJECTS;
}
