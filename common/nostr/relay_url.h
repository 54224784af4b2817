#ifndef COMMON_NOSTR_RELAY_URL_H
#define COMMON_NOSTR_RELAY_URL_H
/*
 * Is this URL ours? (NIP-42 relay tag, NIP-62 relay tag, NIP-98 u tag.) Compared are host and port,
 * lower-cased, default ports dropped; ws, wss, http and https are one scheme (a proxy may end TLS);
 * a trailing slash and the path do not count. Any thread.
 */
#include "base/slice.h"

/* Writes the normalised "host" or "host:port" of a URL or a bare host[:port] into out
 * (NUL-terminated); false when there is none or it does not fit. Brackets of IPv6 stay. */
NODISCARD bool relay_url_host(struct slice url, char *out, size_t out_size);
/* True when url names one of the hosts in list (comma-separated URLs or hosts; may be empty). */
bool relay_url_in_list(struct slice url, struct slice list);

#endif
