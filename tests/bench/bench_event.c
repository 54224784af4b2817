/*
 * What one event costs, step by step: nanoseconds for parsing, writing, hashing and verifying a
 * kind 1 event of about 600 bytes and a follow list of about 60 KiB. Prints one line per step; not
 * a test.
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

static const char note_tail[] =
    ",\"content\":\"A note of ordinary length, with a line break\\nand a \\\"quoted\\\" word, some "
    "more of "
    "the usual words around it, and \xf0\x9f\x98\x80 at the end.\","
    "\"sig\":\"3ed440e88bd49699e7827e60db9eaee0af7468afdb3b2c253301aa592d00c7e0"
    "8c5e0f64811944b6151f8959d21c1b0b484f0f6d396bce6285e2445496e75e28\"}";

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

static void make_event(struct buf *text, int n_tags)
{
    buf_reset(text);
    buf_add_str(text, "{\"id\":\"" HEX64 "\",\"pubkey\":\"" HEX64
                      "\",\"created_at\":1700000000,\"kind\":1,\"tags\":[");
    for (int i = 0; i < n_tags; i++)
        buf_add_str(text, i > 0 ? ",[\"p\",\"" HEX64 "\"]" : "[\"e\",\"" HEX64 "\",\"\",\"root\"]");
    buf_add_char(text, ']');
    buf_add_str(text, note_tail);
}

static void measure(struct bench *b, const char *name, int n_tags, int rounds)
{
    make_event(&b->text, n_tags);
    printf("%s, %zu bytes\n", name, b->text.len);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        int n = rounds / steps[i].divisor;
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
    measure(&b, "note", 2, 200000);
    measure(&b, "follow list", 800, 2000);
    arena_deinit(&b.arena);
    buf_deinit(&b.scratch);
    buf_deinit(&b.out);
    buf_deinit(&b.text);
    return 0;
}
