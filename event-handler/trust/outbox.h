#ifndef EVENT_HANDLER_TRUST_OUTBOX_H
#define EVENT_HANDLER_TRUST_OUTBOX_H
/* The relays that somebody writes to, by their relay list (NIP-65, kind 10002). Any thread. */
#include "base/buf.h"
#include "nostr/event.h"

enum {
    OUTBOX_MAX_RELAYS = 4, /* of one author; further ones are not looked at */
    OUTBOX_MAX_URL_BYTES = 200,
    OUTBOX_MAX_TEXT = OUTBOX_MAX_RELAYS * (OUTBOX_MAX_URL_BYTES + 2), /* a comma, a slash */
};

/* Appends the URLs that ev's r tags name for writing (no marker, or "write"), normalised, with
 * commas between them and without doubles. */
void outbox_write_urls(const struct event *ev, struct buf *out);
/* A relay's URL in one form: scheme and host in lower case, no default port, no fragment, no slash
 * at the end of a bare host. False when it is no ws:// or wss:// URL, carries a user or a password,
 * or is too long. */
NODISCARD bool outbox_normalise(struct slice url, struct buf *out);

#endif
