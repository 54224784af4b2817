#ifndef TESTS_UNIT_EVENT_HANDLER_EVENTS_H
#define TESTS_UNIT_EVENT_HANDLER_EVENTS_H
/*
 * Events from one line of text each, for tests of what happens to them; they are not signed. An id
 * is 32 times one byte, a pubkey 32 times one letter.
 *
 *   "11 a 30023 100 d=x e=22 p=b a=0:a:"       id, author, kind, created_at, tags
 *
 * Versions of kinds 0 and 3 are kept when they are replaced. e and q tags take an id's byte, p tags
 * an author's letter, a tags kind:letter:d; other values are taken as they are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "store/write_plan.h"

struct made_events { /* owns everything */
    struct arena arena;
};

static inline struct slice made_copy(struct made_events *m, const char *text, size_t len)
{
    struct slice s = arena_copy(&m->arena, slice_of(text, len));

    assert(s.ptr);
    return s;
}

static inline struct slice made_hex(struct made_events *m, uint8_t byte)
{
    uint8_t bytes[32];
    char hex[64];

    memset(bytes, byte, sizeof bytes);
    hex_encode(bytes, sizeof bytes, hex);
    return made_copy(m, hex, sizeof hex);
}

static inline struct slice made_value(struct made_events *m, const char *name, const char *value)
{
    char text[256], letter, d[64] = "";
    int kind;

    if (strcmp(name, "e") == 0 || strcmp(name, "q") == 0)
        return made_hex(m, (uint8_t)strtoul(value, NULL, 16));
    if (strcmp(name, "p") == 0)
        return made_hex(m, (uint8_t)value[0]);
    if (strcmp(name, "a") == 0 && sscanf(value, "%d:%c:%63s", &kind, &letter, d) >= 2) {
        struct slice pk = made_hex(m, (uint8_t)letter);

        snprintf(text, sizeof text, "%d:" SLICE_FMT ":%s", kind, SLICE_ARG(pk), d);
        return made_copy(m, text, strlen(text));
    }
    return made_copy(m, value, strlen(value));
}

static inline struct new_event *made_event(struct made_events *m, const char *line)
{
    struct event *ev = arena_calloc(&m->arena, 1, sizeof *ev);
    struct new_event *ne = arena_calloc(&m->arena, 1, sizeof *ne);
    char *text = strdup(line), *save, *word;
    struct buf json;
    unsigned id = 0;
    char author = 0;
    int used = 0;

    assert(ev && ne && text);
    if (sscanf(text, "%x %c %d %ld%n", &id, &author, &ev->kind, &ev->created_at, &used) != 4)
        abort();
    memset(ev->id.b, (int)id, sizeof ev->id.b);
    memset(ev->pubkey.b, author, sizeof ev->pubkey.b);
    ev->tag = arena_calloc(&m->arena, 64, sizeof *ev->tag);
    for (word = strtok_r(text + used, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        char *value = strchr(word, '=');
        struct tag *t = &ev->tag[ev->n_tags++];

        assert(value && ev->n_tags <= 64);
        *value++ = '\0';
        t->n = 2;
        t->item = arena_calloc(&m->arena, 2, sizeof *t->item);
        t->item[0] = made_copy(m, word, strlen(word));
        t->item[1] = made_value(m, word, value);
        if (strcmp(word, "expiration") == 0) {
            ev->has_expiration = true;
            ev->expires_at = strtol(value, NULL, 10);
        }
    }
    ev->content = SLICE("hello");
    free(text);
    buf_init(&json, 64 * KIB);
    event_write(ev, &json);
    new_event_init(ne, ev, made_copy(m, json.ptr, json.len));
    ne->keeps_versions = ev->kind == 0 || ev->kind == 3; /* everybody is a member here */
    ne->takes_all_wraps = ev->kind == 62;                /* and asks to vanish just now */
    buf_deinit(&json);
    return ne;
}

static inline unsigned made_number(unsigned *seed, unsigned below)
{
    *seed = *seed * 1103515245u + 12345u;
    return (*seed >> 8) % below;
}

/* A few authors, ids and moments, so that they meet. An event is a function of its id: nobody can
 * make two with one. */
static inline struct new_event *made_random(struct made_events *m, unsigned *seed)
{
    unsigned id = 0x10 + made_number(seed, 64), s = id * 7919;
    char author = (char)('a' + made_number(&s, 3)), line[160];
    unsigned at = 1 + made_number(&s, 6), target = 0x10 + made_number(&s, 64);

    switch (made_number(&s, 8)) {
    case 0:
    case 1:
        snprintf(line, sizeof line, "%x %c 1 %u", id, author, at);
        break;
    case 2:
    case 3:
        snprintf(line, sizeof line, "%x %c 0 %u", id, author, at);
        break;
    case 4: /* never later than a request to vanish: else it may come back, see write_plan.h */
        snprintf(line, sizeof line, "%x x 1059 %u p=%c", id, 1 + at % 3, author);
        break;
    case 5:
        snprintf(line, sizeof line, "%x %c 5 %u e=%x e=%x", id, author, at, target, target + 1);
        break;
    case 6:
        snprintf(line, sizeof line, "%x %c 5 %u a=0:%c:", id, author, at, author);
        break;
    default:
        snprintf(line, sizeof line, "%x %c %d %u", id, author, at > 4 ? 62 : 30000, at);
    }
    return made_event(m, line);
}

static inline void made_init(struct made_events *m)
{
    arena_init(&m->arena, 256 * MIB);
}

static inline void made_free(struct made_events *m)
{
    arena_deinit(&m->arena);
}

#endif
