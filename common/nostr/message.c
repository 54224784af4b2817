/*
 * Client messages: which verb, which subscription, and where the rest begins and ends.
 *
 * Every byte of the frame is checked to be one JSON array, so that what is handed on as raw text is
 * well-formed. Elements behind those that a verb knows are passed over: NIPs add such.
 */
#include "nostr/message.h"

static const char *const verb_names[] = {
    [VERB_EVENT] = "EVENT", [VERB_REQ] = "REQ",     [VERB_CLOSE] = "CLOSE",
    [VERB_AUTH] = "AUTH",   [VERB_COUNT] = "COUNT", [VERB_UNKNOWN] = "unknown",
};

/* What is said of a message without the argument that its verb asks for. */
static const char *const verb_shapes[] = {
    [VERB_EVENT] = "EVENT must be followed by an event object",
    [VERB_REQ] = "REQ must be followed by a subscription id, a string",
    [VERB_CLOSE] = "CLOSE must be followed by a subscription id, a string",
    [VERB_AUTH] = "AUTH must be followed by an event object",
    [VERB_COUNT] = "COUNT must be followed by a query id, a string",
};

const char *client_verb_name(enum client_verb v)
{
    return verb_names[v];
}

size_t utf8_length(struct slice s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    return n;
}

static enum client_verb find_verb(struct slice name)
{
    for (int v = VERB_EVENT; v < VERB_UNKNOWN; v++)
        if (slice_eq(name, slice_str(verb_names[v])))
            return (enum client_verb)v;
    return VERB_UNKNOWN;
}

/* Passes over the rest of the array; *raw is its text, from behind the last comma to the closing
 * bracket. */
static void skip_rest(struct jread *r, struct slice *raw)
{
    const char *from;

    *raw = slice_of(r->pos, 0);
    if (!jread_item(r))
        return;
    from = r->pos;
    do {
        if (!jread_skip(r, NULL))
            return;
    } while (jread_item(r));
    if (jread_ok(r))
        *raw = slice_of(from, (size_t)(r->pos - 1 - from)); /* pos is behind the bracket */
}

/* EVENT and AUTH: [verb, object]. False when it has not that shape; whatever follows is still
 * checked to be JSON. */
static bool read_object_verb(struct jread *r, struct client_message *msg)
{
    struct slice rest;
    bool fits = false;

    if (!jread_item(r))
        return false;
    if (jread_peek(r) == J_OBJECT)
        fits = jread_skip(r, &msg->body);
    else if (!jread_skip(r, NULL))
        return false;
    skip_rest(r, &rest);
    return fits;
}

/* REQ, COUNT and CLOSE: [verb, string, ...]. */
static bool read_id_verb(struct jread *r, struct client_message *msg)
{
    struct slice rest;

    if (!jread_item(r))
        return false;
    if (jread_peek(r) == J_STRING)
        msg->has_sub_id = jread_string(r, &msg->sub_id);
    else if (!jread_skip(r, NULL))
        return false;
    skip_rest(r, &rest);
    if (msg->verb != VERB_CLOSE)
        msg->body = rest;
    return msg->has_sub_id;
}

static bool read_arguments(struct jread *r, struct client_message *msg)
{
    struct slice rest;

    switch (msg->verb) {
    case VERB_EVENT:
    case VERB_AUTH:
        return read_object_verb(r, msg);
    case VERB_REQ:
    case VERB_COUNT:
    case VERB_CLOSE:
        return read_id_verb(r, msg);
    case VERB_UNKNOWN:
        break;
    }
    skip_rest(r, &rest);
    return true;
}

enum message_result message_parse(struct slice text, struct arena *arena,
                                  struct client_message *msg, const char **error)
{
    struct slice rest;
    struct jread r;
    const char *shape = NULL;

    *msg = (struct client_message){.verb = VERB_UNKNOWN};
    jread_init(&r, text, arena);
    if (jread_peek(&r) != J_ARRAY) {
        *error = "a message must be a JSON array";
        return MESSAGE_NOT_JSON;
    }
    if (jread_array(&r) && !jread_item(&r)) {
        shape = "a message must begin with a verb";
    } else if (jread_peek(&r) == J_STRING && jread_string(&r, &msg->name)) {
        msg->verb = find_verb(msg->name);
        if (!read_arguments(&r, msg))
            shape = verb_shapes[msg->verb];
    } else if (jread_skip(&r, NULL)) {
        shape = "a message must begin with a verb";
        skip_rest(&r, &rest);
    }
    if (!jread_ok(&r) || !jread_end(&r)) {
        *error = jread_ok(&r) ? "something follows the JSON array" : r.error;
        return MESSAGE_NOT_JSON;
    }
    *error = shape;
    return shape ? MESSAGE_MALFORMED : MESSAGE_OK;
}
