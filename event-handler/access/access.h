#ifndef EVENT_HANDLER_ACCESS_ACCESS_H
#define EVENT_HANDLER_ACCESS_ACCESS_H
/*
 * Who may do what, at one moment: the settings, the moderators' lists and the Web of Trust put
 * together. A view is immutable and shared by reference count, so that a batch is judged by one
 * state of affairs and nobody waits for anybody while a new one is put in place. No database and no
 * Redis is asked. Any thread.
 */
#include <stdatomic.h>

#include "access/mod_lists.h"
#include "nostr/tier.h"
#include "trust/trust_table.h"

struct config;
struct relay_key;
struct access; /* the present view */

struct access_view {
    atomic_size_t references;
    const struct config *cfg;
    const struct key_set *admins;  /* ADMIN_PUBKEY and CO_ADMIN_PUBKEYS */
    const struct relay_key *relay; /* the relay's own; NULL in tests */
    struct mod_lists *lists;       /* never NULL; shared between views */
    struct trust_table *trust;     /* never NULL; generation 0 while there is none */
    atomic_size_t *lists_users, *trust_users;
};

/* Starts with empty lists and an empty table. cfg is borrowed. NULL without memory. */
struct access *access_new(const struct config *cfg);
/* No view may be held any more. NULL is fine. */
void access_free(struct access *a);

/* The relay's own key counts as an admin's. Once, before threads; borrowed. */
void access_set_relay(struct access *a, const struct relay_key *relay);

/* Puts new lists, or a new table, in place; they are taken over, also on failure. False without
 * memory: the old ones stay. */
NODISCARD bool access_set_lists(struct access *a, struct mod_lists *lists);
NODISCARD bool access_set_trust(struct access *a, struct trust_table *trust);
/* Other settings, which must outlive the access; the admins stay those of the start. */
NODISCARD bool access_set_config(struct access *a, const struct config *cfg);

/* The present view; give it back when the batch or the request is done. Never NULL. */
struct access_view *access_acquire(struct access *a);
void access_release(struct access_view *view);

struct standing { /* of a pubkey */
    enum tier tier;
    uint8_t level;      /* TRUST_LEVEL_NONE when the graph does not reach it */
    uint16_t followers; /* of the circle */
    const char *why;    /* a static phrase: "follows from the admin's list", ... */
};

/*
 * With WOT_ENABLED off everybody who is no admin, no member and not banned is known. Of several
 * reasons the strongest counts: admin, banned, allowed, the graph, member.
 */
struct standing access_standing(const struct access_view *view, const struct pubkey *pk);
bool access_is_admin(const struct access_view *view, const struct pubkey *pk);
/* WOT_ENABLED without ADMIN_PUBKEY: writes are refused until the operator sets it. */
bool access_lacks_admin(const struct access_view *view);

#endif
