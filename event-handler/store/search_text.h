#ifndef EVENT_HANDLER_STORE_SEARCH_TEXT_H
#define EVENT_HANDLER_STORE_SEARCH_TEXT_H
/* NIP-50: which words of an event can be searched for. Pure; any thread. */
#include "base/arena.h"
#include "base/buf.h"
#include "nostr/event.h"

/* The kinds that are searched: those that people write to be read. */
const int32_t *search_text_kinds(size_t *n);

/* Appends the searchable text of ev (of one of those kinds): valid UTF-8 without NUL, at most
 * SEARCH_TEXT_MOST bytes. arena is scratch. */
enum { SEARCH_TEXT_MOST = 64 * 1024 };
void search_text_write(const struct event *ev, struct arena *arena, struct buf *out);

#endif
