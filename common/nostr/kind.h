#ifndef COMMON_NOSTR_KIND_H
#define COMMON_NOSTR_KIND_H
/* Kind numbers that mean something to a relay, and their storage class (NIP-01). Any thread. */
#include "base/base.h"

enum kind_class {
    KIND_REGULAR,     /* every event is kept; also all numbers that NIP-01 does not classify */
    KIND_REPLACEABLE, /* newest per (pubkey, kind): 0, 3, 10000-19999 */
    KIND_EPHEMERAL,   /* never stored: 20000-29999 */
    KIND_ADDRESSABLE, /* newest per (pubkey, kind, d): 30000-39999 */
};

enum {
    KIND_METADATA = 0,
    KIND_NOTE = 1,
    KIND_FOLLOWS = 3,
    KIND_DIRECT_MESSAGE = 4,
    KIND_DELETION = 5,
    KIND_REPOST = 6,
    KIND_SEAL = 13,
    KIND_CHAT = 14,
    KIND_CHAT_FILE = 15,
    KIND_GENERIC_REPOST = 16,
    KIND_VANISH = 62,
    KIND_GIFT_WRAP = 1059,
    KIND_REPORT = 1984,
    KIND_MEMBER_ADDED = 8000, /* NIP-43 */
    KIND_MEMBER_REMOVED = 8001,
    KIND_ZAP_REQUEST = 9734,
    KIND_MUTES = 10000,       /* NIP-51 */
    KIND_RELAY_LIST = 10002,  /* NIP-65 */
    KIND_DM_RELAYS = 10050,   /* NIP-17 */
    KIND_MEMBER_LIST = 13534, /* NIP-43 */
    KIND_EPHEMERAL_GIFT_WRAP = 21059,
    KIND_AUTH = 22242,
    KIND_BLOSSOM_AUTH = 24242,
    KIND_HTTP_AUTH = 27235,
    KIND_JOIN = 28934, /* NIP-43 */
    KIND_INVITE = 28935,
    KIND_LEAVE = 28936,
    KIND_ROLE = 33534,
    KIND_MAX = 65535,
};

enum kind_class kind_class(int kind);

enum { KIND_PRIVATE_OWN = 6, KIND_PRIVATE_FURTHER = 256 };

/* Kinds that only their parties may read: 4, 13, 14, 15, 1059, 21059 (NIP-04, 17, 59), and those
 * of kind_private_configure(). */
bool kind_is_private(int kind);
/* Makes n further kinds private, at most KIND_PRIVATE_FURTHER, in place of those of an earlier
 * call. Once at start, before there are other threads. */
void kind_private_configure(const int *further, size_t n);
/* Private kinds are readable by their author, except gift wraps, whose author is a one-time key and
 * no reader. */
bool kind_author_reads(int kind);
/* All private kinds, for SQL parameters; *n is their number. */
const int *kind_private_list(size_t *n);

#endif
