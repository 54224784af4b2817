#include "publish.h"

#include <stdlib.h>

enum { MAX_BACKLOG = 4 * 1024 * 1024 }; /* with more unsent there is no room */

struct slot {
    struct event_id id;
    uint64_t number;
    struct buf message;      /* the EVENT; empty when the slot is free */
    bool sent_authenticated; /* when it was last sent */
    bool waits_for_auth;
};

struct publisher {
    struct relay *relay;
    size_t window, n_used;
    struct slot slots[];
};

struct publisher *publisher_new(struct relay *relay, size_t window)
{
    struct publisher *p = calloc(1, sizeof(*p) + window * sizeof(p->slots[0]));

    if (!p)
        return NULL;
    p->relay = relay;
    p->window = window;
    return p;
}

void publisher_free(struct publisher *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->window; i++)
        buf_deinit(&p->slots[i].message);
    free(p);
}

bool publisher_has_room(const struct publisher *p)
{
    return p->n_used < p->window && relay_backlog(p->relay) < MAX_BACKLOG;
}

size_t publisher_waiting(const struct publisher *p)
{
    return p->n_used;
}

static bool is_free(const struct slot *s)
{
    return s->message.len == 0;
}

static void slot_send(struct publisher *p, struct slot *s)
{
    s->waits_for_auth = false;
    s->sent_authenticated = relay_is_authenticated(p->relay);
    relay_send(p->relay, buf_slice(&s->message));
}

bool publisher_add(struct publisher *p, const struct event_id *id, struct slice json,
                   uint64_t number)
{
    struct slot *s = p->slots;

    assert(p->n_used < p->window);
    while (!is_free(s))
        s++;
    *s = (struct slot){.id = *id, .number = number};
    buf_init(&s->message, json.len + 16);
    buf_add_str(&s->message, "[\"EVENT\",");
    buf_add_slice(&s->message, json);
    buf_add_char(&s->message, ']');
    if (s->message.failed) {
        buf_deinit(&s->message);
        return false;
    }
    p->n_used++;
    slot_send(p, s);
    return true;
}

static struct slot *find_slot(struct publisher *p, const struct event_id *id)
{
    for (size_t i = 0; i < p->window; i++) {
        struct slot *s = &p->slots[i];

        if (!is_free(s) && !s->waits_for_auth && event_id_eq(&s->id, id))
            return s;
    }
    return NULL;
}

/*
 * The relay wants to know who publishes this. Its answers to events that were sent before we had
 * authenticated may come later than the one to our AUTH. False when the refusal stands.
 */
static bool try_again(struct publisher *p, struct slot *s)
{
    if (s->sent_authenticated)
        return false;
    if (relay_is_authenticated(p->relay)) {
        slot_send(p, s);
        return true;
    }
    s->waits_for_auth = relay_authenticate(p->relay);
    return s->waits_for_auth;
}

/* True when m ends an event's wait. */
static bool on_ok(struct publisher *p, const struct relay_message *m, struct publish_answer *answer)
{
    struct slot *s = find_slot(p, &m->id);

    if (!s || (!m->accepted && relay_wants_auth(m->text) && try_again(p, s)))
        return false;
    *answer = (struct publish_answer){
        .number = s->number, .id = s->id, .accepted = m->accepted, .text = m->text};
    buf_deinit(&s->message);
    p->n_used--;
    return true;
}

static void on_authenticated(struct publisher *p)
{
    for (size_t i = 0; i < p->window; i++) {
        if (!is_free(&p->slots[i]) && p->slots[i].waits_for_auth)
            slot_send(p, &p->slots[i]);
    }
}

enum publish_result publisher_next(struct publisher *p, int also_fd, struct publish_answer *answer)
{
    for (;;) {
        struct relay_message m;

        switch (relay_next(p->relay, also_fd, p->n_used == 0, &m)) {
        case RELAY_SAID:
            if (m.verb == RELAY_OK && on_ok(p, &m, answer))
                return PUBLISH_ANSWERED;
            break;
        case RELAY_AUTHENTICATED:
            on_authenticated(p);
            break;
        case RELAY_INPUT:
            return PUBLISH_INPUT;
        case RELAY_INTERRUPTED:
            return PUBLISH_INTERRUPTED;
        case RELAY_AUTH_REFUSED:
        case RELAY_TIMEOUT:
        case RELAY_LOST:
            return PUBLISH_FAILED;
        }
    }
}
