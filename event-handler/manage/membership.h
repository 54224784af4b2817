#ifndef EVENT_HANDLER_MANAGE_MEMBERSHIP_H
#define EVENT_HANDLER_MANAGE_MEMBERSHIP_H
/*
 * NIP-43: people join with an invitation and leave, and the relay says in events of its own who its
 * members are. What has to be said is put into relay_outbox together with the change; here it is
 * signed and goes the way of all events. The manage thread.
 */
#include "access/access.h"
#include "nostr/event.h"
#include "nostr/verdict.h"
#include "store/db.h"

struct ingest;

/* Obeys a request of kind 28934 or 28936, or refuses; *message is static. */
enum verdict membership_request(struct db *db, const struct access_view *view,
                                const struct event *ev, const char **message);
/* NIP-62: whoever vanishes is no member any more. Errors as db_exec(). */
NODISCARD enum err membership_forget(struct db *db, const struct access_view *view,
                                     const struct pubkey *pk);

/* Publishes some of what waits. *more when there is more. Errors as db_exec(); the connection may
 * then be in a failed transaction. */
NODISCARD enum err membership_publish(struct db *db, const struct access_view *view,
                                      struct ingest *ingest, bool *more);
/* Asks for the member list to be published, which an operator expects of a relay that has just been
 * set up. */
NODISCARD enum err membership_announce(struct db *db);
/* Removes invitations that have expired, a day later, and members who have vanished since, should
 * membership_forget() not have come to it. */
NODISCARD enum err membership_clean(struct db *db, const struct access_view *view);

#endif
