/*
 * AUTH (NIP-42). It counts as an EVENT of its address. Cheap checks first; a signature is verified
 * only for an event that answers this connection's challenge, and wrong ones are counted, so that
 * nobody can keep the loop busy with cryptography. Every answer is an OK; a failure takes nothing
 * away. Where only members read, the OK waits until it is known who that is, so that a REQ after it
 * is judged rightly.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/hex.h"
#include "config.h"
#include "metrics.h"
#include "nostr/kind.h"
#include "nostr/relay_url.h"
#include "nostr/verify.h"
#include "session/reply.h"
#include "session/session_internal.h"
#include "wire/ingest_wire.h"

enum { MAX_AGE_SECONDS = 600 };

typedef bool tag_test(const struct session *s, struct slice value);

static bool is_our_challenge(const struct session *s, struct slice value)
{
    char hex[2 * CHALLENGE_BYTES];

    hex_encode(s->challenge, CHALLENGE_BYTES, hex);
    return slice_eq(value, slice_of(hex, sizeof hex));
}

/* The configured hosts if there are any, else the one the client has connected to. */
static bool is_our_url(const struct session *s, struct slice value)
{
    const char *domain = s->shared->env.cfg->shared.domain;

    return relay_url_in_list(value, *domain ? slice_str(domain) : session_host(s));
}

static bool any_tag(const struct session *s, const struct event *ev, struct slice name,
                    tag_test *test)
{
    for (uint32_t i = 0; i < ev->n_tags; i++)
        if (ev->tag[i].n >= 2 && slice_eq(ev->tag[i].item[0], name) && test(s, ev->tag[i].item[1]))
            return true;
    return false;
}

/* Its place among the authenticated ones; auth.n when it is none of them. */
static uint32_t find_key(const struct session *s, const struct pubkey *pk)
{
    uint32_t i = 0;

    while (i < s->auth.n && !pubkey_eq(&s->auth.key[i], pk))
        i++;
    return i;
}

/* Everything but the signature. NULL when all is well. */
static const char *check_claims(const struct session *s, const struct event *ev)
{
    int64_t now = clock_unix();

    if (ev->kind != KIND_AUTH)
        return "an AUTH event is of kind 22242";
    if (ev->created_at < now - MAX_AGE_SECONDS || ev->created_at > now + MAX_AGE_SECONDS)
        return "created_at of an AUTH event must be within ten minutes of now";
    if (!any_tag(s, ev, SLICE("challenge"), is_our_challenge))
        return "the challenge tag is not this connection's challenge";
    if (!any_tag(s, ev, SLICE("relay"), is_our_url))
        return "the relay tag does not name this relay";
    return NULL;
}

static const char *check_signature(struct session *s, const struct event *ev)
{
    enum verify_result result = verify_event(ev, &s->shared->preimage);

    if (result == VERIFY_OK)
        return NULL;
    s->auth_failures++;
    return verify_result_text(result);
}

/* Adds pk to the authenticated ones. False without memory. */
static bool remember(struct session *s, const struct pubkey *pk)
{
    struct pubkey *grown = realloc(s->auth.key, (s->auth.n + 1) * sizeof *grown);

    if (!grown)
        return false;
    s->auth.key = grown;
    s->auth.key[s->auth.n++] = *pk;
    if (s->auth.n == 1)
        membership_enter(s);
    return true;
}

void session_answer_auth(struct session *s, const struct event_id *id, enum verdict v,
                         const char *sentence)
{
    metric_add(M_AUTH, verdict_is_ok(v) ? AUTH_METRIC_OK : AUTH_METRIC_REFUSED, 1);
    (void)!reply_ok_id(s, id, v, sentence);
}

static void answer(struct session *s, const struct event *ev, enum verdict v, const char *sentence)
{
    session_answer_auth(s, &ev->id, v, sentence);
}

/* It is auth.key[key] that has authenticated. */
static void welcome(struct session *s, const struct event *ev, uint32_t key)
{
    if (!session_for_members(s)) {
        (void)!session_ask_access(s, key, NULL); /* a guest's tier until it is known */
        answer(s, ev, VERDICT_ACCEPTED, "");
    } else if (!session_ask_access(s, key, &ev->id)) {
        answer(s, ev, VERDICT_RATE_LIMITED, "too much to find out at a time, please try again");
    }
}

/* Is there nothing to find out about auth.key[key]? */
static bool is_settled(const struct session *s, uint32_t key)
{
    return !session_for_members(s) || s->members >> key & 1;
}

static void judge(struct session *s, const struct event *ev)
{
    uint32_t key = find_key(s, &ev->pubkey);
    const char *error;

    if (s->shared->env.cfg->shared.auth_mode == AUTH_OFF) {
        answer(s, ev, VERDICT_RESTRICTED, "this relay asks nobody to authenticate");
        return;
    }
    error = check_claims(s, ev);
    if (!error && s->auth_failures >= MAX_AUTH_FAILURES) {
        answer(s, ev, VERDICT_RATE_LIMITED, "too many wrong signatures on this connection");
        return;
    }
    if (!error)
        error = check_signature(s, ev);
    if (error)
        answer(s, ev, VERDICT_INVALID, error);
    else if (control_bans(s->shared->control, &ev->pubkey))
        answer(s, ev, VERDICT_BLOCKED, "this key is banned from this relay");
    else if (key < s->auth.n && is_settled(s, key))
        answer(s, ev, VERDICT_ACCEPTED, "");
    else if (key == INGEST_MAX_AUTH)
        answer(s, ev, VERDICT_RATE_LIMITED, "too many pubkeys on this connection, the limit is 16");
    else if (key == s->auth.n && !remember(s, &ev->pubkey))
        answer(s, ev, VERDICT_ERROR, "out of memory, please try again");
    else
        welcome(s, ev, key);
}

void on_auth(struct session *s, const struct client_message *msg)
{
    struct event ev;
    struct slice id;
    const char *error;
    bool has_id;

    if (!session_within(s, msg, LIMIT_IP_EVENTS, 1, "too many events from this address"))
        return;
    if (event_parse(msg->body, &s->shared->event_limits, &s->shared->arena, &ev, &has_id, &error)) {
        judge(s, &ev);
        return;
    }
    metric_add(M_AUTH, AUTH_METRIC_REFUSED, 1);
    if (event_id_text(msg->body, &s->shared->arena, &id))
        (void)!reply_ok(s, id, VERDICT_INVALID, error);
    else
        (void)!reply_notice(s, SLICE("invalid: AUTH must carry a signed event"));
}
