#ifndef EVENT_HANDLER_TRUST_TRUST_BUILDER_H
#define EVENT_HANDLER_TRUST_TRUST_BUILDER_H
/*
 * Builds the Web of Trust: one thread in each event handler, of which one at a time leads, by an
 * advisory lock in PostgreSQL that goes with its connection. What it publishes reaches all event
 * handlers through control_head (access/watcher.h).
 *
 *   twice a second          new lists among the stored events; if one of the circle has changed
 *                           its list, the circle is computed anew and published at once
 *   every WOT_REFRESH_MINUTES, and on request
 *                           everything anew, with lists that other relays have (crawler.h):
 *                           first of those who count already, then of whom these let in
 *
 * A result that had better not be believed (guard.h) is noted in wot_generations and not published,
 * unless the request forces it.
 */
#include "base/base.h"

struct access;
struct config;
struct trust_builder;

/* Only with WOT_ENABLED and an admin. NULL without a thread or memory. Both are borrowed. */
struct trust_builder *trust_builder_start(const struct config *cfg, struct access *access);
/* Ends the thread. False when it hangs in the database: then nothing may be freed. */
NODISCARD bool trust_builder_stop(struct trust_builder *b, uint64_t deadline_ms);
void trust_builder_free(struct trust_builder *b); /* NULL is fine */

#endif
