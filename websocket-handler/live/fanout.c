#include "live/fanout.h"

#include <stdlib.h>

#include "base/clock.h"
#include "conn/conn.h"
#include "metrics.h"
#include "nostr/kind.h"

/* An event on its way. body is made for the first recipient and shared by all. */
struct live_event {
    struct event ev;
    uint64_t seq;
    struct slice json;
    struct refbuf *body;
};

struct fanout *fanout_new(size_t ring_entries, size_t ring_bytes)
{
    struct fanout *f = calloc(1, sizeof *f);

    if (!f)
        return NULL;
    f->index = sub_index_new();
    if (!f->index) {
        free(f);
        return NULL;
    }
    ring_init(&f->ring, ring_entries, ring_bytes);
    list_init(&f->reading);
    arena_init(&f->arena, 64 * MIB);
    f->control = &control_nothing;
    f->hash_key = siphash_random_key();
    return f;
}

void fanout_free(struct fanout *f)
{
    if (!f)
        return;
    sub_index_free(f->index);
    ring_deinit(&f->ring);
    arena_deinit(&f->arena);
    free(f);
}

/* ---- one recipient ---- */

static bool parse(struct fanout *f, struct slice json, struct event *ev)
{
    arena_reset(&f->arena);
    return event_parse_stored(json, &f->arena, ev);
}

static struct refbuf *body_of(struct live_event *e)
{
    if (!e->body) {
        struct buf text;

        buf_init(&text, UINT32_MAX);
        buf_add_slice(&text, e->json);
        buf_add_char(&text, ']');
        if (!text.failed)
            e->body = refbuf_new(buf_slice(&text));
        buf_deinit(&text);
    }
    return e->body;
}

/* May s, whose filters match, be sent e? */
static bool may_see(const struct subscriber *s, const struct live_event *e)
{
    if (e->seq != 0 && e->seq <= s->snapshot)
        return false;
    return !kind_is_private(e->ev.kind) || event_readable(&e->ev, s->readers->key, s->readers->n);
}

/* False when the connection has ended. */
static bool send_to(const struct subscriber *s, struct refbuf *body)
{
    return conn_send_shared(s->conn, slice_of(s->prefix, s->prefix_len), body);
}

/* ---- one event ---- */

/* True when this id has not been seen lately. */
static bool is_new_ephemeral(struct fanout *f, const struct event_id *id)
{
    uint64_t key = siphash(&f->hash_key, id->b, sizeof id->b);
    uint64_t *seen = &f->ephemeral[key & (EPHEMERAL_MEMORY - 1)];

    if (*seen == key)
        return false;
    *seen = key;
    return true;
}

static void keep_in_ring(struct fanout *f, struct live_event *e)
{
    if (list_empty(&f->reading))
        return;
    if (e->ev.kind == KIND_DELETION || e->ev.kind == KIND_VANISH)
        ring_apply_deletion(&f->ring, &e->ev);
    if (body_of(e))
        ring_push(&f->ring, e->seq, &e->ev, e->body);
}

static void send_to_all(struct fanout *f, struct live_event *e)
{
    struct subscriber *const *target;
    size_t n = sub_index_match(f->index, &e->ev, &target);
    int64_t sent = 0;

    for (size_t i = 0; i < n; i++) {
        /* Sending may end the connection, and with it later targets of its own: they are NULL then.
         */
        if (target[i] && may_see(target[i], e) && body_of(e) && send_to(target[i], e->body))
            sent++;
    }
    metric_add(M_LIVE_DELIVERIES, 0, sent);
}

void fanout_event(struct fanout *f, uint64_t seq, struct slice json)
{
    struct live_event e = {.seq = seq, .json = json};
    struct sub_index_size size = sub_index_size(f->index);

    metric_add(M_LIVE_EVENTS, 0, 1);
    if (size.active == 0 && list_empty(&f->reading))
        return;
    if (!parse(f, json, &e.ev) || event_expired(&e.ev, clock_unix()) ||
        control_hides(f->control, &e.ev) || (seq == 0 && !is_new_ephemeral(f, &e.ev.id)))
        return;
    keep_in_ring(f, &e);
    send_to_all(f, &e);
    refbuf_unref(e.body);
}

/* ---- the seam ---- */

/* Events before the hindmost reader are of no use to anybody. */
static void trim_ring(struct fanout *f)
{
    uint64_t oldest = ring_next(&f->ring);

    if (!list_empty(&f->reading))
        oldest = container_of(f->reading.next, struct subscriber, reading)->ring_from;
    if (oldest > ring_first(&f->ring))
        ring_trim(&f->ring, oldest);
    metric_set(M_RING_EVENTS, 0, (int64_t)(f->ring.next - f->ring.first));
    metric_set(M_RING_BYTES, 0, (int64_t)f->ring.bytes);
}

static void stop_reading(struct fanout *f, struct subscriber *s)
{
    list_remove(&s->reading);
    trim_ring(f);
}

static void show_size(struct fanout *f)
{
    struct sub_index_size size = sub_index_size(f->index);

    metric_set(M_LIVE_SUBSCRIPTIONS, 0, (int64_t)size.active);
    metric_set(M_LIVE_FILTERS, 0, (int64_t)size.filters);
}

bool fanout_register(struct fanout *f, struct subscriber *s, const struct filter *filters, size_t n)
{
    list_init(&s->reading);
    s->ring_from = s->ring_pos = ring_next(&f->ring);
    if (!sub_index_hold(f->index, s, filters, n))
        return false;
    list_push(&f->reading, &s->reading);
    show_size(f);
    return true;
}

void fanout_reposition(struct fanout *f, struct subscriber *s)
{
    list_remove(&s->reading);
    s->ring_from = s->ring_pos = ring_next(&f->ring);
    list_push(&f->reading, &s->reading);
    trim_ring(f);
}

void fanout_unregister(struct fanout *f, struct subscriber *s)
{
    if (!s->links)
        return;
    sub_index_release(f->index, s);
    stop_reading(f, s);
    show_size(f);
}

/* Sends one entry to s if it is meant for it. False when the connection has ended. */
static bool replay_entry(struct fanout *f, const struct subscriber *s,
                         const struct ring_entry *entry)
{
    struct live_event e = {.seq = entry->seq, .body = entry->body};

    if (!entry->body || (e.seq != 0 && e.seq <= s->snapshot) ||
        !parse(f, slice_of(entry->body->bytes, entry->body->len - 1), &e.ev) ||
        event_expired(&e.ev, clock_unix()) || !subscriber_matches(s, &e.ev) || !may_see(s, &e))
        return true;
    metric_add(M_RING_REPLAYED, 0, 1);
    return send_to(s, e.body);
}

enum replay fanout_replay(struct fanout *f, struct subscriber *s, uint64_t snapshot)
{
    if (snapshot > s->snapshot)
        s->snapshot = snapshot;
    if (s->ring_pos < ring_first(&f->ring)) {
        metric_add(M_RING_LOST, 0, 1);
        return REPLAY_LOST;
    }
    while (s->ring_pos < ring_next(&f->ring)) {
        const struct ring_entry *entry = ring_at(&f->ring, s->ring_pos);
        uint64_t seq = entry->seq;

        if (conn_is_congested(s->conn))
            return REPLAY_CONGESTED;
        if (!replay_entry(f, s, entry))
            return REPLAY_GONE;
        s->ring_pos++;
        /* Stored events arrive in order of seq: all up to this one are settled for s. */
        if (seq > s->snapshot)
            s->snapshot = seq;
    }
    if (!sub_index_activate(f->index, s))
        return REPLAY_NOMEM;
    stop_reading(f, s);
    show_size(f);
    return REPLAY_LIVE;
}

void fanout_set_control(struct fanout *f, const struct control_state *control)
{
    f->control = control;
    ring_remove_hidden(&f->ring, control);
}

void fanout_reset(struct fanout *f)
{
    sub_index_forget_snapshots(f->index);
    for (struct list *l = f->reading.next; l != &f->reading; l = l->next)
        container_of(l, struct subscriber, reading)->snapshot = 0;
}
