/*
 * REQ (NIP-01): checks, then a subscription (subs.h). A REQ with the id of an open subscription
 * takes its place without a word, also when it is refused: what the client knows by this id is then
 * closed.
 */
#include <stdio.h>

#include "config.h"
#include "nostr/history.h"
#include "session/reply.h"
#include "session/session_internal.h"
#include "json/jwrite.h"

static bool refuse(struct session *s, enum verdict v, const char *sentence)
{
    (void)!reply_closed(s, buf_slice(&s->shared->id_json), v, sentence);
    return false;
}

bool session_take_id(struct session *s, const struct client_message *msg)
{
    struct buf *id = &s->shared->id_json;

    if (msg->sub_id.len > MAX_ECHO_BYTES) {
        (void)!reply_notice(s, SLICE("invalid: a subscription id has at most 64 characters"));
        return false;
    }
    buf_reset(id);
    jwrite_string(id, msg->sub_id);
    if (msg->sub_id.len == 0 || utf8_length(msg->sub_id) > MAX_SUB_ID_CHARS)
        return refuse(s, VERDICT_INVALID, "a subscription id has 1 to 64 characters");
    return true;
}

/* Is everything that is asked for readable by its parties only, and the client nobody yet? */
static bool needs_auth(const struct session *s, const struct filter *filters, size_t n)
{
    if (s->auth.n > 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!filter_only_private(&filters[i]))
            return false;
    return true;
}

/* What keeps these filters from being asked by this client; VERDICT_ACCEPTED: nothing. */
static enum verdict check_auth(const struct session *s, const struct filter *filters, size_t n,
                               const char **sentence)
{
    int64_t mode = s->shared->env.cfg->shared.auth_mode;

    if ((mode == AUTH_ALL || mode == AUTH_MEMBERS) && s->auth.n == 0) {
        *sentence = "authenticate to read on this relay";
        return VERDICT_AUTH_REQUIRED;
    }
    if (mode == AUTH_MEMBERS && !s->members) {
        *sentence = "only members read on this relay";
        return VERDICT_RESTRICTED;
    }
    if (!needs_auth(s, filters, n))
        return VERDICT_ACCEPTED;
    *sentence = mode == AUTH_OFF ? "private messages are served to nobody here"
                                 : "private messages are only served to their parties";
    return mode == AUTH_OFF ? VERDICT_RESTRICTED : VERDICT_AUTH_REQUIRED;
}

bool session_take_filters(struct session *s, const struct client_message *msg,
                          struct filter **filters, size_t *n)
{
    size_t max = (size_t)s->shared->env.cfg->shared.max_filters;
    enum verdict verdict;
    const char *error;
    bool unsupported;

    if (!filter_list_parse(msg->body, &s->shared->filter_limits, max, &s->shared->arena, filters, n,
                           &error, &unsupported))
        return refuse(s, unsupported ? VERDICT_UNSUPPORTED : VERDICT_INVALID, error);
    verdict = check_auth(s, *filters, *n, &error);
    return verdict == VERDICT_ACCEPTED || refuse(s, verdict, error);
}

/* Is it the past of a list that is asked for (nostr/history.h), and may it be? False: answered with
 * CLOSED. */
static bool check_history(struct session *s, const struct filter *filters, size_t n, bool *history)
{
    const char *sentence;
    enum verdict v;

    *history = history_asked(filters, n);
    if (!*history)
        return true;
    v = history_judge(filters, n, s->auth.key, s->auth.n, &sentence);
    if (v == VERDICT_AUTH_REQUIRED && s->shared->env.cfg->shared.auth_mode == AUTH_OFF)
        return refuse(s, VERDICT_RESTRICTED, "the history of lists is served to nobody here");
    return v == VERDICT_ACCEPTED || refuse(s, v, sentence);
}

void on_req(struct session *s, const struct client_message *msg)
{
    struct subscription *old;
    struct filter *filters;
    bool history;
    char sentence[96];
    size_t n;

    if (!session_take_id(s, msg))
        return;
    old = subs_find(s, buf_slice(&s->shared->id_json));
    if (old)
        subs_close(old);
    if (s->subs.n >= (size_t)s->shared->env.cfg->max_subscriptions) {
        snprintf(sentence, sizeof sentence, "too many subscriptions, the limit is %u",
                 (unsigned)s->shared->env.cfg->max_subscriptions);
        (void)!refuse(s, VERDICT_RATE_LIMITED, sentence);
        return;
    }
    if (session_take_filters(s, msg, &filters, &n) && check_history(s, filters, n, &history) &&
        session_within_queries(s, filters, n))
        subs_open(s, buf_slice(&s->shared->id_json), filters, n, !history);
}
