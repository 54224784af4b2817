#ifndef TESTS_UNIT_WEBSOCKET_HANDLER_RANDOM_NOSTR_H
#define TESTS_UNIT_WEBSOCKET_HANDLER_RANDOM_NOSTR_H
/*
 * Random events and filters over few values of each sort, so that much matches and keys are shared.
 * The generator is our own, so that a failure can be repeated. Events are unsigned: nothing here
 * checks signatures.
 */
#include <stdarg.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "nostr/filter.h"

enum { RANDOM_KEYS = 6, RANDOM_VALUES = 5 };

static const char random_letters[] = {'e', 'p', 't', 'D'};
static const int random_kinds[] = {1, 4, 7, 1059, 20001, 30023};

static uint64_t random_state = 1;

static inline uint32_t random_below(uint32_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % n;
}

/* The i-th of a family of 32-byte values. */
static inline void key_of_number(uint64_t i, uint8_t out[32])
{
    memset(out, 0xa5, 32);
    memcpy(out, &i, sizeof i);
}

static inline void add_key(struct buf *out, uint64_t i)
{
    uint8_t bytes[32];
    char hex[64];

    key_of_number(i, bytes);
    hex_encode(bytes, sizeof bytes, hex);
    buf_add_char(out, '"');
    buf_add(out, hex, sizeof hex);
    buf_add_char(out, '"');
}

static inline void add_tag_value(struct buf *out, char letter, uint32_t i)
{
    if (letter == 'e' || letter == 'p')
        add_key(out, i);
    else
        buf_printf(out, "\"v%u\"", (unsigned)i);
}

/* Canonical JSON. number makes the id. */
static inline void add_event(struct buf *out, uint64_t number, uint64_t author, int64_t created_at,
                             int kind, const char *tags)
{
    buf_add_str(out, "{\"id\":");
    add_key(out, number);
    buf_add_str(out, ",\"pubkey\":");
    add_key(out, author);
    buf_printf(out,
               ",\"created_at\":%lld,\"kind\":%d,\"tags\":%s,\"content\":\"\",\"sig\":\"%0128d\"}",
               (long long)created_at, kind, tags, 0);
}

static inline void add_random_event(struct buf *out, uint64_t number)
{
    struct buf tags;
    uint32_t n = random_below(4);

    buf_init(&tags, 64 * KIB);
    buf_add_char(&tags, '[');
    for (uint32_t i = 0; i < n; i++) {
        char letter = random_letters[random_below(ARRAY_LEN(random_letters))];

        buf_printf(&tags, "%s[\"%c\",", i > 0 ? "," : "", letter);
        add_tag_value(&tags, letter, random_below(RANDOM_VALUES));
        buf_add_char(&tags, ']');
    }
    buf_add_char(&tags, ']');
    buf_add_char(&tags, '\0');
    add_event(out, number, random_below(RANDOM_KEYS), 1000 + random_below(100),
              random_kinds[random_below(ARRAY_LEN(random_kinds))], tags.ptr);
    buf_deinit(&tags);
}

/* "name":[ ... ] of 0 to 3 values. */
static inline void add_random_list(struct buf *out, const char *name)
{
    uint32_t n = random_below(20) == 0 ? 0 : 1 + random_below(3);

    if (out->ptr[out->len - 1] != '{')
        buf_add_char(out, ',');
    buf_printf(out, "\"%s\":[", name);
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        if (name[0] == '#')
            add_tag_value(out, name[1], random_below(RANDOM_VALUES));
        else if (strcmp(name, "kinds") == 0)
            buf_add_i64(out, random_kinds[random_below(ARRAY_LEN(random_kinds))]);
        else
            add_key(out, random_below(strcmp(name, "ids") == 0 ? 300 : RANDOM_KEYS));
    }
    buf_add_char(out, ']');
}

static inline void add_random_filter(struct buf *out)
{
    static const char *const lists[] = {"ids", "authors", "kinds", "#e", "#p", "#t", "#D"};

    buf_add_char(out, '{');
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (random_below(i == 0 ? 8 : 4) == 0)
            add_random_list(out, lists[i]);
    if (random_below(6) == 0)
        buf_printf(out, "%s\"since\":%u", out->ptr[out->len - 1] == '{' ? "" : ",",
                   1000 + (unsigned)random_below(100));
    if (random_below(6) == 0)
        buf_printf(out, "%s\"until\":%u", out->ptr[out->len - 1] == '{' ? "" : ",",
                   1000 + (unsigned)random_below(100));
    if (random_below(3) == 0)
        buf_printf(out, "%s\"limit\":%u", out->ptr[out->len - 1] == '{' ? "" : ",",
                   (unsigned)random_below(3));
    buf_add_char(out, '}');
}

static const struct event_limits generous = {1 << 20, 10000, 1 << 20};

/* Asserting readers. */
static inline void read_event(struct slice text, struct arena *arena, struct event *ev)
{
    const char *error = "";
    bool has_id, ok = event_parse(text, &generous, arena, ev, &has_id, &error);

    if (!ok)
        fail_msg("%s in " SLICE_FMT, error, SLICE_ARG(text));
}

static inline void read_filter(struct slice text, struct arena *arena, struct filter *f)
{
    const struct filter_limits limits = {5000, 1000};
    const char *error = "";
    bool unsupported, ok;
    struct jread r;

    jread_init(&r, text, arena);
    ok = filter_parse(&r, &limits, arena, f, &error, &unsupported);
    if (!ok)
        fail_msg("%s in " SLICE_FMT, error, SLICE_ARG(text));
}

#endif
