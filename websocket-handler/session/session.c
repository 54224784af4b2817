#include "session/session.h"

#include <stdlib.h>
#include <sys/random.h>

#include "config.h"
#include "live/live.h"
#include "metrics.h"
#include "nostr/verify.h"
#include "session/reply.h"
#include "session/session_internal.h"
#include "upstream/batcher.h"
#include "upstream/upstream.h"

/* The connection layer calls without a context; this is set once before it may. */
static struct session_shared *shared;

/* A message of n bytes needs a few times that once parsed: tags are slices of 16 bytes, the
 * shortest of which takes 3 bytes of text. */
static size_t arena_cap(const struct config *cfg)
{
    return 64 * KIB + 16 * (size_t)cfg->max_message_bytes;
}

void session_setup(const struct session_env *env)
{
    const struct shared_config *cfg = &env->cfg->shared;

    assert(!shared);
    shared = calloc(1, sizeof *shared);
    if (!shared)
        abort();
    shared->env = *env;
    shared->control = &control_nothing;
    list_init(&shared->membership.sessions);
    list_init(&shared->membership.due);
    shared->event_limits =
        (struct event_limits){.max_event_bytes = (size_t)cfg->max_event_bytes,
                              .max_tags = (size_t)cfg->max_event_tags,
                              .max_content_chars = (size_t)cfg->max_content_length};
    shared->filter_limits = (struct filter_limits){.max_values = (size_t)cfg->max_filter_values,
                                                   .max_search_bytes = 1024};
    arena_init(&shared->arena, arena_cap(env->cfg));
    buf_init(&shared->out, 64 * KIB);
    buf_init(&shared->id_json, 8 * KIB);
    buf_init(&shared->preimage, 8 * (size_t)cfg->max_event_bytes);
    verify_setup();
    batcher_set_verdict(env->upstream->batcher, session_on_verdict);
}

void session_teardown(void)
{
    if (!shared)
        return;
    arena_deinit(&shared->arena);
    buf_deinit(&shared->out);
    buf_deinit(&shared->id_json);
    buf_deinit(&shared->preimage);
    free(shared);
    shared = NULL;
}

static uint8_t clip(size_t n, size_t most)
{
    return (uint8_t)(n < most ? n : most);
}

/* Connections of one address share what may run; without limits each stands for itself. */
static void join_share(struct session *s)
{
    struct ip group;

    if (!shared->env.limits)
        return;
    group = ip_group(conn_address(s->conn));
    query_lane_join(shared->env.upstream->queries, &s->lane,
                    slice_of((const char *)group.b, sizeof group.b));
}

static struct session *session_opened(struct conn *c, struct slice host, struct slice address)
{
    uint8_t address_len = clip(address.len, INGEST_MAX_ADDRESS);
    uint8_t host_len = clip(host.len, UINT8_MAX);
    struct session *s = calloc(1, sizeof *s + address_len + host_len);

    if (!s)
        return NULL;
    s->conn = c;
    s->shared = shared;
    s->tier = TIER_GUEST;
    list_init(&s->counts);
    list_init(&s->access_calls);
    list_init(&s->membership);
    query_lane_init(&s->lane);
    s->address_len = address_len;
    s->host_len = host_len;
    if (address_len)
        memcpy(s->text, address.ptr, address_len);
    if (host_len)
        memcpy(s->text + address_len, host.ptr, host_len);
    if (getrandom(s->challenge, sizeof s->challenge, 0) != sizeof s->challenge) {
        free(s);
        return NULL;
    }
    join_share(s);
    if (shared->env.cfg->shared.auth_mode != AUTH_OFF)
        (void)!reply_challenge(s);
    return s;
}

static void session_closed(struct session *s)
{
    subs_close_all(s);
    membership_leave(s);
    session_cancel_access(s);
    session_cancel_counts(s);
    session_settle_queries(s);
    query_lane_leave(shared->env.upstream->queries, &s->lane);
    if (s->reading_paused)
        metric_add(M_READING_PAUSED, 0, -1);
    free(s->auth.key);
    free(s);
}

static void session_binary(struct session *s)
{
    (void)!reply_notice(s, SLICE("invalid: binary messages are not understood, send JSON as text"));
}

static bool session_settled(const struct session *s)
{
    return s->pending_events == 0;
}

const struct conn_ops session_conn_ops = {
    .opened = session_opened,
    .message = session_dispatch,
    .binary = session_binary,
    .drained = subs_drained,
    .settled = session_settled,
    .closed = session_closed,
};

/* ---- moderation ---- */

void session_expel(struct session *s, struct slice notice)
{
    struct conn *c = s->conn;

    if (reply_notice(s, notice))
        conn_close(c, CONN_CLOSE_BLOCKED);
}

static bool is_banned(const struct session *s)
{
    for (uint32_t i = 0; i < s->auth.n; i++)
        if (control_bans(shared->control, &s->auth.key[i]))
            return true;
    return false;
}

static bool is_blocked(const struct session *s)
{
    struct ip ip;

    return ip_parse(session_address(s), &ip) && control_blocks(shared->control, &ip);
}

static void enforce(struct conn *c)
{
    struct session *s = conn_session(c);

    if (!s)
        return;
    if (is_blocked(s))
        session_expel(s, SLICE("blocked: your address is blocked on this relay"));
    else if (is_banned(s))
        session_expel(s, SLICE("blocked: your key is banned from this relay"));
}

void session_set_control(const struct control_state *control)
{
    shared->control = control;
    conn_each(enforce);
    membership_review(shared);
}

uint64_t session_min_seq(const struct session *s)
{
    uint64_t cursor;
    uint32_t epoch;

    if (!live_cursor(s->shared->env.live, &cursor, &epoch))
        return 0;
    return s->epoch == epoch && s->newest_seq > cursor ? s->newest_seq : cursor;
}
