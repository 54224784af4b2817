#ifndef WEBSOCKET_HANDLER_SESSION_REPLY_H
#define WEBSOCKET_HANDLER_SESSION_REPLY_H
/*
 * The only writer of relay messages (NIP-01, 42, 45, 67). Each function queues one message and
 * returns false when the connection is ending; the session must then not be used any more. id_json:
 * a subscription or query id as JSON, quotes included. Loop thread only.
 */
#include "base/slice.h"
#include "nostr/event.h"
#include "nostr/verdict.h"

struct session;

/* ["OK","<id>",true|false,"<prefix>: <sentence>"] ; id is echoed as it came. */
bool reply_ok(struct session *s, struct slice id, enum verdict v, const char *sentence);
bool reply_ok_id(struct session *s, const struct event_id *id, enum verdict v,
                 const char *sentence);
/* ["OK", and the event handler's words: ["<id>",true,""] */
bool reply_ok_verdict(struct session *s, struct slice verdict);
/* prefix is ["EVENT","<id>", and row {event}] */
bool reply_event(struct session *s, struct slice prefix, struct slice row);

enum eose_hint { EOSE_NO_HINT, EOSE_FINISH, EOSE_MORE };
bool reply_eose(struct session *s, struct slice id_json, enum eose_hint hint);
/* v: the verdict whose prefix is used. */
bool reply_closed(struct session *s, struct slice id_json, enum verdict v, const char *sentence);
bool reply_notice(struct session *s, struct slice sentence);
/* json: the object of the answer */
bool reply_count(struct session *s, struct slice id_json, struct slice json);
bool reply_challenge(struct session *s);

#endif
