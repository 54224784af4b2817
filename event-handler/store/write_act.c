#include "store/write_steps.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/index_keys.h"

static struct slice bytes32(const uint8_t *b)
{
    return slice_of((const char *)b, 32);
}

/* Two parallel columns of keys and times: floors and vanishing keys. */
static enum err add_keys_and_times(struct arena *a, struct db_params *p, size_t n,
                                   const uint8_t *first_key, const int64_t *first_time,
                                   size_t stride)
{
    struct slice *keys = arena_alloc(a, n * sizeof *keys);
    int64_t *times = arena_alloc(a, n * sizeof *times);

    if (!keys || !times)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        keys[i] = bytes32(first_key + i * stride);
        memcpy(&times[i], (const char *)first_time + i * stride, sizeof times[i]);
    }
    db_params_init(p);
    db_param_bytea_array(p, keys, n);
    db_param_int8_array(p, times, NULL, n);
    return OK;
}

static void send_floors(struct arena *a, struct trip *t, const struct write_plan *plan,
                        enum statement s)
{
    struct db_params p;

    if (plan->n_floors == 0 || t->err)
        return;
    t->err = add_keys_and_times(a, &p, plan->n_floors, plan->floor->address, &plan->floor->up_to,
                                sizeof *plan->floor);
    if (!t->err)
        trip_add(t, s, &p);
}

/* DELETE_IDS also wants to know what the batch replaces. */
static void send_tombstones(struct arena *a, struct trip *t, const struct write_plan *plan,
                            enum statement s)
{
    size_t n = plan->n_tombstones;
    struct slice *ids = arena_alloc(a, n * sizeof *ids);
    struct slice *deleters = arena_alloc(a, n * sizeof *deleters);
    struct db_params p;

    if (n == 0 || t->err)
        return;
    if (!ids || !deleters) {
        t->err = ERR_NOMEM;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        ids[i] = bytes32(plan->tombstone[i].id.b);
        deleters[i] = bytes32(plan->tombstone[i].deleter.b);
    }
    db_params_init(&p);
    db_param_bytea_array(&p, ids, n);
    db_param_bytea_array(&p, deleters, n);
    if (s == DELETE_IDS)
        db_param_int8_array(&p, (const int64_t *)plan->replaced, NULL, plan->n_replaced);
    trip_add(t, s, &p);
}

static void send_replaced(struct trip *t, const struct write_plan *plan)
{
    struct db_params p;

    if (plan->n_replaced == 0)
        return;
    db_params_init(&p);
    db_param_int8_array(&p, (const int64_t *)plan->replaced, NULL, plan->n_replaced);
    if (plan->n_kept > 0) {
        db_param_int8_array(&p, (const int64_t *)plan->kept, NULL, plan->n_kept);
        db_param_int8(&p, clock_unix());
    }
    trip_add(t, plan->n_kept > 0 ? REPLACE_KEEPING : REPLACE, &p);
}

/* Versions that were replaced before they had a row. */
static void send_superseded(struct arena *a, struct trip *t, const struct write_plan *plan)
{
    size_t n = plan->n_superseded;
    struct slice *bytes = arena_alloc(a, 4 * n * sizeof *bytes);
    int64_t *numbers = arena_alloc(a, 2 * n * sizeof *numbers);
    int32_t *small = arena_alloc(a, 2 * n * sizeof *small);
    struct db_params p;

    if (n == 0 || t->err)
        return;
    if (!bytes || !numbers || !small) {
        t->err = ERR_NOMEM;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const struct new_event *ne = plan->superseded[i];

        bytes[i] = bytes32(ne->ev->id.b);
        bytes[n + i] = bytes32(ne->ev->pubkey.b);
        bytes[2 * n + i] = bytes32(ne->address);
        bytes[3 * n + i] = ne->json;
        numbers[i] = ne->ev->created_at;
        numbers[n + i] = index_tie(&ne->ev->id);
        small[i] = ne->ev->kind;
        small[n + i] = (int32_t)ne->json.len;
    }
    db_params_init(&p);
    db_param_int8(&p, clock_unix());
    for (size_t column = 0; column < 3; column++)
        db_param_bytea_array(&p, bytes + column * n, n);
    db_param_int4_array(&p, small, n);
    db_param_int8_array(&p, numbers, NULL, n);
    db_param_int8_array(&p, numbers + n, NULL, n);
    db_param_int4_array(&p, small + n, n);
    db_param_text_array(&p, bytes + 3 * n, n);
    trip_add(t, KEEP, &p);
}

static void send_vanished(struct arena *a, struct trip *t, const struct write_plan *plan)
{
    struct db_params p;

    if (plan->n_vanish == 0 || t->err)
        return;
    t->err = add_keys_and_times(a, &p, plan->n_vanish, plan->vanish->pubkey.b, &plan->vanish->up_to,
                                sizeof *plan->vanish);
    if (!t->err)
        trip_add(t, ADD_VANISHED, &p);
}

/* Everything that goes, or is kept aside. Deletions come first: they must see a version that a
 * newer one replaces in the same batch, and what they name is not to be kept. */
void write_send_deletions(struct arena *a, struct trip *t, const struct write_plan *plan)
{
    send_tombstones(a, t, plan, DELETE_IDS);
    send_tombstones(a, t, plan, ADD_TOMBSTONES);
    send_floors(a, t, plan, DELETE_ADDRESSES);
    send_floors(a, t, plan, ADD_FLOORS);
    send_replaced(t, plan);
    send_superseded(a, t, plan);
    send_vanished(a, t, plan);
}

struct columns { /* of the rows to insert, and of their tag rows */
    struct slice *id, *pubkey, *address, *json;
    int64_t *seq, *created_at, *tie, *author, *expires_at;
    int32_t *kind, *size, *first, *last;
    bool *no_expiry;
    int64_t *tag_key, *tag_created_at, *tag_tie, *tag_seq;
    int32_t *tag_kind;
    size_t n, n_tags;
};

static bool columns_init(struct columns *c, struct arena *a, size_t rows, size_t tags)
{
    *c = (struct columns){
        .id = arena_alloc(a, rows * sizeof *c->id),
        .pubkey = arena_alloc(a, rows * sizeof *c->pubkey),
        .address = arena_alloc(a, rows * sizeof *c->address),
        .json = arena_alloc(a, rows * sizeof *c->json),
        .seq = arena_alloc(a, rows * sizeof *c->seq),
        .created_at = arena_alloc(a, rows * sizeof *c->created_at),
        .tie = arena_alloc(a, rows * sizeof *c->tie),
        .author = arena_alloc(a, rows * sizeof *c->author),
        .expires_at = arena_alloc(a, rows * sizeof *c->expires_at),
        .kind = arena_alloc(a, rows * sizeof *c->kind),
        .size = arena_alloc(a, rows * sizeof *c->size),
        .first = arena_alloc(a, rows * sizeof *c->first),
        .last = arena_alloc(a, rows * sizeof *c->last),
        .no_expiry = arena_alloc(a, rows * sizeof *c->no_expiry),
        .tag_key = arena_alloc(a, tags * sizeof *c->tag_key),
        .tag_created_at = arena_alloc(a, tags * sizeof *c->tag_created_at),
        .tag_tie = arena_alloc(a, tags * sizeof *c->tag_tie),
        .tag_seq = arena_alloc(a, tags * sizeof *c->tag_seq),
        .tag_kind = arena_alloc(a, tags * sizeof *c->tag_kind),
    };
    return c->id && c->pubkey && c->address && c->json && c->seq && c->created_at && c->tie &&
           c->author && c->expires_at && c->kind && c->size && c->first && c->last &&
           c->no_expiry && c->tag_key && c->tag_created_at && c->tag_tie && c->tag_seq &&
           c->tag_kind;
}

static int compare_keys(const void *a, const void *b)
{
    int64_t x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* The event's distinct tag keys at keys[]; their number. */
static size_t list_tag_keys(const struct event *ev, const struct siphash_key *secret, int64_t *keys)
{
    size_t n = 0, distinct = 0;

    for (uint32_t i = 0; i < ev->n_tags; i++) {
        if (tag_is_indexed(&ev->tag[i]))
            keys[n++] = index_tag_key(secret, ev->tag[i].item[0].ptr[0], ev->tag[i].item[1]);
    }
    if (n > 1)
        qsort(keys, n, sizeof *keys, compare_keys);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || keys[i] != keys[distinct - 1])
            keys[distinct++] = keys[i];
    }
    return distinct;
}

static void columns_add(struct columns *c, const struct new_event *ne,
                        const struct siphash_key *secret)
{
    const struct event *ev = ne->ev;
    size_t i = c->n++, first = c->n_tags;

    c->id[i] = bytes32(ev->id.b);
    c->pubkey[i] = bytes32(ev->pubkey.b);
    c->address[i] = ne->has_address ? bytes32(ne->address) : (struct slice){NULL, 0};
    c->json[i] = ne->json;
    c->seq[i] = (int64_t)ne->seq;
    c->created_at[i] = ev->created_at;
    c->tie[i] = index_tie(&ev->id);
    c->author[i] = index_author(&ev->pubkey);
    c->expires_at[i] = ev->expires_at;
    c->no_expiry[i] = !ev->has_expiration;
    c->kind[i] = ev->kind;
    c->size[i] = (int32_t)ne->json.len;
    c->n_tags += list_tag_keys(ev, secret, c->tag_key + first);
    c->first[i] = (int32_t)first + 1; /* SQL counts from 1; an empty slice has last < first */
    c->last[i] = (int32_t)c->n_tags;
    for (size_t k = first; k < c->n_tags; k++) {
        c->tag_created_at[k] = c->created_at[i];
        c->tag_tie[k] = c->tie[i];
        c->tag_seq[k] = c->seq[i];
        c->tag_kind[k] = c->kind[i];
    }
}

static void send_rows(struct trip *t, const struct columns *c)
{
    struct db_params p;

    db_params_init(&p);
    db_param_int8_array(&p, c->tag_key, NULL, c->n_tags);
    db_param_int8_array(&p, c->seq, NULL, c->n);
    db_param_int8_array(&p, c->created_at, NULL, c->n);
    db_param_int8_array(&p, c->tie, NULL, c->n);
    db_param_int8_array(&p, c->author, NULL, c->n);
    db_param_int4_array(&p, c->kind, c->n);
    db_param_int4_array(&p, c->size, c->n);
    db_param_int8_array(&p, c->expires_at, c->no_expiry, c->n);
    db_param_bytea_array(&p, c->id, c->n);
    db_param_bytea_array(&p, c->pubkey, c->n);
    db_param_bytea_array(&p, c->address, c->n);
    db_param_int4_array(&p, c->first, c->n);
    db_param_int4_array(&p, c->last, c->n);
    db_param_text_array(&p, c->json, c->n);
    trip_add(t, INSERT, &p);
    if (c->n_tags == 0)
        return;
    db_params_init(&p);
    db_param_int8_array(&p, c->tag_key, NULL, c->n_tags);
    db_param_int8_array(&p, c->tag_created_at, NULL, c->n_tags);
    db_param_int8_array(&p, c->tag_tie, NULL, c->n_tags);
    db_param_int8_array(&p, c->tag_seq, NULL, c->n_tags);
    db_param_int4_array(&p, c->tag_kind, c->n_tags);
    trip_add(t, INSERT_TAGS, &p);
}

void write_send_inserts(struct arena *a, struct trip *t, struct new_event *const *ne, size_t n,
                        size_t n_inserts, uint64_t head, const struct siphash_key *tag_secret)
{
    struct columns c;
    struct db_params p;
    size_t tags = 0;

    if (n_inserts == 0 || t->err)
        return;
    for (size_t i = 0; i < n; i++)
        tags += ne[i]->insert ? ne[i]->ev->n_tags : 0;
    if (!columns_init(&c, a, n_inserts, tags)) {
        t->err = ERR_NOMEM;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (!ne[i]->insert)
            continue;
        ne[i]->seq = ++head;
        columns_add(&c, ne[i], tag_secret);
    }
    send_rows(t, &c);
    db_params_init(&p);
    db_param_int8(&p, (int64_t)head);
    trip_add(t, SET_HEAD, &p);
}
