#include "nostr/tier.h"

static const char *const names[TIERS] = {"admin", "trusted", "known", "guest", "muted"};

const char *tier_name(enum tier tier)
{
    return names[tier];
}

bool tier_parse(struct slice name, enum tier *out)
{
    for (unsigned i = 0; i < TIERS; i++) {
        if (slice_eq(name, slice_str(names[i]))) {
            *out = (enum tier)i;
            return true;
        }
    }
    return false;
}
