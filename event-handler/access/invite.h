#ifndef EVENT_HANDLER_ACCESS_INVITE_H
#define EVENT_HANDLER_ACCESS_INVITE_H
/*
 * Invitations that the relay hands out when a client asks for kind 28935 (NIP-43). They say
 * themselves who asked and until when they are good, under the relay's own MAC, so that handing one
 * out stores nothing. Each is good for one person. Any thread.
 */
#include "access/access.h"

enum { INVITE_BYTES = 4 + 32 + 8 + 12, INVITE_CODE_ROOM = 2 * INVITE_BYTES + 1 };

/* May this person pass invitations on? */
bool invite_entitled(const struct access_view *view, const struct pubkey *pk);

void invite_make(const struct relay_key *relay, const struct pubkey *inviter, int64_t expires_at,
                 char code[INVITE_CODE_ROOM]);
/* False when it is none of this relay's. */
NODISCARD bool invite_read(const struct relay_key *relay, struct slice code, struct pubkey *inviter,
                           int64_t *expires_at);

/*
 * Appends, as a line of canonical JSON, the event of kind 28935 with a fresh invitation for the
 * first of readers who is entitled to one. Nothing when nobody is.
 */
void invite_write_event(const struct access_view *view, const struct pubkey *readers, size_t n,
                        int64_t now, struct buf *out);

#endif
