#include "live/sub_index.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/siphash.h"
#include "live/key_table.h"

/* One subscriber of one filter. */
struct filter_link {
    struct list node; /* in live_filter.subscribers while the subscriber is active */
    struct subscriber *subscriber;
    struct live_filter *filter;
};

/* One distinct filter. postings[0] is its identity (the hash of its canonical bytes), by which an
 * equal filter finds it; the others are the keys that events look up. */
struct live_filter {
    struct list subscribers; /* filter_link.node */
    struct filter *filter;   /* without limit */
    uint64_t stamp;          /* the last match that tested it */
    uint32_t refs;           /* links, active or not */
    uint32_t n_postings;
    struct posting postings[];
};

/* What a key stands for. Each has its own salt, and so has each tag letter (KEY_TAG + its place in
 * a-zA-Z). */
enum key_type {
    KEY_IDENTITY,
    KEY_ANY,
    KEY_ID,
    KEY_AUTHOR,
    KEY_KIND,
    KEY_TAG,
    KEY_TYPES = KEY_TAG + 52
};

enum { CANONICAL_CAP = 64 * 1024 * 1024 };

struct sub_index {
    struct key_table keys;
    struct siphash_key hash_key;
    uint64_t salt[KEY_TYPES];
    size_t posted[KEY_TYPES]; /* postings per type: an event asks only for what is there */
    uint64_t stamp;           /* number of the current match */
    struct subscriber **target;
    size_t n_target, target_room;
    size_t n_active, n_filters;
    struct buf canonical, other; /* scratch */
};

struct sub_index *sub_index_new(void)
{
    struct sub_index *ix = calloc(1, sizeof *ix);

    if (!ix)
        return NULL;
    ix->hash_key = siphash_random_key();
    for (unsigned i = 0; i < KEY_TYPES; i++)
        ix->salt[i] = siphash(&ix->hash_key, &i, sizeof i);
    buf_init(&ix->canonical, CANONICAL_CAP);
    buf_init(&ix->other, CANONICAL_CAP);
    return ix;
}

void sub_index_free(struct sub_index *ix)
{
    if (!ix)
        return;
    assert(ix->n_filters == 0);
    key_table_deinit(&ix->keys);
    buf_deinit(&ix->canonical);
    buf_deinit(&ix->other);
    free(ix->target);
    free(ix);
}

struct sub_index_size sub_index_size(const struct sub_index *ix)
{
    return (struct sub_index_size){ix->n_active, ix->n_filters, ix->keys.used};
}

/* ---- keys ---- */

static uint64_t key_of(const struct sub_index *ix, unsigned type, const void *bytes, size_t n)
{
    return siphash(&ix->hash_key, bytes, n) ^ ix->salt[type];
}

static unsigned tag_type(char letter)
{
    unsigned place = letter >= 'a' ? (unsigned)(letter - 'a') : 26u + (unsigned)(letter - 'A');

    return KEY_TAG + place;
}

/* The conditions under which a filter is posted: one of its lists, named by the key type. */
struct key_list {
    unsigned type;
    uint32_t n;
    const struct filter_tag *tag; /* for KEY_TAG and above */
};

static struct key_list rarest_list(const struct filter *f)
{
    struct key_list best = {KEY_ANY, 1, NULL};

    if (f->has & FILTER_IDS)
        return (struct key_list){KEY_ID, f->n_ids, NULL};
    if (f->has & FILTER_AUTHORS)
        return (struct key_list){KEY_AUTHOR, f->n_authors, NULL};
    for (uint32_t i = 0; i < f->n_tags; i++)
        if (!best.tag || f->tags[i].n < best.n)
            best = (struct key_list){tag_type(f->tags[i].letter), f->tags[i].n, &f->tags[i]};
    if (!best.tag && (f->has & FILTER_KINDS))
        best = (struct key_list){KEY_KIND, f->n_kinds, NULL};
    return best;
}

static uint64_t list_key(const struct sub_index *ix, const struct filter *f,
                         const struct key_list *list, uint32_t i)
{
    switch (list->type) {
    case KEY_ANY:
        return ix->salt[KEY_ANY];
    case KEY_ID:
        return key_of(ix, KEY_ID, f->ids[i].b, sizeof f->ids[i].b);
    case KEY_AUTHOR:
        return key_of(ix, KEY_AUTHOR, f->authors[i].b, sizeof f->authors[i].b);
    case KEY_KIND:
        return key_of(ix, KEY_KIND, &f->kinds[i], sizeof f->kinds[i]);
    default:
        return key_of(ix, list->type, list->tag->value[i].ptr, list->tag->value[i].len);
    }
}

/* ---- filters ---- */

/* An equal filter that is already here, or NULL. canonical holds the bytes of the wanted one. */
static struct live_filter *find_equal(struct sub_index *ix, uint64_t identity)
{
    for (struct posting *p = key_table_find(&ix->keys, identity); p; p = p->next) {
        if (p != &p->filter->postings[0])
            continue;
        buf_reset(&ix->other);
        filter_write(p->filter->filter, &ix->other);
        if (!ix->other.failed && slice_eq(buf_slice(&ix->other), buf_slice(&ix->canonical)))
            return p->filter;
    }
    return NULL;
}

static struct live_filter *filter_enter(struct sub_index *ix, const struct filter *f,
                                        uint64_t identity)
{
    struct key_list list = rarest_list(f);
    uint32_t n = 1 + list.n;
    struct live_filter *lf = calloc(1, sizeof *lf + n * sizeof lf->postings[0]);

    if (!lf)
        return NULL;
    lf->filter = filter_dup(f);
    if (!lf->filter || !key_table_reserve(&ix->keys, n)) {
        free(lf->filter);
        free(lf);
        return NULL;
    }
    list_init(&lf->subscribers);
    lf->n_postings = n;
    for (uint32_t i = 0; i < n; i++) {
        lf->postings[i].filter = lf;
        lf->postings[i].key = i == 0 ? identity : list_key(ix, f, &list, i - 1);
        key_table_add(&ix->keys, &lf->postings[i]);
    }
    ix->posted[list.type] += list.n;
    ix->n_filters++;
    return lf;
}

static void filter_leave(struct sub_index *ix, struct live_filter *lf)
{
    ix->posted[rarest_list(lf->filter).type] -= lf->n_postings - 1;
    for (uint32_t i = 0; i < lf->n_postings; i++)
        key_table_remove(&ix->keys, &lf->postings[i]);
    ix->n_filters--;
    free(lf->filter);
    free(lf);
}

/* The one object for f, with a reference for the caller. */
static struct live_filter *filter_intern(struct sub_index *ix, const struct filter *f)
{
    struct filter without_limit = *f;
    struct live_filter *lf;
    uint64_t identity;

    without_limit.has &= ~(uint32_t)FILTER_LIMIT;
    buf_reset(&ix->canonical);
    filter_write(&without_limit, &ix->canonical);
    if (ix->canonical.failed)
        return NULL;
    identity = key_of(ix, KEY_IDENTITY, ix->canonical.ptr, ix->canonical.len);
    lf = find_equal(ix, identity);
    if (!lf)
        lf = filter_enter(ix, &without_limit, identity);
    if (lf)
        lf->refs++;
    return lf;
}

static void filter_unref(struct sub_index *ix, struct live_filter *lf)
{
    if (--lf->refs == 0)
        filter_leave(ix, lf);
}

static size_t filter_bytes(const struct live_filter *lf)
{
    const struct filter *f = lf->filter;
    size_t n = sizeof *lf +
               lf->n_postings * (sizeof lf->postings[0] + 2 * sizeof(struct key_slot)) + sizeof *f +
               f->n_ids * sizeof *f->ids + f->n_authors * sizeof *f->authors +
               f->n_kinds * sizeof *f->kinds + f->search.len;

    for (uint32_t i = 0; i < f->n_tags; i++) {
        n += sizeof f->tags[i] + f->tags[i].n * sizeof *f->tags[i].value;
        for (uint32_t v = 0; v < f->tags[i].n; v++)
            n += f->tags[i].value[v].len;
    }
    return n;
}

/* ---- subscribers ---- */

/* Room for every active subscriber, and one more, in the result of a match. */
static bool reserve_target(struct sub_index *ix)
{
    size_t room = ix->target_room ? ix->target_room : 64;
    struct subscriber **grown;

    while (room <= ix->n_active)
        room *= 2;
    if (room == ix->target_room)
        return true;
    grown = realloc(ix->target, room * sizeof *grown);
    if (!grown)
        return false;
    ix->target = grown;
    ix->target_room = room;
    return true;
}

bool sub_index_hold(struct sub_index *ix, struct subscriber *s, const struct filter *filters,
                    size_t n)
{
    size_t bytes = 0;

    s->n_links = 0;
    s->active = false;
    s->bytes = 0;
    s->links = calloc(n ? n : 1, sizeof *s->links);
    if (!s->links)
        return false;
    for (size_t i = 0; i < n; i++) {
        struct filter_link *link = &s->links[s->n_links];

        if (filters[i].has & FILTER_NOTHING)
            continue;
        link->filter = filter_intern(ix, &filters[i]);
        if (!link->filter) {
            sub_index_release(ix, s);
            return false;
        }
        link->subscriber = s;
        list_init(&link->node);
        bytes += sizeof *link + filter_bytes(link->filter);
        s->n_links++;
    }
    s->bytes = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
    return true;
}

bool sub_index_activate(struct sub_index *ix, struct subscriber *s)
{
    if (s->active)
        return true;
    if (!reserve_target(ix))
        return false;
    s->active = true;
    ix->n_active++;
    for (uint32_t i = 0; i < s->n_links; i++)
        list_push(&s->links[i].filter->subscribers, &s->links[i].node);
    return true;
}

void sub_index_release(struct sub_index *ix, struct subscriber *s)
{
    if (!s->links)
        return;
    if (s->active) {
        ix->n_active--;
        if (s->stamp == ix->stamp && s->target < ix->n_target)
            ix->target[s->target] = NULL;
    }
    s->active = false;
    for (uint32_t i = 0; i < s->n_links; i++) {
        list_remove(&s->links[i].node);
        filter_unref(ix, s->links[i].filter);
    }
    free(s->links);
    s->links = NULL;
    s->n_links = 0;
}

const struct filter *subscriber_filter(const struct subscriber *s, uint32_t i)
{
    return s->links[i].filter->filter;
}

bool subscriber_matches(const struct subscriber *s, const struct event *ev)
{
    for (uint32_t i = 0; i < s->n_links; i++)
        if (filter_match(s->links[i].filter->filter, ev))
            return true;
    return false;
}

void sub_index_forget_snapshots(struct sub_index *ix)
{
    for (size_t i = 0; i < ix->keys.room; i++)
        for (struct posting *p = ix->keys.slot[i].head; p; p = p->next)
            for (struct list *l = p->filter->subscribers.next; l != &p->filter->subscribers;
                 l = l->next)
                container_of(l, struct filter_link, node)->subscriber->snapshot = 0;
}

/* ---- matching ---- */

static void collect(struct sub_index *ix, const struct live_filter *lf)
{
    for (struct list *l = lf->subscribers.next; l != &lf->subscribers; l = l->next) {
        struct subscriber *s = container_of(l, struct filter_link, node)->subscriber;

        if (s->stamp == ix->stamp)
            continue;
        s->stamp = ix->stamp;
        s->target = (uint32_t)ix->n_target;
        ix->target[ix->n_target++] = s;
    }
}

static void match_key(struct sub_index *ix, const struct event *ev, uint64_t key)
{
    for (struct posting *p = key_table_find(&ix->keys, key); p; p = p->next) {
        struct live_filter *lf = p->filter;

        if (lf->stamp == ix->stamp || list_empty(&lf->subscribers))
            continue;
        lf->stamp = ix->stamp;
        if (filter_match(lf->filter, ev))
            collect(ix, lf);
    }
}

size_t sub_index_match(struct sub_index *ix, const struct event *ev, struct subscriber *const **out)
{
    ix->stamp++;
    ix->n_target = 0;
    *out = ix->target;
    if (ix->n_active == 0)
        return 0;
    if (ix->posted[KEY_ID])
        match_key(ix, ev, key_of(ix, KEY_ID, ev->id.b, sizeof ev->id.b));
    if (ix->posted[KEY_AUTHOR])
        match_key(ix, ev, key_of(ix, KEY_AUTHOR, ev->pubkey.b, sizeof ev->pubkey.b));
    if (ix->posted[KEY_KIND])
        match_key(ix, ev, key_of(ix, KEY_KIND, &ev->kind, sizeof ev->kind));
    if (ix->posted[KEY_ANY])
        match_key(ix, ev, ix->salt[KEY_ANY]);
    for (uint32_t i = 0; i < ev->n_tags; i++) {
        const struct tag *t = &ev->tag[i];

        if (tag_is_indexed(t) && ix->posted[tag_type(t->item[0].ptr[0])])
            match_key(ix, ev,
                      key_of(ix, tag_type(t->item[0].ptr[0]), t->item[1].ptr, t->item[1].len));
    }
    return ix->n_target;
}
