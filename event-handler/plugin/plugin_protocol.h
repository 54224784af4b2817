#ifndef EVENT_HANDLER_PLUGIN_PLUGIN_PROTOCOL_H
#define EVENT_HANDLER_PLUGIN_PLUGIN_PROTOCOL_H
/*
 * What a policy plugin is asked and how it answers: one line of JSON each, as strfry's write-policy
 * plugins speak, so that those run unchanged (strfry, docs/plugins.md).
 *
 *   {"type":"new","event":{..},"receivedAt":N,"sourceType":"IP4","sourceInfo":"192.0.2.7",
 *    "authed":"<hex>"}                                  authed only after NIP-42
 *   {"id":"<hex>","action":"accept"|"reject"|"shadowReject","msg":".."}
 *
 * Any thread.
 */
#include "base/buf.h"
#include "nostr/keys.h"
#include "nostr/verdict.h"

struct plugin_question {
    struct slice event; /* canonical JSON */
    int64_t received_at;
    struct slice address;        /* of the client; empty when unknown */
    const struct pubkey *authed; /* NULL: nobody */
};

/* Appends the line. */
void plugin_question_write(struct buf *out, const struct plugin_question *q);

enum plugin_action { PLUGIN_ACCEPT, PLUGIN_REJECT, PLUGIN_SHADOW_REJECT };

enum { PLUGIN_MESSAGE_MOST = 200 /* bytes; a longer one is cut */ };

struct plugin_reply {
    enum plugin_action action;
    enum verdict verdict; /* by the prefix of a rejection's msg; "blocked" without one */
    char message[PLUGIN_MESSAGE_MOST + 1]; /* without the prefix; never empty in a rejection */
};

enum plugin_line {
    PLUGIN_REPLY,
    PLUGIN_NOISE,     /* not JSON: something the plugin printed besides */
    PLUGIN_MALFORMED, /* JSON, but no answer to this question */
};

/* Reads a line, without its end. But for PLUGIN_REPLY *error is a static sentence. */
NODISCARD enum plugin_line plugin_reply_read(struct slice line, const struct event_id *id,
                                             struct plugin_reply *out, const char **error);

#endif
