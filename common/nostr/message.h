#ifndef COMMON_NOSTR_MESSAGE_H
#define COMMON_NOSTR_MESSAGE_H
/*
 * Client messages (NIP-01, 42, 45): one text frame to one struct. The verbs' arguments that need
 * limits are left as raw text or parsed by the caller with filter_parse()/event_parse(). One
 * thread.
 */
#include "base/arena.h"
#include "json/jread.h"

enum client_verb {
    VERB_EVENT, /* ["EVENT", {event}] */
    VERB_REQ,   /* ["REQ", id, filter...] */
    VERB_CLOSE, /* ["CLOSE", id] */
    VERB_AUTH,  /* ["AUTH", {event}] */
    VERB_COUNT, /* ["COUNT", id, filter...] */
    VERB_UNKNOWN,
};

struct client_message {
    enum client_verb verb;
    struct slice name; /* the verb as sent, decoded (for NOTICE) */
    struct slice
        sub_id; /* REQ, CLOSE, COUNT: decoded; 1..64 characters is checked by the session */
    bool has_sub_id;
    struct slice body; /* EVENT, AUTH: raw text of the object. REQ, COUNT: raw text of the filters,
                        * i.e. everything between the comma behind the id and the closing bracket
                        * ("{..},{..}"), empty when there is none */
};

enum message_result {
    MESSAGE_OK,
    MESSAGE_NOT_JSON,  /* not a JSON array: *error says what */
    MESSAGE_MALFORMED, /* an array, but not of the verb's shape: *error says what; msg->verb and, if
                          has_sub_id, sub_id are set */
};

/* text is one message; trailing and leading white space is fine. Values are well-formed JSON
 * afterwards. */
NODISCARD enum message_result message_parse(struct slice text, struct arena *arena,
                                            struct client_message *msg, const char **error);
const char *client_verb_name(enum client_verb v); /* "EVENT", ..., "unknown" */
/* Number of characters (not bytes) in valid UTF-8. */
size_t utf8_length(struct slice s);

#endif
