#include <string.h>

#include "base/hex.h"
#include "client.h"
#include "json/jread.h"

static const struct {
    struct slice name;
    enum relay_verb verb;
} verbs[] = {
    {{"EVENT", 5}, RELAY_EVENT},   {{"OK", 2}, RELAY_OK},         {{"EOSE", 4}, RELAY_EOSE},
    {{"CLOSED", 6}, RELAY_CLOSED}, {{"NOTICE", 6}, RELAY_NOTICE},
};

static enum relay_verb verb_of(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (slice_eq(verbs[i].name, name))
            return verbs[i].verb;
    return RELAY_OTHER;
}

/*
 * The id of the event in an EVENT message. Inside a JSON string each quote has a backslash before
 * it, and an event has no other object in it, so "id": can only be the member's name.
 */
static bool find_event_id(struct slice text, struct event_id *id)
{
    static const char name[] = "\"id\":";
    const char *end = text.ptr + text.len;
    const char *at = memmem(text.ptr, text.len, name, strlen(name));

    if (at == NULL)
        return false;
    at += strlen(name);
    while (at < end && (*at == ' ' || *at == '"'))
        at++;
    return (size_t)(end - at) >= 64 && hex_decode(slice_of(at, 64), id->b, sizeof id->b);
}

static bool read_ok(struct jread *r, struct relay_message *m)
{
    struct slice id;

    return jread_item(r) && jread_string(r, &id) && hex_decode(id, m->id.b, sizeof m->id.b) &&
           jread_item(r) && jread_bool(r, &m->accepted) &&
           (!jread_item(r) || jread_string(r, &m->words));
}

static bool read_words(struct jread *r, struct relay_message *m)
{
    while (jread_item(r))
        if (!jread_string(r, &m->words))
            return false;
    return jread_ok(r);
}

void relay_message_read(struct slice text, struct arena *scratch, struct relay_message *m)
{
    struct jread r;
    struct slice name;
    bool fine;

    arena_reset(scratch);
    *m = (struct relay_message){.verb = RELAY_OTHER};
    jread_init(&r, text, scratch);
    if (!jread_array(&r) || !jread_item(&r) || !jread_string(&r, &name))
        return;
    m->verb = verb_of(name);
    switch (m->verb) {
    case RELAY_EVENT:
        fine = find_event_id(text, &m->id);
        break;
    case RELAY_OK:
        fine = read_ok(&r, m);
        break;
    case RELAY_CLOSED:
    case RELAY_NOTICE:
        fine = read_words(&r, m);
        break;
    default:
        fine = true; /* nothing more is asked of the others */
    }
    if (!fine)
        m->verb = RELAY_OTHER;
}
