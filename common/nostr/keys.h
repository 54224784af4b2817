#ifndef COMMON_NOSTR_KEYS_H
#define COMMON_NOSTR_KEYS_H
/* The fixed-size values of NIP-01 as distinct types, so that swapping two does not compile. */
#include <string.h>

#include "base/base.h"

struct event_id {
    uint8_t b[32];
};
struct pubkey {
    uint8_t b[32];
};
struct sig {
    uint8_t b[64];
};

static inline bool event_id_eq(const struct event_id *a, const struct event_id *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

static inline bool pubkey_eq(const struct pubkey *a, const struct pubkey *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

#endif
