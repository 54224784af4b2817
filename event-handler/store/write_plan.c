/*
 * One pass in order gives the verdicts, with four tables that start as the database's state and
 * follow the batch:
 *
 *   ids       events that are stored, or accepted earlier in the batch
 *   tombs     (id, deleter)
 *   addresses who holds the address now, and its floor
 *   vanished  pubkey -> up to when
 *
 * A second pass finds which accepted events are still there at the end. It needs no history: an
 * accepted event that a tombstone, a floor or a vanishing forbids can only have been accepted
 * before that came.
 */
#include "store/write_plan.h"

#include <string.h>

#include "base/hex.h"
#include "nostr/kind.h"
#include "store/keymap.h"

enum { IN_DATABASE = -1, NOBODY = -2 }; /* or the holder's number in the batch */

struct address_state {
    int32_t holder;
    struct event_id holder_id;
    struct pubkey author;
    int64_t holder_created_at;
    uint64_t stored_seq; /* of the version in the database, 0 for none */
    bool keep_stored;    /* it was replaced by one that keeps versions */
    bool has_floor, floor_by_author;
    int64_t floor;
};

struct vanish_state {
    int64_t up_to, wraps_up_to;
    bool requested;       /* in the batch */
    int32_t last_request; /* that takes all wraps: its number in the batch, or -1 */
};

struct planner {
    struct new_event *const *ne;
    size_t n;
    struct keymap ids, tombs, addresses, vanished;
    int32_t *id_address; /* by id number: which address it holds or held, or KEYMAP_NONE */
    int32_t *id_event;   /* by id number: the event's number in the batch, or IN_DATABASE */
    struct address_state *address;
    struct vanish_state *vanish;
    struct write_plan *plan;
};

/* ---- targets ---- */

bool event_next_recipient(const struct event *ev, uint32_t *at, struct pubkey *out)
{
    while (*at < ev->n_tags) {
        const struct tag *t = &ev->tag[(*at)++];

        if (t->n >= 2 && slice_eq(t->item[0], SLICE("p")) &&
            hex_decode(t->item[1], out->b, sizeof out->b))
            return true;
    }
    return false;
}

bool deletion_names_event(const struct tag *t, struct event_id *id)
{
    return t->n >= 2 && slice_eq(t->item[0], SLICE("e")) &&
           hex_decode(t->item[1], id->b, sizeof id->b);
}

/* A kind number as text: digits without sign or leading zero. */
static bool parse_kind(struct slice s, int *kind)
{
    *kind = 0;
    if (s.len == 0 || s.len > 5 || (s.len > 1 && s.ptr[0] == '0'))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        *kind = *kind * 10 + (s.ptr[i] - '0');
    }
    return *kind <= KIND_MAX;
}

/* Takes the text before the next colon off *rest; the whole of it when there is none. */
static struct slice take_part(struct slice *rest)
{
    const char *colon = rest->len ? memchr(rest->ptr, ':', rest->len) : NULL;
    size_t len = colon ? (size_t)(colon - rest->ptr) : rest->len;
    struct slice part = slice_of(rest->ptr, len);
    size_t used = colon ? len + 1 : len;

    *rest = slice_of(rest->ptr + used, rest->len - used);
    return part;
}

bool deletion_names_address(const struct event *deletion, const struct tag *t, uint8_t address[32])
{
    struct slice rest; /* kind:pubkey:d, where d may hold colons and a replaceable's last colon may
                          be missing */
    struct pubkey pk;
    int kind;

    if (t->n < 2 || !slice_eq(t->item[0], SLICE("a")))
        return false;
    rest = t->item[1];
    if (!parse_kind(take_part(&rest), &kind) || !hex_decode(take_part(&rest), pk.b, sizeof pk.b) ||
        !pubkey_eq(&pk, &deletion->pubkey))
        return false;
    if (kind_class(kind) == KIND_REPLACEABLE)
        rest = SLICE("");
    else if (kind_class(kind) != KIND_ADDRESSABLE)
        return false;
    event_address(kind, &pk, rest, address);
    return true;
}

void new_event_init(struct new_event *ne, const struct event *ev, struct slice json)
{
    enum kind_class class = kind_class(ev->kind);

    *ne = (struct new_event){.ev = ev, .json = json};
    ne->has_address = class == KIND_REPLACEABLE || class == KIND_ADDRESSABLE;
    if (ne->has_address)
        event_address(ev->kind, &ev->pubkey,
                      class == KIND_ADDRESSABLE ? event_d_value(ev) : SLICE(""), ne->address);
}

struct vanish vanish_of_request(const struct new_event *ne)
{
    return (struct vanish){.pubkey = ne->ev->pubkey,
                           .up_to = ne->ev->created_at,
                           .wraps_up_to = ne->takes_all_wraps ? INT64_MAX : ne->ev->created_at};
}

/* ---- tables ---- */

static bool is_tombed(const struct planner *p, const struct event_id *id,
                      const struct pubkey *deleter)
{
    struct tombstone t = {*id, *deleter};

    return keymap_find(&p->tombs, &t) != KEYMAP_NONE;
}

static const struct vanish_state *find_vanish(const struct planner *p, const struct pubkey *pk)
{
    int32_t at = keymap_find(&p->vanished, pk->b);

    return at == KEYMAP_NONE ? NULL : &p->vanish[at];
}

static struct vanish_state *vanish_of(struct planner *p, const struct pubkey *pk)
{
    size_t known = p->vanished.n;
    int32_t at = keymap_add(&p->vanished, pk->b);

    if (p->vanished.n > known)
        p->vanish[at] =
            (struct vanish_state){.up_to = INT64_MIN, .wraps_up_to = INT64_MIN, .last_request = -1};
    return &p->vanish[at];
}

static struct address_state *address_of(struct planner *p, const uint8_t address[32])
{
    size_t known = p->addresses.n;
    int32_t at = keymap_add(&p->addresses, address);

    if (p->addresses.n > known)
        p->address[at] = (struct address_state){.holder = NOBODY};
    return &p->address[at];
}

static void remember_id(struct planner *p, const struct event_id *id, int32_t address,
                        int32_t number)
{
    int32_t at = keymap_add(&p->ids, id->b);

    p->id_address[at] = address;
    p->id_event[at] = number;
}

static void raise_floor(struct address_state *a, int64_t up_to, bool by_author)
{
    if (!a->has_floor || up_to >= a->floor) {
        a->floor_by_author = by_author;
        a->floor = up_to;
    }
    a->has_floor = true;
    if (a->holder != NOBODY && a->holder_created_at <= a->floor)
        a->holder = NOBODY;
}

/* How many deletion targets and vanishing keys the batch may add. */
static void count_targets(const struct planner *p, size_t *targets, size_t *requests)
{
    *targets = *requests = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct event *ev = p->ne[i]->ev;

        if (ev->kind == KIND_DELETION)
            *targets += ev->n_tags;
        else if (ev->kind == KIND_VANISH)
            *requests += 1;
    }
}

static bool make_tables(struct planner *p, const struct write_known *known, struct arena *arena)
{
    size_t targets, requests;
    size_t max_ids = p->n + known->n_stored + known->n_holders;
    size_t max_addresses = p->n + known->n_holders + known->n_floors;

    count_targets(p, &targets, &requests);
    p->id_address = arena_alloc(arena, max_ids * sizeof *p->id_address);
    p->id_event = arena_alloc(arena, max_ids * sizeof *p->id_event);
    p->address = arena_alloc(arena, max_addresses * sizeof *p->address);
    p->vanish = arena_alloc(arena, (known->n_vanish + requests) * sizeof *p->vanish);
    p->plan->replaced = arena_alloc(arena, (known->n_holders + 1) * sizeof *p->plan->replaced);
    p->plan->kept = arena_alloc(arena, (known->n_holders + 1) * sizeof *p->plan->kept);
    p->plan->superseded = arena_alloc(arena, p->n * sizeof *p->plan->superseded);
    p->plan->tombstone = arena_alloc(arena, targets * sizeof *p->plan->tombstone);
    p->plan->floor = arena_alloc(arena, targets * sizeof *p->plan->floor);
    p->plan->vanish = arena_alloc(arena, requests * sizeof *p->plan->vanish);
    return p->id_address && p->id_event && p->address && p->vanish && p->plan->replaced &&
           p->plan->kept && p->plan->superseded && p->plan->tombstone && p->plan->floor &&
           p->plan->vanish && keymap_init(&p->ids, arena, sizeof(struct event_id), max_ids) &&
           keymap_init(&p->tombs, arena, sizeof(struct tombstone), known->n_tombstones + targets) &&
           keymap_init(&p->addresses, arena, 32, max_addresses) &&
           keymap_init(&p->vanished, arena, sizeof(struct pubkey), known->n_vanish + requests);
}

static void load_known(struct planner *p, const struct write_known *k)
{
    for (size_t i = 0; i < p->n;
         i++) { /* all at once: a deletion may come before the version it names */
        if (p->ne[i]->has_address)
            address_of(p, p->ne[i]->address);
    }
    for (size_t i = 0; i < k->n_stored; i++)
        remember_id(p, &k->stored[i], KEYMAP_NONE, IN_DATABASE);
    for (size_t i = 0; i < k->n_holders; i++) {
        const struct holder *h = &k->holder[i];
        struct address_state *a = address_of(p, h->address);

        a->holder = IN_DATABASE;
        a->holder_id = h->id;
        a->author = h->pubkey;
        a->holder_created_at = h->created_at;
        a->stored_seq = h->seq;
        remember_id(p, &h->id, keymap_find(&p->addresses, h->address), IN_DATABASE);
    }
    for (size_t i = 0; i < k->n_tombstones; i++)
        keymap_add(&p->tombs, &k->tombstone[i]);
    for (size_t i = 0; i < k->n_floors; i++)
        raise_floor(address_of(p, k->floor[i].address), k->floor[i].up_to, k->floor[i].by_author);
    for (size_t i = 0; i < k->n_vanish; i++)
        vanish_of(p, &k->vanish[i].pubkey)->up_to = k->vanish[i].up_to;
}

/* ---- verdicts ---- */

/* Requests to delete and to vanish stay whatever others say about them. */
static bool is_deletable(const struct event *ev)
{
    return ev->kind != KIND_DELETION && ev->kind != KIND_VANISH;
}

static bool has_vanished(const struct planner *p, const struct event *ev)
{
    const struct vanish_state *v = find_vanish(p, &ev->pubkey);
    struct pubkey recipient;

    if (ev->kind == KIND_VANISH)
        return false;
    if (v && ev->created_at <= v->up_to)
        return true;
    if (ev->kind != KIND_GIFT_WRAP)
        return false;
    for (uint32_t at = 0; event_next_recipient(ev, &at, &recipient);) {
        v = find_vanish(p, &recipient);
        if (v && ev->created_at <= v->up_to)
            return true;
    }
    return false;
}

static bool is_deleted(const struct planner *p, const struct event *ev)
{
    struct pubkey recipient;

    if (p->tombs.n == 0 || !is_deletable(ev))
        return false;
    if (is_tombed(p, &ev->id, &ev->pubkey))
        return true;
    if (ev->kind != KIND_GIFT_WRAP)
        return false;
    for (uint32_t at = 0; event_next_recipient(ev, &at, &recipient);) {
        if (is_tombed(p, &ev->id, &recipient))
            return true;
    }
    return false;
}

static bool is_newer(int64_t created_at, const struct event_id *id,
                     const struct address_state *than)
{
    if (created_at != than->holder_created_at)
        return created_at > than->holder_created_at;
    return memcmp(id->b, than->holder_id.b, sizeof id->b) < 0; /* a tie goes to the lowest id */
}

static enum verdict refuse(struct new_event *ne, enum verdict v, const char *message)
{
    ne->message = message;
    return v;
}

static enum verdict judge_version(struct new_event *ne, const struct address_state *a)
{
    if (a->holder != NOBODY && event_id_eq(&a->holder_id, &ne->ev->id))
        return refuse(ne, VERDICT_DUPLICATE, "already have this event");
    if (a->has_floor && ne->ev->created_at <= a->floor)
        return a->floor_by_author ? refuse(ne, VERDICT_BLOCKED, "deleted by its author")
                                  : refuse(ne, VERDICT_STALE, "a newer version is stored");
    if (a->holder != NOBODY && !is_newer(ne->ev->created_at, &ne->ev->id, a))
        return refuse(ne, VERDICT_STALE, "a newer version is stored");
    return VERDICT_ACCEPTED;
}

/* All gift wraps to a key that asks to vanish just now go, whatever their date. */
static bool is_wrap_to_vanished(const struct planner *p, const struct event *ev, int32_t number)
{
    struct pubkey recipient;

    if (ev->kind != KIND_GIFT_WRAP || p->vanished.n == 0)
        return false;
    for (uint32_t at = 0; event_next_recipient(ev, &at, &recipient);) {
        const struct vanish_state *v = find_vanish(p, &recipient);

        if (v && v->last_request > number)
            return true;
    }
    return false;
}

/* Stored, or accepted earlier in the batch; and not erased since. */
static bool is_known(const struct planner *p, const struct event *ev)
{
    int32_t at = keymap_find(&p->ids, ev->id.b);

    return at != KEYMAP_NONE && !is_wrap_to_vanished(p, ev, p->id_event[at]);
}

static enum verdict judge(struct planner *p, struct new_event *ne)
{
    ne->message = "";
    if (has_vanished(p, ne->ev))
        return refuse(ne, VERDICT_BLOCKED, "the author asked to vanish");
    if (is_deleted(p, ne->ev))
        return refuse(ne, VERDICT_BLOCKED, "deleted by its author");
    if (ne->has_address)
        return judge_version(ne, address_of(p, ne->address));
    if (is_known(p, ne->ev))
        return refuse(ne, VERDICT_DUPLICATE, "already have this event");
    return VERDICT_ACCEPTED;
}

/* ---- effects ---- */

static void add_floor(struct write_plan *plan, const uint8_t address[32], int64_t up_to)
{
    struct floor *f = &plan->floor[plan->n_floors++];

    *f = (struct floor){.up_to = up_to, .by_author = true};
    memcpy(f->address, address, sizeof f->address);
}

/* A version that its author deletes by id takes all older ones with it: none of them may come back.
 */
static void floor_under(struct planner *p, const struct event_id *id, const struct pubkey *deleter)
{
    int32_t at = keymap_find(&p->ids, id->b);
    struct address_state *a;

    if (at == KEYMAP_NONE || p->id_address[at] == KEYMAP_NONE)
        return;
    a = &p->address[p->id_address[at]];
    if (a->holder == NOBODY || !event_id_eq(&a->holder_id, id) || !pubkey_eq(&a->author, deleter))
        return;
    add_floor(p->plan, p->addresses.key[p->id_address[at]], a->holder_created_at);
    raise_floor(a, a->holder_created_at, true);
}

static void apply_deletion(struct planner *p, const struct event *ev)
{
    struct write_plan *plan = p->plan;

    for (uint32_t i = 0; i < ev->n_tags; i++) {
        struct tombstone *tomb = &plan->tombstone[plan->n_tombstones];
        uint8_t address[32];

        if (deletion_names_event(&ev->tag[i], &tomb->id)) {
            tomb->deleter = ev->pubkey;
            plan->n_tombstones++;
            keymap_add(&p->tombs, tomb);
            floor_under(p, &tomb->id, &ev->pubkey);
        } else if (deletion_names_address(ev, &ev->tag[i], address)) {
            int32_t at = keymap_find(&p->addresses, address);

            add_floor(plan, address, ev->created_at);
            if (at != KEYMAP_NONE)
                raise_floor(&p->address[at], ev->created_at, true);
        }
    }
}

static void apply_vanish(struct planner *p, const struct new_event *ne, int32_t number)
{
    struct vanish_state *v = vanish_of(p, &ne->ev->pubkey);
    struct vanish asked = vanish_of_request(ne);

    if (asked.up_to > v->up_to)
        v->up_to = asked.up_to;
    if (asked.wraps_up_to > v->wraps_up_to)
        v->wraps_up_to = asked.wraps_up_to;
    if (ne->takes_all_wraps)
        v->last_request = number;
    v->requested = true;
}

static void apply(struct planner *p, int32_t number)
{
    const struct new_event *ne = p->ne[number];

    if (ne->has_address) {
        struct address_state *a = address_of(p, ne->address);

        if (a->holder == IN_DATABASE)
            a->keep_stored = ne->keeps_versions;
        a->holder = number;
        a->holder_id = ne->ev->id;
        a->author = ne->ev->pubkey;
        a->holder_created_at = ne->ev->created_at;
        remember_id(p, &ne->ev->id, keymap_find(&p->addresses, ne->address), number);
    } else {
        remember_id(p, &ne->ev->id, KEYMAP_NONE, number);
    }
    if (ne->ev->kind == KIND_DELETION)
        apply_deletion(p, ne->ev);
    else if (ne->ev->kind == KIND_VANISH)
        apply_vanish(p, ne, number);
}

/* ---- what is left ---- */

/* A version that another one of the batch has replaced, and that nobody wants gone. Expiring ones
 * are not kept: nobody would remember to let them go. */
static bool is_superseded(struct planner *p, const struct new_event *ne)
{
    const struct address_state *a;

    if (!ne->has_address || !ne->keeps_versions || ne->ev->has_expiration ||
        ne->verdict != VERDICT_ACCEPTED || ne->insert)
        return false;
    a = address_of(p, ne->address);
    return !has_vanished(p, ne->ev) && !is_deleted(p, ne->ev) &&
           !(a->has_floor && ne->ev->created_at <= a->floor);
}

static bool is_left(struct planner *p, int32_t number)
{
    const struct new_event *ne = p->ne[number];

    if (ne->has_address && address_of(p, ne->address)->holder != number)
        return false;
    return !has_vanished(p, ne->ev) && !is_deleted(p, ne->ev) &&
           !is_wrap_to_vanished(p, ne->ev, number);
}

static void finish_plan(struct planner *p)
{
    struct write_plan *plan = p->plan;

    for (size_t i = 0; i < p->n; i++) {
        p->ne[i]->insert = p->ne[i]->verdict == VERDICT_ACCEPTED && is_left(p, (int32_t)i);
        plan->n_inserts += p->ne[i]->insert;
        if (is_superseded(p, p->ne[i]))
            plan->superseded[plan->n_superseded++] = p->ne[i];
    }
    for (size_t i = 0; i < p->addresses.n; i++) {
        const struct address_state *a = &p->address[i];

        if (!a->stored_seq || a->holder == IN_DATABASE)
            continue;
        plan->replaced[plan->n_replaced++] = a->stored_seq;
        if (a->keep_stored)
            plan->kept[plan->n_kept++] = a->stored_seq;
    }
    for (size_t i = 0; i < p->vanished.n; i++) {
        struct vanish *v = &plan->vanish[plan->n_vanish];

        if (!p->vanish[i].requested)
            continue;
        memcpy(v->pubkey.b, p->vanished.key[i], sizeof(struct pubkey));
        v->up_to = p->vanish[i].up_to;
        v->wraps_up_to = p->vanish[i].wraps_up_to;
        plan->n_vanish++;
    }
}

bool write_plan_make(struct new_event *const *ne, size_t n, const struct write_known *known,
                     struct arena *arena, struct write_plan *plan)
{
    struct planner p = {.ne = ne, .n = n, .plan = plan};

    *plan = (struct write_plan){0};
    if (!make_tables(&p, known, arena))
        return false;
    load_known(&p, known);
    for (size_t i = 0; i < n; i++) {
        ne[i]->verdict = judge(&p, ne[i]);
        if (ne[i]->verdict == VERDICT_ACCEPTED)
            apply(&p, (int32_t)i);
    }
    finish_plan(&p);
    return true;
}
