#ifndef COMMON_NOSTR_TIER_H
#define COMMON_NOSTR_TIER_H
/*
 * How far a relay trusts a pubkey. Rights and budgets follow from the tier (docs/POLICY.md). The
 * order is from most to least trusted. Any thread.
 */
#include "base/slice.h"

enum tier {
    TIER_ADMIN,   /* ADMIN_PUBKEY and CO_ADMIN_PUBKEYS */
    TIER_TRUSTED, /* whom an admin follows or has allowed */
    TIER_KNOWN,   /* followed by enough people of that circle, or a member (NIP-43) */
    TIER_GUEST,   /* everybody else */
    TIER_MUTED,   /* banned, or muted by the admins */
    TIERS
};

/* "admin", "trusted", "known", "guest", "muted". Static. */
const char *tier_name(enum tier tier);
/* False when name is none of these. */
NODISCARD bool tier_parse(struct slice name, enum tier *out);

#endif
