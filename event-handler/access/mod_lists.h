#ifndef EVENT_HANDLER_ACCESS_MOD_LISTS_H
#define EVENT_HANDLER_ACCESS_MOD_LISTS_H
/*
 * What the moderators have decided, as of one version: immutable once loaded, read by any thread.
 */
#include "ops/key_set.h"
#include "ops/kind_set.h"

struct mod_lists {
    uint64_t version;              /* control_head.version */
    struct key_set banned;         /* pubkeys: nothing of theirs is taken or shown */
    struct key_set allowed;        /* pubkeys that count as trusted whatever the graph says */
    struct key_set members;        /* pubkeys that joined (NIP-43): known */
    struct key_set hidden;         /* ids of banned events */
    struct kind_set denied_kinds;  /* disallowkind */
    struct kind_set allowed_kinds; /* allowkind; empty: no such restriction */
};

void mod_lists_free(struct mod_lists *lists); /* NULL is fine */

#endif
