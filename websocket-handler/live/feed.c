#include "live/feed.h"

#include <stdlib.h>
#include <string.h>

#include "wire/live_wire.h"

#define NEVER UINT64_MAX

enum {
    RETRY_FIRST_MS = 100,
    RETRY_MOST_MS = 2000,
    /* How long the database must look older than the cursor before it is believed to be another
       one: a read replica may lag, a record may be late. */
    RESTARTED_BY_REDIS_MS = 5000,
    RESTARTED_BY_FETCH_MS = 60000,
};

void feed_init(struct feed *f, const struct feed_ops *ops, const struct feed_times *times,
               uint64_t now_ms)
{
    *f = (struct feed){.ops = ops,
                       .times = *times,
                       .heard_ms = now_ms,
                       .fetched_ms = now_ms,
                       .fetch_ms = now_ms,
                       .gap_ms = NEVER,
                       .retry_ms = RETRY_FIRST_MS};
}

static void drop_held(struct feed *f, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        f->held_bytes -= f->held[i].len;
        free(f->held[i].lines);
    }
    f->n_held -= n;
    memmove(f->held, f->held + n, f->n_held * sizeof f->held[0]);
}

void feed_deinit(struct feed *f)
{
    drop_held(f, f->n_held);
}

/* ---- applying ---- */

enum lines_wanted { STORED = 1, EPHEMERAL = 2 };

/* Hands on the lines of a record: stored ones above the cursor, which follows them. False when a
 * line is malformed; those before it have been handed on. */
static bool hand_on(struct feed *f, struct slice lines, unsigned wanted)
{
    struct live_line line;

    while (live_line_next(&lines, &line)) {
        if (line.seq == 0) {
            if (wanted & EPHEMERAL)
                f->ops->event(f, 0, line.event);
        } else if ((wanted & STORED) && line.seq > f->cursor) {
            f->cursor = line.seq;
            f->ops->event(f, line.seq, line.event);
        }
    }
    return lines.len == 0;
}

/* A record that joins the cursor. */
static bool apply(struct feed *f, const struct live_head *head, struct slice lines, unsigned wanted)
{
    bool whole = hand_on(f, lines, wanted);

    if (whole && head->seq > f->cursor)
        f->cursor = head->seq;
    if (f->cursor > f->target)
        f->target = f->cursor;
    return whole;
}

/* Applies the held records that now join the cursor. */
static void apply_held(struct feed *f)
{
    while (f->n_held > 0 && f->held[0].prev <= f->cursor) {
        struct feed_held *h = &f->held[0];
        struct live_head head = {.prev = h->prev, .seq = h->seq};

        /* Checked when it came; its ephemeral lines were handed on then. */
        if (h->seq > f->cursor)
            (void)!apply(f, &head, slice_of(h->lines, h->len), STORED);
        drop_held(f, 1);
    }
    if (f->cursor >= f->target)
        f->gap_ms = NEVER;
}

static void hold(struct feed *f, const struct live_head *head, struct slice lines, uint64_t now_ms)
{
    size_t at = 0;
    char *copy;

    while (at < f->n_held && f->held[at].prev < head->prev)
        at++;
    if (at < f->n_held && f->held[at].prev == head->prev && f->held[at].seq >= head->seq)
        return;
    copy = malloc(lines.len ? lines.len : 1);
    if (!copy || f->n_held == FEED_MAX_HELD || f->held_bytes + lines.len > FEED_MAX_HELD_BYTES) {
        free(copy);
        f->gap_ms = now_ms; /* what does not fit is fetched */
        return;
    }
    if (lines.len)
        memcpy(copy, lines.ptr, lines.len);
    memmove(f->held + at + 1, f->held + at, (f->n_held - at) * sizeof f->held[0]);
    f->held[at] = (struct feed_held){head->prev, head->seq, copy, lines.len};
    f->n_held++;
    f->held_bytes += lines.len;
}

/* ---- where the database stands ---- */

static void restart(struct feed *f, uint64_t now_ms)
{
    drop_held(f, f->n_held);
    f->cursor = f->target = f->lower_seq;
    f->lower = false;
    f->gap_ms = NEVER;
    f->fetch_ms = now_ms;
    f->ops->restarted(f);
}

/* Somebody says that the newest seq is seq. */
static void heard_position(struct feed *f, uint64_t seq, uint64_t now_ms, uint32_t restarted_ms)
{
    if (seq >= f->cursor) {
        f->lower = false;
        if (seq > f->target)
            f->target = seq;
        return;
    }
    if (!f->lower || seq < f->lower_seq)
        f->lower_seq = seq;
    if (!f->lower)
        f->lower_since_ms = now_ms;
    f->lower = true;
    if (now_ms - f->lower_since_ms >= restarted_ms)
        restart(f, now_ms);
}

/* ---- input ---- */

bool feed_record(struct feed *f, struct slice record, uint64_t now_ms)
{
    struct live_head head;
    bool whole;

    if (!live_head_parse(&record, &head))
        return false;
    f->heard_ms = now_ms;
    f->ops->control(f, head.control);
    if (!f->known)
        return hand_on(f, record, EPHEMERAL);
    heard_position(f, head.seq, now_ms, RESTARTED_BY_REDIS_MS);
    if (head.prev <= f->cursor) {
        whole = apply(f, &head, record, STORED | EPHEMERAL);
        apply_held(f);
    } else {
        whole = hand_on(f, record, EPHEMERAL);
        if (whole && head.prev < head.seq)
            hold(f, &head, record, now_ms);
    }
    if (f->cursor < f->target && f->gap_ms == NEVER)
        f->gap_ms = now_ms + f->times.reorder_ms;
    return whole;
}

void feed_redis_up(struct feed *f, uint64_t now_ms)
{
    f->redis_up = true;
    f->heard_ms = now_ms;
    f->fetch_ms = now_ms; /* what was published before the subscription began is not heard */
}

void feed_redis_down(struct feed *f, uint64_t now_ms)
{
    f->redis_up = false;
    f->fetch_ms = now_ms;
}

/* ---- fetching ---- */

bool feed_is_polling(const struct feed *f, uint64_t now_ms)
{
    return !f->redis_up || now_ms - f->heard_ms >= f->times.silence_ms;
}

struct feed_step feed_next(struct feed *f, uint64_t now_ms)
{
    uint64_t due = f->fetch_ms < f->gap_ms ? f->fetch_ms : f->gap_ms;
    uint64_t poll = f->fetched_ms + f->times.poll_ms;
    uint64_t silent = f->heard_ms + f->times.silence_ms;

    if (f->fetching)
        return (struct feed_step){.wake_ms = NEVER};
    if (feed_is_polling(f, now_ms)) {
        due = poll < due ? poll : due;
    } else if (silent < due && due > now_ms) {
        return (struct feed_step){.wake_ms = silent};
    }
    if (due > now_ms)
        return (struct feed_step){.wake_ms = due};
    if (f->gap_ms <= now_ms)
        f->gaps++;
    f->fetching = true;
    f->fetch_ms = f->gap_ms = NEVER;
    f->asked = f->known ? f->cursor : UINT64_MAX;
    return (struct feed_step){.fetch = true, .after = f->asked, .wake_ms = NEVER};
}

void feed_fetch_failed(struct feed *f, uint64_t now_ms)
{
    f->fetching = false;
    f->fetched_ms = now_ms;
    if (f->fetch_ms > now_ms + f->retry_ms)
        f->fetch_ms = now_ms + f->retry_ms;
    f->retry_ms = f->retry_ms * 2 < RETRY_MOST_MS ? f->retry_ms * 2 : RETRY_MOST_MS;
}

/* After a fetch that brought something there may be more; after one that did not, though more was
 * announced, the database that answers is behind. */
static void plan_next_fetch(struct feed *f, bool progress, uint64_t now_ms)
{
    if (progress) {
        f->retry_ms = RETRY_FIRST_MS;
        f->fetch_ms = now_ms;
    } else if (f->cursor < f->target) {
        feed_fetch_failed(f, now_ms);
    } else {
        f->retry_ms = RETRY_FIRST_MS;
    }
}

bool feed_fetched(struct feed *f, struct slice body, uint64_t now_ms)
{
    struct live_head head;
    uint64_t before = f->cursor;

    assert(f->fetching);
    f->fetching = false;
    f->fetched_ms = now_ms;
    if (!live_head_parse(&body, &head) || (f->known && head.prev > f->cursor)) {
        feed_fetch_failed(f, now_ms);
        return false;
    }
    f->ops->control(f, head.control);
    if (!f->known) {
        f->known = true;
        f->cursor = f->target = head.seq;
        f->retry_ms = RETRY_FIRST_MS;
        return true;
    }
    if (head.seq < f->asked) {
        heard_position(f, head.seq, now_ms, RESTARTED_BY_FETCH_MS);
        plan_next_fetch(f, false, now_ms);
        return true;
    }
    heard_position(f, head.seq > f->cursor ? head.seq : f->cursor, now_ms, RESTARTED_BY_FETCH_MS);
    if (!apply(f, &head, body, STORED)) {
        feed_fetch_failed(f, now_ms);
        return false;
    }
    apply_held(f);
    plan_next_fetch(f, f->cursor > before, now_ms);
    return true;
}
