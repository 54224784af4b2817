/*
 * What one event costs, step by step, in nanoseconds, for some shapes of events. Not a test. Build:
 *   make build/libcommon.a && gcc -O2 -std=c17 -D_GNU_SOURCE -Icommon tests/bench/bench_event.c \
 *       build/libcommon.a -lsecp256k1 -lcrypto -o build/bench_event
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "nostr/canonical.h"
#include "nostr/verify.h"
#include "json/jread.h"

#define HEX64 "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9"

static const struct event_limits limits = {
    .max_event_bytes = 256 * KIB,
    .max_tags = 5000,
    .max_content_chars = 256 * KIB,
};

/* Content is `text`, as on the wire, `times` over. */
static const struct shape {
    const char *name;
    int tags;
    const char *text;
    int times;
    int rounds;
} shapes[] = {
    {"note", 2, "A line of a note with a \\\"quoted\\\" word, and so on to its end.\\n", 3, 200000},
    {"note in Japanese", 2,
     "\xe3\x81\x93\xe3\x82\x93\xe3\x81\xab\xe3\x81\xa1\xe3\x81\xaf\xe3\x80\x82", 20, 100000},
    {"repost", 2,
     "{\\\"id\\\":\\\"" HEX64 "\\\",\\\"kind\\\":1,\\\"tags\\\":[[\\\"t\\\",\\\"x\\\"]]}", 6,
     100000},
    {"follow list", 800, "", 1, 2000},
};

struct bench {
    struct buf text, out, scratch;
    struct arena arena;
    struct event ev;
};

typedef void step_fn(struct bench *);

static void die(const char *why)
{
    fprintf(stderr, "bench_event: %s\n", why);
    exit(1);
}

static void step_skip(struct bench *b)
{
    struct jread r;

    arena_reset(&b->arena);
    jread_init(&r, buf_slice(&b->text), &b->arena);
    if (!jread_skip(&r, NULL))
        die("the text is not JSON");
}

static void step_parse(struct bench *b)
{
    bool has_id;
    const char *error;

    arena_reset(&b->arena);
    if (!event_parse(buf_slice(&b->text), &limits, &b->arena, &b->ev, &has_id, &error))
        die(error);
}

static void step_write(struct bench *b)
{
    buf_reset(&b->out);
    event_write(&b->ev, &b->out);
}

static void step_preimage(struct bench *b)
{
    buf_reset(&b->scratch);
    event_write_preimage(&b->ev, false, &b->scratch);
}

static void step_hash(struct bench *b)
{
    sha256(b->scratch.ptr, b->scratch.len, b->ev.id.b);
}

static void step_verify(struct bench *b)
{
    /* The signature is of another event, which takes as long to find out as a right one. */
    if (verify_event(&b->ev, &b->scratch) != VERIFY_BAD_SIG)
        die("unexpected result");
}

static void step_has_tag(struct bench *b)
{
    if (canonical_has_tag(buf_slice(&b->out), 'p', SLICE("nobody")))
        die("found what is not there");
}

static const struct {
    const char *name;
    step_fn *run;
    int divisor; /* of the number of rounds */
} steps[] = {
    {"skip as JSON", step_skip, 1},     {"parse", step_parse, 1}, {"write", step_write, 1},
    {"preimage", step_preimage, 1},     {"sha256", step_hash, 1}, {"verify", step_verify, 20},
    {"canonical tag", step_has_tag, 1},
};

static void make_event(struct buf *text, const struct shape *shape)
{
    buf_reset(text);
    buf_add_str(text, "{\"id\":\"" HEX64 "\",\"pubkey\":\"" HEX64
                      "\",\"created_at\":1700000000,\"kind\":1,\"tags\":[");
    for (int i = 0; i < shape->tags; i++)
        buf_add_str(text, i > 0 ? ",[\"p\",\"" HEX64 "\"]" : "[\"e\",\"" HEX64 "\",\"\",\"root\"]");
    buf_add_str(text, "],\"content\":\"");
    for (int i = 0; i < shape->times; i++)
        buf_add_str(text, shape->text);
    buf_add_str(text, "\",\"sig\":\"" HEX64 HEX64 "\"}");
}

static void measure(struct bench *b, const struct shape *shape)
{
    make_event(&b->text, shape);
    printf("%s, %zu bytes\n", shape->name, b->text.len);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        int n = shape->rounds / steps[i].divisor;
        uint64_t start;

        steps[i].run(b); /* warms caches and buffers */
        start = clock_mono_us();
        for (int k = 0; k < n; k++)
            steps[i].run(b);
        printf("  %-14s %8.0f ns\n", steps[i].name, (double)(clock_mono_us() - start) * 1000 / n);
    }
}

int main(void)
{
    struct bench b;

    verify_setup();
    buf_init(&b.text, MIB);
    buf_init(&b.out, MIB);
    buf_init(&b.scratch, MIB);
    arena_init(&b.arena, 4 * MIB);
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        measure(&b, &shapes[i]);
    arena_deinit(&b.arena);
    buf_deinit(&b.scratch);
    buf_deinit(&b.out);
    buf_deinit(&b.text);
    return 0;
}
