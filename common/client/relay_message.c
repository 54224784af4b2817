/* Each verb's row says by letters what follows it, so that there is one reader for all of them. */
#include "client/relay_message.h"

#include "base/hex.h"
#include "json/jread.h"

enum element { SUB_ID = 's', TEXT = 't', OBJECT = 'o', ID = 'i', BOOLEAN = 'b' };

static const struct {
    const char *name;
    const char *shape; /* of enum element */
} verbs[] = {
    [RELAY_EVENT] = {"EVENT", "so"},   [RELAY_EOSE] = {"EOSE", "s"},
    [RELAY_CLOSED] = {"CLOSED", "st"}, [RELAY_COUNT] = {"COUNT", "so"},
    [RELAY_OK] = {"OK", "ibt"},        [RELAY_AUTH] = {"AUTH", "t"},
    [RELAY_NOTICE] = {"NOTICE", "t"},  [RELAY_UNKNOWN] = {"", ""},
};

static enum relay_verb find_verb(struct slice name)
{
    for (int v = RELAY_EVENT; v < RELAY_UNKNOWN; v++)
        if (slice_eq(name, slice_str(verbs[v].name)))
            return (enum relay_verb)v;
    return RELAY_UNKNOWN;
}

static bool read_id(struct jread *r, struct event_id *id)
{
    struct slice hex;

    return jread_string(r, &hex) && (hex_decode(hex, id->b, sizeof(id->b)) ||
                                     jread_fail(r, "an event id must be 64 lower-case hex digits"));
}

static bool read_element(struct jread *r, enum element what, struct relay_message *out)
{
    switch (what) {
    case SUB_ID:
        return jread_string(r, &out->sub_id);
    case TEXT:
        return jread_string(r, &out->text);
    case ID:
        return read_id(r, &out->id);
    case BOOLEAN:
        return jread_bool(r, &out->accepted);
    case OBJECT:
        return jread_peek(r) == J_OBJECT ? jread_skip(r, &out->body)
                                         : jread_fail(r, "expected an object");
    }
    return false;
}

bool relay_message_parse(struct slice text, struct arena *arena, struct relay_message *out,
                         const char **error)
{
    struct slice name;
    struct jread r;

    *out = (struct relay_message){.verb = RELAY_UNKNOWN};
    jread_init(&r, text, arena);
    if (jread_array(&r) && jread_item(&r) && jread_string(&r, &name)) {
        out->verb = find_verb(name);
        for (const char *shape = verbs[out->verb].shape; *shape && jread_ok(&r); shape++) {
            if (jread_item(&r))
                read_element(&r, (enum element) * shape, out);
            else
                jread_fail(&r, "the message ends too early");
        }
        while (jread_item(&r) && jread_skip(&r, NULL)) {
        }
    } else {
        jread_fail(&r, "a message must begin with a verb");
    }
    if (jread_ok(&r) && !jread_end(&r))
        jread_fail(&r, "something follows the JSON array");
    *error = r.error;
    return jread_ok(&r);
}

bool relay_message_count(struct slice body, struct arena *arena, int64_t *count, bool *approximate)
{
    bool found = false;
    struct slice key;
    struct jread r;

    *approximate = false;
    jread_init(&r, body, arena);
    jread_object(&r);
    while (jread_ok(&r) && jread_key(&r, &key)) {
        if (slice_eq(key, SLICE("count")))
            found = jread_int(&r, count);
        else if (slice_eq(key, SLICE("approximate")))
            jread_bool(&r, approximate);
        else
            jread_skip(&r, NULL);
    }
    return found && jread_ok(&r) && *count >= 0;
}
