/*
 * AUTH_MODE=members: only a connection that has authenticated as a member reads. Membership comes
 * and goes with the moderators' lists and the Web of Trust, so whoever has authenticated is asked
 * about again after each change of the moderation state, which is fetched every half minute at the
 * least: a few calls at a time, in the order of the list. While no event handler answers, what was
 * true stays true.
 */
#include "config.h"
#include "session/session_internal.h"

enum { ASKED_AT_A_TIME = 16 };

bool session_for_members(const struct session *s)
{
    return s->shared->env.cfg->shared.auth_mode == AUTH_MEMBERS;
}

void membership_enter(struct session *s)
{
    if (session_for_members(s))
        list_push(&s->shared->membership.sessions, &s->membership);
}

void membership_leave(struct session *s)
{
    list_remove(&s->membership);
}

bool membership_answered(struct session *s, uint32_t key, bool member)
{
    uint16_t bit = (uint16_t)(1U << key), before = s->members;

    if (member)
        s->members |= bit;
    else
        s->members &= (uint16_t)~bit;
    if (!session_for_members(s) || s->members || !before)
        return true;
    session_expel(s, SLICE("restricted: you are not a member of this relay any more"));
    return false;
}

static void ask_about_next(struct session_shared *shared)
{
    struct membership *m = &shared->membership;

    while (m->calls < ASKED_AT_A_TIME && !list_empty(&m->due)) {
        struct session *s = container_of(list_pop(&m->due), struct session, membership);

        list_push(&m->sessions, &s->membership);
        for (uint32_t i = 0; i < s->auth.n; i++)
            (void)!session_ask_access(s, i, NULL);
    }
}

void membership_call_ended(struct session_shared *shared)
{
    shared->membership.calls--;
    ask_about_next(shared);
}

void membership_review(struct session_shared *shared)
{
    struct membership *m = &shared->membership;
    struct list *item;

    while ((item = list_pop(&m->sessions)))
        list_push(&m->due, item);
    ask_about_next(shared);
}
