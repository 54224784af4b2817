#ifndef COMMON_CLIENT_RELAY_MESSAGE_H
#define COMMON_CLIENT_RELAY_MESSAGE_H
/* What a relay says (NIP-01, 42, 45): one text message to one struct. Any thread. */
#include "base/arena.h"
#include "nostr/keys.h"

enum relay_verb {
    RELAY_EVENT,  /* sub_id, body: the event */
    RELAY_EOSE,   /* sub_id */
    RELAY_CLOSED, /* sub_id, text */
    RELAY_COUNT,  /* sub_id, body: the object with the number */
    RELAY_OK,     /* id, accepted, text */
    RELAY_AUTH,   /* text: the challenge */
    RELAY_NOTICE, /* text */
    RELAY_UNKNOWN,
};

struct relay_message {
    enum relay_verb verb;
    struct slice sub_id; /* decoded, as is text */
    struct slice text;
    struct slice body; /* raw, one JSON object */
    struct event_id id;
    bool accepted;
};

/* False when text is not a JSON array that begins with a verb, or lacks what the verb asks for;
 * then *error is a static sentence. What a newer relay adds behind is passed over. Slices point
 * into text or arena. */
NODISCARD bool relay_message_parse(struct slice text, struct arena *arena,
                                   struct relay_message *out, const char **error);

/* The number in the body of COUNT; false when there is none. */
NODISCARD bool relay_message_count(struct slice body, struct arena *arena, int64_t *count,
                                   bool *approximate);

#endif
