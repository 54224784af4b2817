/*
 * gen: writes a corpus of signed events, one per line, the same for the same options.
 *
 * It looks like what a relay sees: notes, reactions, reposts, zaps and comments by authors few of
 * whom are busy, referring to earlier events (mostly recent ones), mentioning people, some with
 * topics; thirty days of them, nearly in order of time. --mixed adds profiles, follow lists, relay
 * lists, articles and gift wraps; what is then stored in the end depends on replacement, so only
 * `ingest` takes such a corpus.
 */
#include <inttypes.h>
#include <secp256k1.h>
#include <secp256k1_extrakeys.h>
#include <secp256k1_schnorrsig.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "bench.h"
#include "corpus.h"
#include "nostr/kind.h"
#include "nostr/verify.h"
#include "rng.h"

enum {
    MAX_TAGS = 512,
    SPAN_SECONDS = 30 * 86400,
    DISORDER_SECONDS = 120,
    REACH = 20000,     /* how many events back one refers at most */
    FIRST_NOTES = 100, /* these refer to nothing: there is too little yet */
    KIND_COMMENT = 1111,
    KIND_ZAP = 9735,
    KIND_RELAYS = 10002,
    KIND_ARTICLE = 30023,
};

struct author {
    secp256k1_keypair keys;
    struct pubkey pubkey;
    char hex[64];
};

struct gen {
    struct rng rng;
    secp256k1_context *secp;
    struct author *author;
    size_t n_authors;
    struct event_id *id; /* of the events written so far */
    uint32_t *by;        /* their authors */
    size_t n;            /* how many */
    /* The event being made. */
    struct arena arena;
    struct event event;
    struct tag tag[MAX_TAGS];
    struct buf content, text;
};

/* ---- parts of an event ---- */

static struct slice keep(struct gen *g, struct slice s)
{
    struct slice copy = arena_copy(&g->arena, s);

    if (copy.ptr == NULL && s.len > 0)
        bench_die("out of memory");
    return copy;
}

static struct slice keep_hex(struct gen *g, const uint8_t key[32])
{
    char text[64];

    hex_encode(key, 32, text);
    return keep(g, slice_of(text, sizeof text));
}

/* Adds a tag of up to four items; the first that is empty and has none behind it ends it. */
static void add_tag(struct gen *g, const char *name, struct slice value, const char *third,
                    const char *fourth)
{
    struct slice *item = arena_alloc(&g->arena, 4 * sizeof *item);
    struct tag *t = &g->tag[g->event.n_tags];

    if (item == NULL || g->event.n_tags == MAX_TAGS)
        bench_die("an event has too many tags");
    item[0] = slice_str(name);
    item[1] = value;
    *t = (struct tag){item, 2};
    if (third != NULL)
        item[t->n++] = slice_str(third);
    if (fourth != NULL)
        item[t->n++] = slice_str(fourth);
    g->event.n_tags++;
}

static void mention(struct gen *g, size_t author)
{
    add_tag(g, "p", slice_of(g->author[author].hex, 64), NULL, NULL);
}

static void mention_somebody(struct gen *g)
{
    mention(g, rng_rank(&g->rng, g->n_authors));
}

/* e and p of an earlier event, mostly a recent one. */
static void refer(struct gen *g, const char *marker)
{
    size_t reach = g->n < REACH ? g->n : REACH;
    size_t to = g->n - 1 - rng_rank(&g->rng, reach);

    add_tag(g, "e", keep_hex(g, g->id[to].b), marker != NULL ? "" : NULL, marker);
    mention(g, g->by[to]);
}

/* Words up to some length, with quotes, new lines and other alphabets among them. */
static void write_words(struct gen *g, size_t length)
{
    static const char *const words[] = {
        "relay", "note",  "key",    "good",     "morning", "coffee", "café",    "signal", "light",
        "open",  "river", "code",   "friend",   "\n",      "sats",   "zap",     "run",    "a",
        "node",  "share", "learn",  "\"so\"",   "build",   "photo",  "walk",    "rain",   "the",
        "music", "today", "список", "protocol", "hello",   "🧡",   "freedom", "ship",   "世界",
        "block", "idea",  "and",    "\\o/",     "art",     "of",     "network", "tandem", "book",
    };

    while (g->content.len < length) {
        if (g->content.len > 0)
            buf_add_char(&g->content, ' ');
        buf_add_str(&g->content, words[rng_below(&g->rng, ARRAY_LEN(words))]);
    }
}

/* ---- the kinds ---- */

static void make_note(struct gen *g)
{
    static const char *const topics[] = {
        "nostr", "bitcoin", "art",      "music",  "photography", "coffee",  "books", "dev",
        "meme",  "zap",     "asknostr", "travel", "garden",      "running", "chess", "news"};

    if (g->n >= FIRST_NOTES && rng_chance(&g->rng, 50)) {
        refer(g, "root");
        while (g->event.n_tags < 12 && rng_chance(&g->rng, 40))
            mention_somebody(g);
    }
    if (rng_chance(&g->rng, 25))
        add_tag(g, "t", slice_str(topics[rng_rank(&g->rng, ARRAY_LEN(topics))]), NULL, NULL);
    write_words(g, 20 + rng_rank(&g->rng, 1200));
}

static void make_reaction(struct gen *g)
{
    refer(g, NULL);
    add_tag(g, "k", SLICE("1"), NULL, NULL);
    buf_add_str(&g->content, rng_chance(&g->rng, 80) ? "+" : "🤙");
}

static void make_repost(struct gen *g)
{
    refer(g, NULL);
}

static void make_zap(struct gen *g)
{
    static const char digits[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    char invoice[260] = "lnbc210n1";

    for (size_t i = strlen(invoice); i < sizeof invoice - 1; i++)
        invoice[i] = digits[rng_below(&g->rng, 32)];
    refer(g, NULL);
    add_tag(g, "bolt11", keep(g, slice_of(invoice, sizeof invoice - 1)), NULL, NULL);
    add_tag(g, "description", SLICE("{\"kind\":9734,\"content\":\"\",\"tags\":[]}"), NULL, NULL);
}

static void make_comment(struct gen *g)
{
    refer(g, NULL);
    add_tag(g, "k", SLICE("1"), NULL, NULL);
    write_words(g, 20 + rng_rank(&g->rng, 600));
}

static void make_profile(struct gen *g)
{
    buf_printf(&g->content, "{\"name\":\"user%zu\",\"about\":\"", rng_below(&g->rng, 100000));
    write_words(g, g->content.len + 60);
    buf_add_str(&g->content, "\",\"picture\":\"https://example.com/picture.jpg\"}");
}

static void make_follows(struct gen *g)
{
    for (size_t n = 20 + rng_below(&g->rng, 300); n > 0; n--)
        mention_somebody(g);
}

static void make_relays(struct gen *g)
{
    add_tag(g, "r", SLICE("wss://relay.example.com"), "read", NULL);
    add_tag(g, "r", SLICE("wss://nostr.example.org"), NULL, NULL);
}

static void make_article(struct gen *g)
{
    char name[32];
    int n = snprintf(name, sizeof name, "post-%zu", rng_below(&g->rng, 40));

    add_tag(g, "d", keep(g, slice_of(name, (size_t)n)), NULL, NULL);
    add_tag(g, "title", SLICE("On relays"), NULL, NULL);
    write_words(g, 2000 + rng_below(&g->rng, 6000));
}

static void make_gift(struct gen *g)
{
    mention_somebody(g);
    write_words(g, 800 + rng_below(&g->rng, 1200));
}

static const struct recipe {
    int kind;
    unsigned weight;
    bool refers; /* to an earlier event */
    bool mixed;  /* only with --mixed */
    void (*make)(struct gen *g);
} recipes[] = {
    {KIND_NOTE, 500, false, false, make_note},     {7, 250, true, false, make_reaction},
    {KIND_REPOST, 60, true, false, make_repost},   {KIND_ZAP, 70, true, false, make_zap},
    {KIND_COMMENT, 30, true, false, make_comment}, {KIND_METADATA, 30, false, true, make_profile},
    {KIND_FOLLOWS, 10, false, true, make_follows}, {KIND_RELAYS, 15, false, true, make_relays},
    {KIND_ARTICLE, 15, false, true, make_article}, {KIND_GIFT_WRAP, 30, false, true, make_gift},
};

static size_t weight_of(const struct recipe *r, bool mixed)
{
    return r->mixed && !mixed ? 0 : r->weight;
}

static const struct recipe *choose_recipe(struct gen *g, bool mixed)
{
    const struct recipe *r = recipes;
    size_t total = 0, at;

    for (size_t i = 0; i < ARRAY_LEN(recipes); i++)
        total += weight_of(&recipes[i], mixed);
    at = rng_below(&g->rng, total);
    while (at >= weight_of(r, mixed))
        at -= weight_of(r++, mixed);
    return r->refers && g->n < FIRST_NOTES ? &recipes[0] : r;
}

/* ---- whole events ---- */

static void make_author(struct gen *g, struct author *a, uint64_t seed, size_t i)
{
    char name[64];
    uint8_t secret[32];
    secp256k1_xonly_pubkey x;
    int n = snprintf(name, sizeof name, "relay_bench author %" PRIu64 " %zu", seed, i);

    sha256(name, (size_t)n, secret);
    if (!secp256k1_keypair_create(g->secp, &a->keys, secret) ||
        !secp256k1_keypair_xonly_pub(g->secp, &x, NULL, &a->keys))
        bench_die("author %zu has no valid key", i); /* one in 2^128 */
    secp256k1_xonly_pubkey_serialize(g->secp, a->pubkey.b, &x);
    hex_encode(a->pubkey.b, sizeof a->pubkey.b, a->hex);
}

/* Fills in id and signature; without extra randomness, so that they are the same every time. */
static void sign(struct gen *g, const struct author *a)
{
    struct event *ev = &g->event;

    buf_reset(&g->text);
    event_write_preimage(ev, false, &g->text);
    sha256(g->text.ptr, g->text.len, ev->id.b);
    if (!secp256k1_schnorrsig_sign32(g->secp, ev->sig.b, ev->id.b, &a->keys, NULL))
        bench_die("cannot sign");
}

static void make_event(struct gen *g, const struct options *o)
{
    uint32_t by = (uint32_t)rng_rank(&g->rng, g->n_authors);
    const struct recipe *recipe = choose_recipe(g, o->mixed);
    size_t second = g->n * SPAN_SECONDS / o->events;

    arena_reset(&g->arena);
    buf_reset(&g->content);
    g->event = (struct event){
        .pubkey = g->author[by].pubkey,
        .kind = recipe->kind,
        .created_at = (int64_t)(o->until - SPAN_SECONDS + second) -
                      (int64_t)rng_below(&g->rng, DISORDER_SECONDS),
        .tag = g->tag,
    };
    recipe->make(g);
    g->event.content = buf_slice(&g->content);
    sign(g, &g->author[by]);
    g->id[g->n] = g->event.id;
    g->by[g->n] = by;
    g->n++;
}

static void write_event(struct gen *g, FILE *f, const char *path)
{
    buf_reset(&g->text);
    event_write(&g->event, &g->text);
    buf_add_char(&g->text, '\n');
    if (g->text.failed || fwrite(g->text.ptr, 1, g->text.len, f) != g->text.len)
        bench_die("cannot write %s", path);
}

int cmd_gen(const struct options *o)
{
    struct gen *g = bench_calloc(1, sizeof *g);
    FILE *f = fopen(o->file, "w");

    if (f == NULL)
        bench_die("cannot write %s", o->file);
    if (o->events == 0 || o->authors == 0)
        bench_die("--events and --authors must be 1 or more");
    g->rng.state = o->seed;
    g->secp = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    g->n_authors = o->authors;
    g->author = bench_calloc(o->authors, sizeof *g->author);
    g->id = bench_calloc(o->events, sizeof *g->id);
    g->by = bench_calloc(o->events, sizeof *g->by);
    arena_init(&g->arena, MIB);
    buf_init(&g->content, MIB);
    buf_init(&g->text, MIB);
    for (size_t i = 0; i < g->n_authors; i++)
        make_author(g, &g->author[i], o->seed, i);
    while (g->n < o->events) {
        make_event(g, o);
        write_event(g, f, o->file);
    }
    if (fclose(f) != 0)
        bench_die("cannot write %s", o->file);
    printf("gen: %zu events by %zu authors, seed %zu, in %s\n", o->events, o->authors, o->seed,
           o->file);
    buf_deinit(&g->text);
    buf_deinit(&g->content);
    arena_deinit(&g->arena);
    secp256k1_context_destroy(g->secp);
    free(g->author);
    free(g->id);
    free(g->by);
    free(g);
    return 0;
}
