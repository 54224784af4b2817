#ifndef EVENT_HANDLER_POLICY_FLOOD_H
#define EVENT_HANDLER_POLICY_FLOOD_H
/*
 * How often a text has come lately, whoever wrote it: the same words under ever new keys are a
 * flood. A fixed table of keyed hashes; a text that falls out of it begins anew. Any thread.
 */
#include "base/slice.h"
#include "nostr/keys.h"

/* Counts text once more at now_ms (monotonic), and gives how often it has come within the last
 * window_ms, this time included. The event that brought it last may bring it again: clients like to
 * publish everything anew. */
unsigned flood_count(struct slice text, const struct event_id *id, uint64_t now_ms,
                     uint64_t window_ms);

#endif
