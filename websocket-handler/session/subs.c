#include "session/subs.h"

#include <stdlib.h>

#include "config.h"
#include "live/fanout.h"
#include "live/live.h"
#include "metrics.h"
#include "nostr/kind.h"
#include "session/reply.h"
#include "session/session_internal.h"
#include "upstream/query_share.h"
#include "upstream/upstream.h"

#define EVENT_HEAD "[\"EVENT\","

enum { EVENT_HEAD_LEN = sizeof(EVENT_HEAD) - 1 };

static const struct query_sink_ops sink_ops;

static struct fanout *fanout_of(const struct session *s)
{
    return live_fanout(s->shared->env.live);
}

struct slice sub_id_json(const struct subscription *sub)
{
    return slice_of(sub->prefix + EVENT_HEAD_LEN, sub->live.prefix_len - EVENT_HEAD_LEN - 1);
}

/* ---- the table ---- */

/* FNV-1a. A client that finds collisions slows down its own look-ups. */
static uint32_t hash_of(struct slice id_json)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < id_json.len; i++)
        h = (h ^ (unsigned char)id_json.ptr[i]) * 16777619u;
    return h;
}

struct subscription *subs_find(const struct session *s, struct slice id_json)
{
    uint32_t hash = hash_of(id_json);

    for (uint32_t i = 0; i < s->subs.n; i++)
        if (s->subs.slot[i].hash == hash && slice_eq(sub_id_json(s->subs.slot[i].sub), id_json))
            return s->subs.slot[i].sub;
    return NULL;
}

/* n: modulo 2^64, as it may be one less. */
static void count_filter_bytes(struct session *s, size_t n)
{
    s->subs.bytes += n;
    s->shared->filter_bytes += n;
    if (s->lane.share)
        s->lane.share->filter_bytes += n;
    metric_set(M_LIVE_FILTER_BYTES, 0, (int64_t)s->shared->filter_bytes);
}

/* Why the filters of s, the newest included, are too much; NULL when they are not. */
static const char *too_many_values(const struct session *s)
{
    size_t most = (size_t)s->shared->env.cfg->filter_bytes;

    if (s->subs.bytes > MAX_FILTER_BYTES)
        return "too many filter values on this connection, close some subscriptions";
    if (s->lane.share && s->lane.share->filter_bytes > most / 4)
        return "too many filter values from this address, close some subscriptions";
    if (s->shared->filter_bytes > most)
        return "the relay holds as many filter values as it can, please try again later";
    return NULL;
}

static bool reserve_slot(struct subs *subs)
{
    uint32_t room = subs->room ? subs->room * 2 : 1;
    struct sub_slot *grown;

    if (subs->n < subs->room)
        return true;
    grown = realloc(subs->slot, room * sizeof *grown);
    if (!grown)
        return false;
    subs->slot = grown;
    subs->room = room;
    return true;
}

static void enter_slot(struct subs *subs, struct subscription *sub)
{
    sub->slot = subs->n++;
    subs->slot[sub->slot] = (struct sub_slot){hash_of(sub_id_json(sub)), sub};
    count_filter_bytes(sub->session, sub->live.bytes);
    metric_add(M_SUBSCRIPTIONS, 0, 1);
}

static void leave_slot(struct subs *subs, struct subscription *sub)
{
    struct sub_slot last = subs->slot[--subs->n];

    subs->slot[sub->slot] = last;
    last.sub->slot = sub->slot;
    count_filter_bytes(sub->session, -(size_t)sub->live.bytes);
    metric_add(M_SUBSCRIPTIONS, 0, -1);
    limits_leave(sub->session->shared->env.limits, LIMIT_IP_SUBSCRIPTIONS,
                 conn_address(sub->session->conn));
}

/* ---- ending ---- */

void subs_close(struct subscription *sub)
{
    struct session *s = sub->session;

    query_cancel(sub->query);
    fanout_unregister(fanout_of(s), &sub->live);
    leave_slot(&s->subs, sub);
    free(sub);
}

void subs_close_all(struct session *s)
{
    while (s->subs.n > 0)
        subs_close(s->subs.slot[s->subs.n - 1].sub);
    free(s->subs.slot);
    s->subs = (struct subs){0};
}

static void close_with_error(struct subscription *sub, const char *sentence)
{
    (void)!reply_closed(sub->session, sub_id_json(sub), VERDICT_ERROR, sentence);
    subs_close(sub);
}

/* ---- queries ---- */

/* Sends the query for sub. False when it could not, and sub has been closed. */
static bool start_query(struct subscription *sub, struct query_request *req)
{
    struct session *s = sub->session;
    char client[IP_TEXT_BYTES];
    struct buf body;

    req->readers = s->auth.key;
    req->n_readers = s->auth.n;
    req->min_seq = session_min_seq(s);
    req->client = session_turn(s, client);
    buf_init(&body, 64 * MIB);
    query_request_write(&body, req);
    sub->query =
        query_start(s->shared->env.upstream->queries, &s->lane, QUERY_ROWS, &body, &sub->sink);
    if (sub->query)
        return true;
    close_with_error(sub, "the relay is busy, please try again");
    return false;
}

/* The ring has lost events that sub has not seen: asks the database for those after its snapshot.
 */
static void catch_up(struct subscription *sub)
{
    uint32_t n = sub->live.n_links;
    struct filter *filters = calloc(n ? n : 1, sizeof *filters);
    struct query_request req = {
        .filters = filters, .n_filters = n, .after = sub->live.snapshot, .has_after = true};

    /* Without a snapshot there is nothing to go on from, and all that is stored would be sent
     * again. */
    if (!filters || sub->live.snapshot == 0) {
        free(filters);
        close_with_error(sub, "the subscription fell behind, please subscribe again");
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        filters[i] = *subscriber_filter(&sub->live, i);
    sub->state = SUB_CATCHING_UP;
    fanout_reposition(fanout_of(sub->session), &sub->live);
    (void)!start_query(sub, &req);
    free(filters);
}

/* From the end of a query towards LIVE, as far as it goes now. */
static void advance(struct subscription *sub, uint64_t snapshot)
{
    sub->state = SUB_REPLAYING;
    switch (fanout_replay(fanout_of(sub->session), &sub->live, snapshot)) {
    case REPLAY_LIVE:
        sub->state = SUB_LIVE;
        break;
    case REPLAY_LOST:
        catch_up(sub);
        break;
    case REPLAY_NOMEM:
        close_with_error(sub, "out of memory, please try again");
        break;
    case REPLAY_CONGESTED: /* subs_drained() goes on */
    case REPLAY_GONE:
        break;
    }
}

static bool on_row(struct query_sink *sink, struct slice row)
{
    struct subscription *sub = container_of(sink, struct subscription, sink);
    struct conn *c = sub->session->conn;

    /* It was read before the event handler knew of a ban. */
    if (control_hides_json(sub->session->shared->control, row))
        return !conn_is_congested(c);
    return reply_event(sub->session, slice_of(sub->live.prefix, sub->live.prefix_len), row) &&
           !conn_is_congested(c);
}

/* NIP-67. Where events may have been withheld nobody says that these were all. */
static enum eose_hint hint_of(const struct query_end *end)
{
    if (end->more)
        return EOSE_MORE;
    return end->hidden ? EOSE_NO_HINT : EOSE_FINISH;
}

static void on_end(struct query_sink *sink, const struct query_end *end)
{
    struct subscription *sub = container_of(sink, struct subscription, sink);

    sub->query = NULL;
    session_settle_queries(sub->session);
    if (sub->state == SUB_QUERYING && !reply_eose(sub->session, sub_id_json(sub), hint_of(end)))
        return;
    advance(sub, end->seq);
}

static void on_failed(struct query_sink *sink, const char *sentence)
{
    struct subscription *sub = container_of(sink, struct subscription, sink);

    sub->query = NULL;
    close_with_error(sub, sentence);
}

static const struct query_sink_ops sink_ops = {.row = on_row, .end = on_end, .failed = on_failed};

/* ---- opening ---- */

/* What a filter asks of the database. */
enum stored { STORED_NONE, STORED_UNWANTED, STORED_WANTED };

/* NONE: nothing stored can match it, as it matches nothing at all or ephemeral kinds only
 * (but NIP-43's invitations, which are made for the asking).
 * UNWANTED: limit 0. */
static enum stored stored_part(const struct filter *f)
{
    bool ephemeral = (f->has & FILTER_KINDS) != 0;

    for (uint32_t i = 0; i < f->n_kinds && ephemeral; i++)
        ephemeral = kind_class(f->kinds[i]) == KIND_EPHEMERAL && f->kinds[i] != KIND_INVITE;
    if ((f->has & FILTER_NOTHING) || ephemeral)
        return STORED_NONE;
    return (f->has & FILTER_LIMIT) && f->limit == 0 ? STORED_UNWANTED : STORED_WANTED;
}

static enum stored most_wanted(const struct filter *filters, size_t n)
{
    enum stored most = STORED_NONE;

    for (size_t i = 0; i < n; i++) {
        enum stored part = stored_part(&filters[i]);

        if (part > most)
            most = part;
    }
    return most;
}

static struct subscription *sub_new(struct session *s, struct slice id_json)
{
    size_t prefix_len = EVENT_HEAD_LEN + id_json.len + 1;
    struct subscription *sub = calloc(1, sizeof *sub + prefix_len);

    if (!sub)
        return NULL;
    memcpy(sub->prefix, EVENT_HEAD, EVENT_HEAD_LEN);
    memcpy(sub->prefix + EVENT_HEAD_LEN, id_json.ptr, id_json.len);
    sub->prefix[prefix_len - 1] = ',';
    sub->session = s;
    sub->sink.ops = &sink_ops;
    sub->live.conn = s->conn;
    sub->live.readers = &s->auth;
    sub->live.prefix = sub->prefix;
    sub->live.prefix_len = (uint32_t)prefix_len;
    return sub;
}

/* One more of its address' subscriptions, if there may be one; false: answered. */
static bool count_in(struct session *s, struct slice id_json)
{
    const struct limit_who who = session_who(s);

    if (limits_enter(s->shared->env.limits, LIMIT_IP_SUBSCRIPTIONS, &who))
        return true;
    (void)!reply_closed(s, id_json, VERDICT_RATE_LIMITED,
                        "too many subscriptions from this address, close some of them");
    return false;
}

/* A subscription in the table and registered with the fan-out; NULL without memory. */
static struct subscription *sub_enter(struct session *s, struct slice id_json,
                                      const struct filter *filters, size_t n)
{
    struct subscription *sub = sub_new(s, id_json);

    if (!sub)
        return NULL;
    if (!reserve_slot(&s->subs) || !fanout_register(fanout_of(s), &sub->live, filters, n)) {
        free(sub);
        return NULL;
    }
    enter_slot(&s->subs, sub);
    return sub;
}

/* Nothing stored is wanted: live at once, without asking anybody. */
static void skip_query(struct subscription *sub, enum stored wanted)
{
    enum eose_hint hint = wanted == STORED_NONE ? EOSE_FINISH : EOSE_NO_HINT;

    if (reply_eose(sub->session, sub_id_json(sub), hint))
        advance(sub, 0);
}

void subs_open(struct session *s, struct slice id_json, const struct filter *filters, size_t n,
               bool live)
{
    static const struct filter nothing = {.has = FILTER_NOTHING};
    struct query_request req = {.n_filters = n};
    enum stored wanted = most_wanted(filters, n);
    const char *too_many;
    struct subscription *sub;
    uint64_t cursor;
    uint32_t epoch;

    if (!live_cursor(s->shared->env.live, &cursor, &epoch)) {
        (void)!reply_closed(s, id_json, VERDICT_ERROR, "the relay is starting, please try again");
        return;
    }
    if (!count_in(s, id_json))
        return;
    sub = live ? sub_enter(s, id_json, filters, n) : sub_enter(s, id_json, &nothing, 1);
    if (!sub) {
        limits_leave(s->shared->env.limits, LIMIT_IP_SUBSCRIPTIONS, conn_address(s->conn));
        (void)!reply_closed(s, id_json, VERDICT_ERROR, "out of memory, please try again");
        return;
    }
    too_many = too_many_values(s);
    if (too_many) {
        (void)!reply_closed(s, id_json, VERDICT_RATE_LIMITED, too_many);
        subs_close(sub);
    } else if (wanted != STORED_WANTED) {
        skip_query(sub, wanted);
    } else {
        req.filters = (struct filter *)filters;
        (void)!start_query(sub, &req);
    }
}

/* ---- going on ---- */

void subs_drained(struct session *s)
{
    struct conn_handle self = conn_handle_of(s->conn);

    /* Backwards, since one that ends on the way is replaced by the last of the table, which has had
     * its turn. */
    for (uint32_t i = s->subs.n; i-- > 0 && !conn_is_congested(s->conn);) {
        struct subscription *sub = s->subs.slot[i].sub;

        if (sub->query)
            query_resume(sub->query);
        else if (sub->state == SUB_REPLAYING)
            advance(sub, 0);
        if (!conn_lookup(self))
            return;
    }
}
