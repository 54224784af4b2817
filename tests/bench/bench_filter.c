/*
 * What matching one event against one filter costs, in nanoseconds, for the filters that clients
 * really send; and what reading and copying such a filter costs. Prints one line per filter; not a
 * test.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "nostr/filter.h"

#define HEX62 "308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9"
#define NOTE                                                                                       \
    "{\"id\":\"01" HEX62 "\",\"pubkey\":\"ff" HEX62                                                \
    "\",\"created_at\":1700000000,\"kind\":1,\"tags\":["

static const struct event_limits event_limits = {
    .max_event_bytes = 256 * KIB,
    .max_tags = 5000,
    .max_content_chars = 256 * KIB,
};
static const struct filter_limits filter_limits = {.max_values = 2000, .max_search_bytes = 256};

struct bench {
    struct arena events, filters;
    struct event note, follows;
};

static void die(const char *why)
{
    fprintf(stderr, "bench_filter: %s\n", why);
    exit(1);
}

/* A text note with three tags, or one that names n people. */
static void make_event(struct bench *b, struct event *ev, int n)
{
    struct buf text;
    struct slice kept;
    const char *error;
    bool has_id;

    buf_init(&text, MIB);
    buf_add_str(&text, NOTE "[\"e\",\"aa" HEX62 "\",\"\",\"reply\"],[\"t\",\"nostr\"]");
    for (int i = 0; i < n; i++)
        buf_printf(&text, ",[\"p\",\"%04x%.60s\"]", i, HEX62);
    buf_printf(
        &text, "],\"content\":\"%s\",\"sig\":\"ff" HEX62 "ff" HEX62 "\"}",
        "A note of ordinary length about relays, in plain words, as people write them every day");
    kept = arena_copy(&b->events, buf_slice(&text));
    if (!kept.ptr || !event_parse(kept, &event_limits, &b->events, ev, &has_id, &error))
        die("the event does not parse");
    buf_deinit(&text);
}

static void read_filter(struct bench *b, struct slice json, struct filter *f)
{
    struct jread r;
    const char *error;
    bool unsupported;

    arena_reset(&b->filters);
    jread_init(&r, json, &b->filters);
    if (!filter_parse(&r, &filter_limits, &b->filters, f, &error, &unsupported))
        die(error);
}

static double measure_match(const struct filter *f, const struct event *ev, int rounds)
{
    uint64_t start = clock_mono_us();
    int matches = 0;

    for (int i = 0; i < rounds; i++)
        matches += filter_match(f, ev);
    if (matches != 0 && matches != rounds)
        die("the answer changed");
    return (double)(clock_mono_us() - start) * 1000 / rounds;
}

static double measure_parse(struct bench *b, struct slice json, int rounds)
{
    uint64_t start = clock_mono_us();
    struct filter f;

    for (int i = 0; i < rounds; i++)
        read_filter(b, json, &f);
    return (double)(clock_mono_us() - start) * 1000 / rounds;
}

static double measure_dup(const struct filter *f, int rounds)
{
    uint64_t start = clock_mono_us();

    for (int i = 0; i < rounds; i++)
        free(filter_dup(f));
    return (double)(clock_mono_us() - start) * 1000 / rounds;
}

static void measure(struct bench *b, const char *name, struct slice json, int rounds)
{
    struct filter f;
    double note, follows;

    read_filter(b, json, &f);
    note = measure_match(&f, &b->note, rounds);
    follows = measure_match(&f, &b->follows, rounds / 10);
    printf("%-26s %9.1f %9.1f %9.0f", name, note, follows, measure_dup(&f, rounds / 100));
    printf(" %9.0f\n", measure_parse(b, json, rounds / 100));
}

/* {"kinds":[1,6],"authors":[n keys]} */
static void measure_authors(struct bench *b, const char *name, int n)
{
    struct buf json;

    buf_init(&json, MIB);
    buf_add_str(&json, "{\"kinds\":[1,6],\"authors\":");
    for (int i = 0; i < n; i++)
        buf_printf(&json, "%c\"%04x%.60s\"", i == 0 ? '[' : ',', (unsigned)i * 40503u & 0xffff,
                   HEX62);
    buf_add_str(&json, "]}");
    measure(b, name, buf_slice(&json), 1000000);
    buf_deinit(&json);
}

int main(void)
{
    struct bench b;

    arena_init(&b.events, 4 * MIB);
    arena_init(&b.filters, 4 * MIB);
    make_event(&b, &b.note, 1);
    make_event(&b, &b.follows, 500);
    printf("%-26s %9s %9s %9s %9s   (ns)\n", "filter", "note", "500 tags", "copy", "parse");
    measure(&b, "everything", SLICE("{}"), 1000000);
    measure(&b, "other kind", SLICE("{\"kinds\":[7],\"limit\":50}"), 1000000);
    measure(&b, "tag, not there", SLICE("{\"kinds\":[1],\"#p\":[\"00" HEX62 "\"]}"), 1000000);
    measure(&b, "topic", SLICE("{\"#t\":[\"bitcoin\",\"nostr\",\"art\"],\"since\":1690000000}"),
            1000000);
    measure(&b, "search, not there", SLICE("{\"kinds\":[1],\"search\":\"plain words yesterday\"}"),
            100000);
    measure_authors(&b, "1 author", 1);
    measure_authors(&b, "100 authors", 100);
    measure_authors(&b, "2000 authors", 2000);
    arena_deinit(&b.filters);
    arena_deinit(&b.events);
    return 0;
}
