#ifndef TESTS_BENCH_CORPUS_H
#define TESTS_BENCH_CORPUS_H
/*
 * The events that a run works with, read from a file of one JSON object per line. The file is
 * mapped, so that millions of events cost little more than their parsed structs.
 */
#include "nostr/event.h"

#define CORPUS_NONE SIZE_MAX

struct corpus {
    struct event *event;
    struct slice *json; /* the line of each, to be published as it is */
    size_t n;
    uint32_t *slot; /* hash table by id: index + 1, or 0 */
    size_t mask;
    struct arena arena;
    char *map;
    size_t map_len;
};

/* Loads the lines behind the first `skip`, at most `limit` (0: all). Dies when there are none or
 * one is not an event. */
void corpus_load(struct corpus *c, const char *path, size_t skip, size_t limit);
/* Dies unless all events stay what anybody may read: of regular, public kinds. What must come back
 * can be told only then. */
void corpus_check_public(const struct corpus *c);
void corpus_free(struct corpus *c);
/* The place of the event with that id, or CORPUS_NONE. */
size_t corpus_find(const struct corpus *c, const struct event_id *id);

#endif
