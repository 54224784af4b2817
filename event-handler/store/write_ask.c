/*
 * What is stored is asked before what is forbidden: others delete rows too (erase.h, retention.h),
 * and write the prohibition in the same transaction or an earlier one. Whoever finds the row gone
 * must find the prohibition.
 */
#include "store/write_steps.h"

#include <string.h>

#include "nostr/kind.h"

static struct slice bytes32(const uint8_t *b)
{
    return slice_of((const char *)b, 32);
}

static size_t count_recipients(struct new_event *const *ne, size_t n)
{
    size_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        if (ne[i]->ev->kind == KIND_GIFT_WRAP)
            sum += ne[i]->ev->n_tags;
    }
    return sum;
}

/* Asks for rows by 32-byte keys, if there are any. */
static void ask_by_keys(struct trip *t, enum statement s, const struct slice *keys, size_t n)
{
    struct db_params p;

    if (n == 0)
        return;
    db_params_init(&p);
    db_param_bytea_array(&p, keys, n);
    trip_add(t, s, &p);
}

/* Everybody whose vanishing would forbid an event: authors, and recipients of gift wraps. */
static size_t list_pubkeys(struct new_event *const *ne, size_t n, struct pubkey *recipient,
                           struct slice *keys)
{
    size_t n_keys = 0;

    for (size_t i = 0; i < n; i++) {
        const struct event *ev = ne[i]->ev;

        keys[n_keys++] = bytes32(ev->pubkey.b);
        if (ev->kind != KIND_GIFT_WRAP)
            continue;
        for (uint32_t at = 0; event_next_recipient(ev, &at, recipient); recipient++)
            keys[n_keys++] = bytes32(recipient->b);
    }
    return n_keys;
}

enum err write_ask(struct db *db, struct arena *a, struct new_event *const *ne, size_t n,
                   struct trip *t)
{
    size_t n_recipients = count_recipients(ne, n), n_ids = 0, n_addresses = 0;
    struct slice *ids = arena_alloc(a, n * sizeof *ids);
    struct slice *all_ids = arena_alloc(a, n * sizeof *all_ids);
    struct slice *addresses = arena_alloc(a, n * sizeof *addresses);
    struct slice *keys = arena_alloc(a, (n + n_recipients) * sizeof *keys);
    struct pubkey *recipients = arena_alloc(a, (n_recipients + 1) * sizeof *recipients);

    if (!ids || !all_ids || !addresses || !keys || !recipients)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        all_ids[i] = bytes32(ne[i]->ev->id.b);
        if (ne[i]->has_address)
            addresses[n_addresses++] = bytes32(ne[i]->address);
        else
            ids[n_ids++] = all_ids[i];
    }
    trip_begin(t, db);
    trip_add(t, BEGIN, NULL);
    trip_add(t, HEAD, NULL);
    ask_by_keys(t, STORED, ids, n_ids);
    ask_by_keys(t, HOLDERS, addresses, n_addresses);
    ask_by_keys(t, TOMBSTONES, all_ids, n);
    ask_by_keys(t, FLOORS, addresses, n_addresses);
    ask_by_keys(t, VANISHED, keys, list_pubkeys(ne, n, recipients, keys));
    return trip_finish(t);
}

static void get32(const PGresult *r, int row, int col, uint8_t out[32])
{
    assert(PQgetlength(r, row, col) == 32);
    memcpy(out, PQgetvalue(r, row, col), 32);
}

static void *rows_memory(struct arena *a, const struct trip *t, enum statement s, size_t size)
{
    return arena_calloc(a, (size_t)trip_rows(t, s), size);
}

bool write_read_known(struct arena *a, const struct trip *t, struct write_known *k)
{
    struct event_id *stored = rows_memory(a, t, STORED, sizeof *stored);
    struct holder *holder = rows_memory(a, t, HOLDERS, sizeof *holder);
    struct tombstone *tombstone = rows_memory(a, t, TOMBSTONES, sizeof *tombstone);
    struct floor *floor = rows_memory(a, t, FLOORS, sizeof *floor);
    struct vanish *vanish = rows_memory(a, t, VANISHED, sizeof *vanish);
    const PGresult *r;

    if (!stored || !holder || !tombstone || !floor || !vanish)
        return false;
    *k = (struct write_known){stored, holder, tombstone, floor, vanish, 0, 0, 0, 0, 0};
    r = trip_result(t, STORED);
    for (int i = 0; i < trip_rows(t, STORED); i++)
        get32(r, i, 0, stored[k->n_stored++].b);
    r = trip_result(t, HOLDERS);
    for (int i = 0; i < trip_rows(t, HOLDERS); i++) {
        struct holder *h = &holder[k->n_holders++];

        get32(r, i, 0, h->address);
        get32(r, i, 1, h->id.b);
        get32(r, i, 2, h->pubkey.b);
        h->created_at = db_get_int8(r, i, 3);
        h->seq = (uint64_t)db_get_int8(r, i, 4);
    }
    r = trip_result(t, TOMBSTONES);
    for (int i = 0; i < trip_rows(t, TOMBSTONES); i++) {
        get32(r, i, 0, tombstone[k->n_tombstones].id.b);
        get32(r, i, 1, tombstone[k->n_tombstones++].deleter.b);
    }
    r = trip_result(t, FLOORS);
    for (int i = 0; i < trip_rows(t, FLOORS); i++) {
        struct floor *f = &floor[k->n_floors++];

        get32(r, i, 0, f->address);
        f->up_to = db_get_int8(r, i, 1);
        f->by_author = db_get_bool(r, i, 2);
    }
    r = trip_result(t, VANISHED);
    for (int i = 0; i < trip_rows(t, VANISHED); i++) {
        get32(r, i, 0, vanish[k->n_vanish].pubkey.b);
        vanish[k->n_vanish++].up_to = db_get_int8(r, i, 1);
    }
    return true;
}
