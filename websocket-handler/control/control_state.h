#ifndef WEBSOCKET_HANDLER_CONTROL_CONTROL_STATE_H
#define WEBSOCKET_HANDLER_CONTROL_CONTROL_STATE_H
/*
 * What the front end must know of the relay's moderation: the answer of GET /v1/control
 * (docs/PROTOCOL.md), read once and immutable afterwards. Pure; any thread.
 */
#include "base/buf.h"
#include "base/cidr.h"
#include "nostr/event.h"
#include "ops/key_set.h"

enum { CONTROL_MAX_BYTES = 64 * 1024 * 1024, CONTROL_MAX_SENTENCES = 64 };

enum wot_state { WOT_OFF, WOT_READY, WOT_BUILDING, WOT_NO_ADMIN };

struct control_state {
    uint64_t version;
    char self[65]; /* the relay's own pubkey in hex, or "" */
    /* What the admins have changed; NULL: as the settings say. */
    char *name, *description, *icon;
    struct cidr_list blocked;
    struct key_set banned;        /* pubkeys: nothing of theirs is taken or shown */
    struct key_set banned_events; /* ids */
    enum wot_state wot;
    uint64_t wot_members;
    char *sentence[CONTROL_MAX_SENTENCES]; /* what the relay takes, for people to read */
    size_t n_sentences;
    bool restricted_writes; /* for NIP-11 */
    /* The event handler's settings that must be the same here; NULL: it did not say. */
    char *auth_mode, *private_kinds;
};

/*
 * Strict: a member of the wrong type, a malformed address or key, or more than the bounds allow is
 * an error, because half a list of bans is worse than yesterday's. Unknown members are ignored.
 * NULL after saying in error what is wrong, also without memory.
 */
struct control_state *control_state_parse(struct slice json, struct buf *error);
/* Version 0, while nothing is known: bans nobody, changes nothing. */
extern const struct control_state control_nothing;
void control_state_free(struct control_state *s); /* NULL is fine */

struct shared_config;

/* NULL, or a static sentence that names a setting of privacy that the event handler has otherwise:
 * what only one of the two services keeps to is kept from nobody. */
const char *control_contradicts(const struct control_state *s, const struct shared_config *own);

bool control_blocks(const struct control_state *s, const struct ip *ip);
bool control_bans(const struct control_state *s, const struct pubkey *pk);
/* May this event be shown to nobody? */
bool control_hides(const struct control_state *s, const struct event *ev);
/* The same of an event's canonical JSON, without parsing it. */
bool control_hides_json(const struct control_state *s, struct slice json);

#endif
