/*
 * Rate limits as a client meets them: every refusal says when to try again, and nobody is cut off.
 */
#include <stdio.h>

#include "limit/limits.h"
#include "session/reply.h"
#include "session/session_internal.h"

enum {
    VALUES_PER_UNIT = 100, /* a filter with so many values counts as one more query */
    FILTERS_PER_UNIT = 4,
    MS_PER_UNIT = 10, /* and so much of the database's time */
    SENTENCE_BYTES = 128,
};

struct limit_who session_who(const struct session *s)
{
    return (struct limit_who){.address = conn_address(s->conn),
                              .key = s->auth.n > 0 ? &s->auth.key[0] : NULL,
                              .tier = s->tier};
}

static void write_sentence(char out[SENTENCE_BYTES], const char *what, uint32_t seconds)
{
    snprintf(out, SENTENCE_BYTES, "%s, try again in %u s", what, (unsigned)seconds);
}

static void refuse_event(struct session *s, const struct client_message *msg, const char *sentence)
{
    char notice[SENTENCE_BYTES + 16];
    struct slice id;

    if (event_id_text(msg->body, &s->shared->arena, &id)) {
        (void)!reply_ok(s, id, VERDICT_RATE_LIMITED, sentence);
        return;
    }
    snprintf(notice, sizeof notice, "rate-limited: %s", sentence);
    (void)!reply_notice(s, slice_str(notice));
}

/* What the client knows by the id of a refused REQ is closed, as with any other refusal. */
static void refuse_query(struct session *s, const struct client_message *msg, const char *sentence)
{
    struct subscription *old;

    if (!session_take_id(s, msg))
        return;
    old = msg->verb == VERB_REQ ? subs_find(s, buf_slice(&s->shared->id_json)) : NULL;
    if (old)
        subs_close(old);
    (void)!reply_closed(s, buf_slice(&s->shared->id_json), VERDICT_RATE_LIMITED, sentence);
}

bool session_within(struct session *s, const struct client_message *msg, enum limit_rate rate,
                    double cost, const char *what)
{
    const struct limit_who who = session_who(s);
    char sentence[SENTENCE_BYTES];
    uint32_t seconds;

    if (limits_take(s->shared->env.limits, rate, &who, cost, &seconds))
        return true;
    write_sentence(sentence, what, seconds);
    switch (msg->verb) {
    case VERB_EVENT:
    case VERB_AUTH:
        refuse_event(s, msg, sentence);
        return false;
    case VERB_REQ:
    case VERB_COUNT:
        refuse_query(s, msg, sentence);
        return false;
    case VERB_CLOSE:
    case VERB_UNKNOWN:
        break;
    }
    return true; /* CLOSE gives something back, and the answer to others is as short as a refusal */
}

/* Before anything is known but its size. */
static double cost_of(const struct filter *filters, size_t n)
{
    double values = 0;

    for (size_t i = 0; i < n; i++) {
        values += filters[i].n_ids + filters[i].n_authors + filters[i].n_kinds;
        for (uint32_t t = 0; t < filters[i].n_tags; t++)
            values += filters[i].tags[t].n;
    }
    return 1 + values / VALUES_PER_UNIT + (double)(n - 1) / FILTERS_PER_UNIT;
}

bool session_within_queries(struct session *s, const struct filter *filters, size_t n)
{
    const struct limit_who who = session_who(s);
    char sentence[SENTENCE_BYTES];
    uint32_t seconds;

    session_settle_queries(s);
    if (limits_take_query(s->shared->env.limits, &who, cost_of(filters, n), &seconds))
        return true;
    write_sentence(sentence, "too many or too expensive queries", seconds);
    (void)!reply_closed(s, buf_slice(&s->shared->id_json), VERDICT_RATE_LIMITED, sentence);
    return false;
}

void session_settle_queries(struct session *s)
{
    const struct limit_who who = session_who(s);
    double cost = (double)s->lane.spent_ms / MS_PER_UNIT;

    s->lane.spent_ms = 0;
    if (cost > 0)
        limits_charge_query(s->shared->env.limits, &who, cost);
}

struct slice session_turn(const struct session *s, char out[IP_TEXT_BYTES])
{
    struct ip group;

    if (!s->shared->env.limits)
        return slice_of(NULL, 0);
    group = ip_group(conn_address(s->conn));
    return slice_str(ip_text(&group, out));
}
