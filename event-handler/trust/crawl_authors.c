#include "trust/crawl_authors.h"

#include <stdlib.h>

#include "nostr/kind.h"
#include "trust/outbox.h"

static uint32_t *find_slot(const struct crawl_authors *a, const struct pubkey *pubkey)
{
    size_t i = siphash(&a->secret, pubkey->b, sizeof(pubkey->b)) & a->mask;

    while (a->slot[i] != 0 && !pubkey_eq(&a->pubkey[a->slot[i] - 1], pubkey))
        i = (i + 1) & a->mask;
    return &a->slot[i];
}

/* Of doubles the first counts. */
static void fill(struct crawl_authors *a)
{
    for (size_t i = 0; i < a->n; i++) {
        uint32_t *slot = find_slot(a, &a->pubkey[i]);

        if (*slot == 0)
            *slot = (uint32_t)i + 1;
    }
    for (size_t i = 0; i < a->n * a->n_kinds; i++)
        a->newest[i].created_at = -1;
}

bool crawl_authors_init(struct crawl_authors *a, const struct pubkey *pubkeys, size_t n,
                        const int *kinds, size_t n_kinds)
{
    size_t slots = 16;

    *a = (struct crawl_authors){.secret = siphash_random_key(),
                                .pubkey = pubkeys,
                                .n = n,
                                .kind = kinds,
                                .n_kinds = n_kinds};
    if (n > UINT32_MAX / 4)
        return false;
    while (slots < 2 * n)
        slots *= 2;
    a->mask = slots - 1;
    a->slot = calloc(slots, sizeof(*a->slot));
    a->newest = calloc(n * n_kinds + 1, sizeof(*a->newest));
    a->relays = calloc(n + 1, sizeof(*a->relays));
    if (!a->slot || !a->newest || !a->relays)
        return false;
    fill(a);
    return true;
}

void crawl_authors_deinit(struct crawl_authors *a)
{
    for (size_t i = 0; a->relays && i < a->n; i++)
        free(a->relays[i]);
    free(a->relays);
    free(a->newest);
    free(a->slot);
}

int64_t crawl_authors_find(const struct crawl_authors *a, const struct pubkey *pubkey)
{
    return (int64_t)*find_slot(a, pubkey) - 1;
}

int crawl_authors_kind(const struct crawl_authors *a, int kind)
{
    for (size_t i = 0; i < a->n_kinds; i++) {
        if (a->kind[i] == kind)
            return (int)i;
    }
    return -1;
}

bool crawl_authors_found(const struct crawl_authors *a, size_t author)
{
    return a->newest[author * a->n_kinds].created_at >= 0;
}

static struct crawl_newest *newest_of(const struct crawl_authors *a, size_t author, int kind)
{
    return &a->newest[author * a->n_kinds + (size_t)kind];
}

enum crawl_novelty crawl_authors_novelty(const struct crawl_authors *a, size_t author, int kind,
                                         const struct event *ev)
{
    const struct crawl_newest *known = newest_of(a, author, kind);

    if (ev->created_at != known->created_at)
        return ev->created_at > known->created_at ? CRAWL_NEWS : CRAWL_OLD_NEWS;
    /* NIP-01: of two with the same time the lower id stays. */
    return memcmp(ev->id.b, known->id, sizeof(known->id)) < 0 ? CRAWL_NEWS : CRAWL_OLD_NEWS;
}

static void note_relays(struct crawl_authors *a, size_t author, const struct event *ev)
{
    struct buf urls;

    buf_init(&urls, OUTBOX_MAX_TEXT + 1);
    outbox_write_urls(ev, &urls);
    buf_add_char(&urls, '\0');
    if (urls.failed) { /* without memory he is looked up where we would without this event */
        buf_deinit(&urls);
        return;
    }
    free(a->relays[author]);
    a->relays[author] = urls.ptr;
}

void crawl_authors_note(struct crawl_authors *a, size_t author, int kind, const struct event *ev)
{
    struct crawl_newest *known = newest_of(a, author, kind);

    if (kind == 0 && known->created_at < 0)
        a->n_found++;
    known->created_at = ev->created_at;
    memcpy(known->id, ev->id.b, sizeof(known->id));
    if (a->kind[kind] == KIND_RELAY_LIST)
        note_relays(a, author, ev);
}
