#ifndef COMMON_NOSTR_VERDICT_H
#define COMMON_NOSTR_VERDICT_H
/*
 * The outcome of an EVENT as a client sees it: the boolean and the message of OK (NIP-01, NIP-20).
 * The prefix comes from the enum, the sentence from whoever decided.
 */
#include "base/base.h"

enum verdict {
    VERDICT_ACCEPTED,  /* true, "" */
    VERDICT_DUPLICATE, /* true, "duplicate: ..." */
    VERDICT_STALE,     /* false, "duplicate: ..."; a newer version is stored */
    VERDICT_INVALID,
    VERDICT_BLOCKED,
    VERDICT_RESTRICTED,
    VERDICT_AUTH_REQUIRED,
    VERDICT_POW,
    VERDICT_RATE_LIMITED,
    VERDICT_MUTE,
    VERDICT_UNSUPPORTED,
    VERDICT_ERROR, /* the world is broken; trying again later may help */
};

/* The OK boolean. */
bool verdict_is_ok(enum verdict v);
/* "invalid", "blocked", ... ; "" for VERDICT_ACCEPTED. Static. */
const char *verdict_prefix(enum verdict v);
/* Name for metric labels: "accepted", "duplicate", "stale", "invalid", ... Static. */
const char *verdict_name(enum verdict v);

#endif
