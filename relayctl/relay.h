#ifndef RELAYCTL_RELAY_H
#define RELAYCTL_RELAY_H
/*
 * A conversation with one relay: Nostr messages over client/ws_client.h. It prints NOTICEs, and
 * authenticates (NIP-42) when its user says so. One thread.
 */
#include "client/relay_message.h"
#include "nostr/event.h"
#include "options.h"

struct relay;
struct signer;

/* Above what any relay takes, so that only real faults are refused here. */
extern const struct event_limits relay_event_limits;

/* Connects. signer, which is borrowed and may be NULL, authenticates. NULL after saying why not. */
NODISCARD struct relay *relay_open(const struct options *o, const struct signer *signer);
void relay_close(struct relay *r); /* NULL is fine */

/* Queues a message; relay_next() sends it. */
void relay_send(struct relay *r, struct slice text);
/* Bytes queued and not sent. */
size_t relay_backlog(const struct relay *r);

/* Begins to authenticate, unless that is under way; RELAY_AUTHENTICATED or RELAY_AUTH_REFUSED will
 * come. False when it cannot help: there is no key, or it has been tried. */
bool relay_authenticate(struct relay *r);
bool relay_is_authenticated(const struct relay *r);
/* Do these words of an OK or CLOSED ask for it? */
bool relay_wants_auth(struct slice text);

enum relay_result {
    RELAY_SAID, /* *m: EVENT, EOSE, CLOSED, COUNT or OK; good until the next call */
    RELAY_AUTHENTICATED,
    RELAY_AUTH_REFUSED, /* the user has been told */
    RELAY_INPUT,        /* also_fd can be read */
    RELAY_TIMEOUT,      /* nothing of all this within the timeout; the user has been told */
    RELAY_INTERRUPTED,  /* interrupt.h */
    RELAY_LOST,         /* the user has been told */
};

/* also_fd may be -1. With patient, there is no timeout. */
enum relay_result relay_next(struct relay *r, int also_fd, bool patient, struct relay_message *m);

#endif
