#include "live/ring.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/hex.h"
#include "nostr/canonical.h"
#include "nostr/kind.h"

enum { SMALLEST_ROOM = 64 };

void ring_init(struct ring *r, size_t max_entries, size_t max_bytes)
{
    *r = (struct ring){.max_entries = max_entries, .max_bytes = max_bytes};
}

void ring_deinit(struct ring *r)
{
    ring_trim(r, r->next);
    free(r->entry);
    *r = (struct ring){0};
}

static struct ring_entry *at(const struct ring *r, uint64_t position)
{
    assert(position >= r->first && position < r->next);
    return &r->entry[position & (r->room - 1)];
}

const struct ring_entry *ring_at(const struct ring *r, uint64_t position)
{
    return at(r, position);
}

/* The text of an entry that has not been removed: its body without the bracket. */
static struct slice entry_json(const struct ring_entry *e)
{
    return slice_of(e->body->bytes, e->body->len - 1);
}

static void remove_body(struct ring *r, struct ring_entry *e)
{
    if (!e->body)
        return;
    r->bytes -= e->body->len;
    refbuf_unref(e->body);
    e->body = NULL;
}

void ring_trim(struct ring *r, uint64_t position)
{
    if (position > r->next)
        position = r->next;
    for (; r->first < position; r->first++)
        remove_body(r, at(r, r->first));
}

static bool grow(struct ring *r)
{
    size_t room = r->room ? r->room * 2 : SMALLEST_ROOM;
    struct ring_entry *grown = calloc(room, sizeof *grown);

    if (!grown)
        return false;
    for (uint64_t p = r->first; p < r->next; p++)
        grown[p & (room - 1)] = *at(r, p);
    free(r->entry);
    r->entry = grown;
    r->room = room;
    return true;
}

static uint64_t author_key(const struct pubkey *pk)
{
    uint64_t key;

    memcpy(&key, pk->b, sizeof key);
    return key;
}

void ring_push(struct ring *r, uint64_t seq, const struct event *ev, struct refbuf *body)
{
    while (r->first < r->next &&
           (r->next - r->first >= r->max_entries || r->bytes + body->len > r->max_bytes))
        ring_trim(r, r->first + 1);
    if (r->next - r->first == r->room && !grow(r)) {
        ring_trim(r, r->next);
        if (r->room == 0) {
            r->first = ++r->next;
            return;
        }
    }
    r->next++;
    *at(r, r->next - 1) = (struct ring_entry){.body = refbuf_ref(body),
                                              .seq = seq,
                                              .author = author_key(&ev->pubkey),
                                              .created_at = ev->created_at,
                                              .kind = ev->kind};
    r->bytes += body->len;
}

/* ---- deletions ---- */

static struct slice pubkey_hex(const struct pubkey *pk, char out[64])
{
    hex_encode(pk->b, sizeof pk->b, out);
    return slice_of(out, 64);
}

static bool is_by(const struct ring_entry *e, const struct event *ev, struct slice author_hex)
{
    return e->author == author_key(&ev->pubkey) &&
           slice_eq(canonical_pubkey(entry_json(e)), author_hex);
}

static bool is_wrap_for(const struct ring_entry *e, struct slice hex)
{
    return e->kind == KIND_GIFT_WRAP && canonical_has_tag(entry_json(e), 'p', hex);
}

/* NIP-62: everything by the author up to the request, and the gift wraps addressed to them. */
static void apply_vanish(struct ring *r, const struct event *ev, struct slice hex)
{
    int64_t wraps_up_to = vanish_is_fresh(ev, clock_unix()) ? INT64_MAX : ev->created_at;

    for (uint64_t p = r->first; p < r->next; p++) {
        struct ring_entry *e = at(r, p);

        if (!e->body || e->kind == KIND_VANISH)
            continue;
        if ((e->created_at <= ev->created_at && is_by(e, ev, hex)) ||
            (e->created_at <= wraps_up_to && is_wrap_for(e, hex)))
            remove_body(r, e);
    }
}

/* What a deletion names: sorted 32-byte keys, ids and addresses. */
struct delete_targets {
    struct event_id *id, *address;
    size_t n_ids, n_addresses;
};

static int compare_keys(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct event_id));
}

static bool has_key(const struct event_id *keys, size_t n, const struct event_id *key)
{
    return n > 0 && bsearch(key, keys, n, sizeof *keys, compare_keys) != NULL;
}

/* Reads "kind:pubkey:d" into the address hash; false when malformed, of another author or not of a
 * replaced kind. */
static bool read_address(struct slice value, struct slice author_hex, const struct pubkey *author,
                         struct event_id *out)
{
    int kind = 0;
    size_t i = 0;

    for (; i < value.len && value.ptr[i] >= '0' && value.ptr[i] <= '9' && kind <= KIND_MAX; i++)
        kind = kind * 10 + (value.ptr[i] - '0');
    if (i == 0 || kind > KIND_MAX || value.len < i + 65 || value.ptr[i] != ':' ||
        !slice_eq(slice_of(value.ptr + i + 1, 64), author_hex))
        return false;
    i += 65;
    if (i < value.len && value.ptr[i++] != ':')
        return false;
    if (kind_class(kind) == KIND_REPLACEABLE)
        i = value.len;
    else if (kind_class(kind) != KIND_ADDRESSABLE)
        return false;
    event_address(kind, author, slice_of(value.ptr + i, value.len - i), out->b);
    return true;
}

static void read_targets(const struct event *ev, struct slice author_hex, struct delete_targets *t)
{
    for (uint32_t i = 0; i < ev->n_tags; i++) {
        const struct tag *tag = &ev->tag[i];

        if (!tag_is_indexed(tag))
            continue;
        if (slice_eq(tag->item[0], SLICE("e")) &&
            hex_decode(tag->item[1], t->id[t->n_ids].b, sizeof t->id->b))
            t->n_ids++;
        else if (slice_eq(tag->item[0], SLICE("a")) &&
                 read_address(tag->item[1], author_hex, &ev->pubkey, &t->address[t->n_addresses]))
            t->n_addresses++;
    }
    qsort(t->id, t->n_ids, sizeof *t->id, compare_keys);
    qsort(t->address, t->n_addresses, sizeof *t->address, compare_keys);
}

static bool names_id(const struct delete_targets *t, const struct ring_entry *e)
{
    struct event_id id;

    return hex_decode(canonical_id(entry_json(e)), id.b, sizeof id.b) &&
           has_key(t->id, t->n_ids, &id);
}

static bool names_address(const struct delete_targets *t, const struct ring_entry *e)
{
    enum kind_class class = kind_class(e->kind);
    struct event_id address;
    struct arena arena;
    struct event ev;
    bool found = false;

    if (t->n_addresses == 0 || (class != KIND_REPLACEABLE && class != KIND_ADDRESSABLE))
        return false;
    arena_init(&arena, 64 * MIB);
    if (event_parse_stored(entry_json(e), &arena, &ev)) {
        struct slice d = class == KIND_ADDRESSABLE ? event_d_value(&ev) : SLICE("");

        event_address(ev.kind, &ev.pubkey, d, address.b);
        found = has_key(t->address, t->n_addresses, &address);
    }
    arena_deinit(&arena);
    return found;
}

/* NIP-09: events of the same author by id, versions up to the deletion by address; gift wraps also
 * by their recipient (NIP-59). */
static void apply_delete(struct ring *r, const struct event *ev, struct slice hex)
{
    struct delete_targets t = {.id = calloc(ev->n_tags + 1u, sizeof *t.id),
                               .address = calloc(ev->n_tags + 1u, sizeof *t.address)};

    if (!t.id || !t.address) {
        ring_trim(r, r->next); /* rather lost, and queried again, than shown */
        goto out;
    }
    read_targets(ev, hex, &t);
    for (uint64_t p = r->first; p < r->next && t.n_ids + t.n_addresses > 0; p++) {
        struct ring_entry *e = at(r, p);

        if (!e->body || e->kind == KIND_DELETION || e->kind == KIND_VANISH)
            continue;
        if (is_by(e, ev, hex)) {
            if (names_id(&t, e) || (e->created_at <= ev->created_at && names_address(&t, e)))
                remove_body(r, e);
        } else if (e->kind == KIND_GIFT_WRAP && names_id(&t, e) && is_wrap_for(e, hex)) {
            remove_body(r, e);
        }
    }
out:
    free(t.id);
    free(t.address);
}

void ring_apply_deletion(struct ring *r, const struct event *ev)
{
    char hex[64];

    if (ev->kind == KIND_VANISH)
        apply_vanish(r, ev, pubkey_hex(&ev->pubkey, hex));
    else if (ev->kind == KIND_DELETION)
        apply_delete(r, ev, pubkey_hex(&ev->pubkey, hex));
}

void ring_remove_hidden(struct ring *r, const struct control_state *control)
{
    for (uint64_t p = r->first; p < r->next; p++) {
        struct ring_entry *e = at(r, p);

        if (e->body && control_hides_json(control, entry_json(e)))
            remove_body(r, e);
    }
}
