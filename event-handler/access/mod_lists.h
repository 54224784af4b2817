#ifndef EVENT_HANDLER_ACCESS_MOD_LISTS_H
#define EVENT_HANDLER_ACCESS_MOD_LISTS_H
/*
 * What the moderators have decided, as of one version: immutable once loaded, read by any thread.
 */
#include "base/buf.h"
#include "ops/key_set.h"
#include "ops/kind_set.h"

struct mod_lists {
    uint64_t version;                /* control_head.version */
    struct key_set banned;           /* pubkeys: nothing of theirs is taken or shown */
    struct key_set allowed;          /* pubkeys that count as trusted whatever the graph says */
    struct key_set members;          /* pubkeys that joined (NIP-43): known */
    struct key_set hidden;           /* ids of banned events */
    struct kind_set denied_kinds;    /* disallowkind */
    struct kind_set allowed_kinds;   /* allowkind; empty: no such restriction */
    struct buf blocked_ips;          /* addresses and networks, comma-separated */
    char *name, *description, *icon; /* of the relay, instead of its settings; NULL: not changed */
    bool moving; /* some events of banned keys may still be among those that are served */
};

/* Nothing is decided yet. NULL without memory. */
struct mod_lists *mod_lists_new(void);
void mod_lists_free(struct mod_lists *lists); /* NULL is fine */

/* Is an event of this author, with this id, to be kept from everybody? */
bool mod_lists_hide(const struct mod_lists *lists, const uint8_t id[32], const uint8_t pubkey[32]);
/* The same for canonical JSON (nostr/canonical.h). */
bool mod_lists_hide_json(const struct mod_lists *lists, struct slice json);

#endif
