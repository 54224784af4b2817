#ifndef RELAYCTL_EVENT_SOURCE_H
#define RELAYCTL_EVENT_SOURCE_H
/*
 * Where an import takes its events from: a file of JSON lines, or the PostgreSQL database of a
 * Nostpy relay. Blocking; one thread.
 */
#include "base/slice.h"

struct event_source;

/* A file, "-" for standard input. NULL after saying what is wrong. */
struct event_source *event_source_open_file(const char *path);
/* conninfo is libpq's: "postgresql://user@host/nostr" or "host=... dbname=...". The rows come in
 * the order of created_at by a cursor, so that deletions follow what they delete. NULL after saying
 * what is wrong. */
struct event_source *event_source_open_nostpy(const char *conninfo);
void event_source_close(struct event_source *s); /* NULL is fine */

enum event_source_result {
    SOURCE_EVENT,
    SOURCE_BAD, /* this one is no event at all, and *error says why */
    SOURCE_END,
    SOURCE_FAILED, /* the user has been told */
};
/* The next event as JSON text, valid until the next call; not checked in any way. */
enum event_source_result event_source_next(struct event_source *s, struct slice *json,
                                           const char **error);
/* What number the last one has: of a line or of a row, from 1. */
uint64_t event_source_position(const struct event_source *s);

#endif
