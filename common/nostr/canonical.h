#ifndef COMMON_NOSTR_CANONICAL_H
#define COMMON_NOSTR_CANONICAL_H
/*
 * Reading members out of canonical JSON (event.h) without parsing it. Valid only for text that
 * event_write() made: what the database and the feed hold. Any thread.
 */
#include "nostr/event.h"

/* The 64 hex digits of id and pubkey, at their fixed places. */
struct slice canonical_id(struct slice json);
struct slice canonical_pubkey(struct slice json);
/* True when the event has a tag whose first two items are letter and value (value decoded). Exact:
 * inside a JSON string a quote is always escaped, so the text ["x","value" can only be a tag. */
bool canonical_has_tag(struct slice json, char letter, struct slice value);
/* event_readable() for canonical JSON of the given kind. */
bool canonical_readable(struct slice json, int kind, const struct pubkey *readers, size_t n);

#endif
