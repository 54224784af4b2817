#include "request.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/hex.h"
#include "bench.h"
#include "rng.h"

struct maker {
    const struct corpus *corpus;
    struct rng rng;
    const struct event *around; /* the event that the REQ is built around */
    struct buf *json;
    const struct event **hit; /* room for the whole corpus */
};

/* ---- what is asked ---- */

static const struct event *random_event(struct maker *m)
{
    return &m->corpus->event[rng_below(&m->rng, m->corpus->n)];
}

/* The value of the first tag called `name` of a random event that has one. */
static struct slice random_tag_value(struct maker *m, const char *name)
{
    for (size_t tries = 0; tries < 100000; tries++) {
        const struct tag *t = event_find_tag(random_event(m), slice_str(name));

        if (t != NULL && t->n >= 2)
            return t->item[1];
    }
    bench_die("the corpus has no event with a tag %s", name);
}

static void add_hex(struct buf *out, const uint8_t key[32])
{
    char text[64];

    hex_encode(key, 32, text);
    buf_printf(out, "\"%.64s\"", text);
}

static void ask_ids(struct maker *m)
{
    size_t n = 1 + rng_below(&m->rng, 20);

    buf_add_str(m->json, "{\"ids\":[");
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_add_char(m->json, ',');
        add_hex(m->json, random_event(m)->id.b);
    }
    buf_add_str(m->json, "]}");
}

static void ask_author(struct maker *m)
{
    buf_add_str(m->json, "{\"authors\":[");
    add_hex(m->json, m->around->pubkey.b);
    buf_add_str(m->json, "],\"kinds\":[1],\"limit\":50}");
}

/* The home feed: everybody somebody follows. */
static void ask_feed(struct maker *m)
{
    size_t n = 50 + rng_below(&m->rng, 250);

    buf_add_str(m->json, "{\"authors\":[");
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_add_char(m->json, ',');
        add_hex(m->json, random_event(m)->pubkey.b);
    }
    buf_add_str(m->json, "],\"kinds\":[1,6],\"limit\":100}");
}

static void ask_thread(struct maker *m)
{
    struct slice id = random_tag_value(m, "e");

    buf_printf(m->json, "{\"#e\":[\"" SLICE_FMT "\"],\"kinds\":[1,7,9735],\"limit\":500}",
               SLICE_ARG(id));
}

static void ask_mentions(struct maker *m)
{
    struct slice pubkey = random_tag_value(m, "p");

    buf_printf(m->json, "{\"#p\":[\"" SLICE_FMT "\"],\"limit\":100}", SLICE_ARG(pubkey));
}

static void ask_topic(struct maker *m)
{
    struct slice topic = random_tag_value(m, "t");

    buf_printf(m->json, "{\"#t\":[\"" SLICE_FMT "\"],\"kinds\":[1],\"limit\":50}",
               SLICE_ARG(topic));
}

static void ask_kind(struct maker *m)
{
    buf_add_str(m->json, "{\"kinds\":[6],\"limit\":100}");
}

static void ask_recent(struct maker *m)
{
    buf_add_str(m->json, "{\"limit\":20}");
}

static void ask_window(struct maker *m)
{
    int64_t until = m->around->created_at;

    buf_printf(m->json,
               "{\"kinds\":[1,7],\"since\":%" PRId64 ",\"until\":%" PRId64 ",\"limit\":200}",
               until - 1800, until);
}

/* Two filters: an event, and what points to it. */
static void ask_replies(struct maker *m)
{
    struct slice id = random_tag_value(m, "e");

    buf_printf(m->json, "{\"ids\":[\"" SLICE_FMT "\"]},{\"#e\":[\"" SLICE_FMT "\"],\"limit\":500}",
               SLICE_ARG(id), SLICE_ARG(id));
}

static const struct {
    const char *name;
    void (*ask)(struct maker *m);
} kinds[REQUEST_KINDS] = {
    [REQUEST_IDS] = {"ids", ask_ids},
    [REQUEST_AUTHOR] = {"author", ask_author},
    [REQUEST_FEED] = {"feed", ask_feed},
    [REQUEST_THREAD] = {"thread", ask_thread},
    [REQUEST_MENTIONS] = {"mentions", ask_mentions},
    [REQUEST_TOPIC] = {"topic", ask_topic},
    [REQUEST_KIND] = {"kind", ask_kind},
    [REQUEST_RECENT] = {"recent", ask_recent},
    [REQUEST_WINDOW] = {"window", ask_window},
    [REQUEST_REPLIES] = {"replies", ask_replies},
};

const char *request_kind_name(enum request_kind kind)
{
    return kinds[kind].name;
}

/* ---- what must come ---- */

static int newest_first(const void *a, const void *b)
{
    const struct event *x = *(const struct event *const *)a;
    const struct event *y = *(const struct event *const *)b;

    if (x->created_at != y->created_at)
        return x->created_at > y->created_at ? -1 : 1;
    return memcmp(x->id.b, y->id.b, sizeof x->id.b);
}

/* Adds what filter f may give to the n hits there are already. */
static size_t add_hits(struct maker *m, const struct filter *f, size_t n)
{
    const struct event **own = m->hit + n;
    size_t found = 0;

    for (size_t i = 0; i < m->corpus->n; i++)
        if (filter_match(f, &m->corpus->event[i]))
            own[found++] = &m->corpus->event[i];
    qsort(own, found, sizeof(*own), newest_first);
    if ((f->has & FILTER_LIMIT) && (size_t)f->limit < found)
        found = (size_t)f->limit;
    return n + found;
}

/* The union of what all filters give, each event once. */
static void expect(struct maker *m, struct request *q)
{
    size_t n = 0, kept = 0;

    for (size_t i = 0; i < q->n_filters; i++)
        n = add_hits(m, &q->filter[i], n);
    qsort(m->hit, n, sizeof(*m->hit), newest_first);
    q->expected = bench_calloc(n + 1, sizeof *q->expected);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || m->hit[i] != m->hit[i - 1])
            q->expected[kept++] = m->hit[i]->created_at;
    q->n_expected = kept;
}

static void make_request(struct maker *m, struct request *q, struct arena *arena)
{
    static const struct filter_limits limits = {.max_values = 2000, .max_search_bytes = KIB};
    const char *error;
    bool unsupported;

    buf_init(&q->json, MIB);
    m->json = &q->json;
    m->around = random_event(m);
    kinds[q->kind].ask(m);
    if (!filter_list_parse(buf_slice(&q->json), &limits, 10, arena, &q->filter, &q->n_filters,
                           &error, &unsupported))
        bench_die("the REQ " SLICE_FMT " is wrong: %s", SLICE_ARG(buf_slice(&q->json)), error);
    expect(m, q);
}

struct request *request_list_make(const struct corpus *corpus, size_t variety, uint64_t seed,
                                  struct arena *arena, size_t *n)
{
    struct maker m = {.corpus = corpus, .rng = {seed}};
    struct request *list;

    corpus_check_public(corpus);
    *n = variety * REQUEST_KINDS;
    list = bench_calloc(*n, sizeof *list);
    /* Twice the corpus, because an event may be a hit of both filters of a REQ. */
    m.hit = bench_calloc(corpus->n * 2, sizeof(*m.hit));
    for (size_t i = 0; i < *n; i++) {
        list[i].kind = (enum request_kind)(i % REQUEST_KINDS);
        make_request(&m, &list[i], arena);
    }
    free(m.hit);
    return list;
}

void request_list_free(struct request *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_deinit(&list[i].json);
        free(list[i].expected);
    }
    free(list);
}

/* ---- checking ---- */

static bool is_hit(const struct request *q, const struct event *ev)
{
    for (size_t i = 0; i < q->n_filters; i++)
        if (filter_match(&q->filter[i], ev))
            return true;
    return false;
}

static int later_first(const void *a, const void *b, void *arg)
{
    const struct corpus *corpus = arg;
    const struct event *x = &corpus->event[*(const uint32_t *)a];
    const struct event *y = &corpus->event[*(const uint32_t *)b];

    return newest_first(&x, &y);
}

const char *request_check(const struct request *q, const struct corpus *corpus, uint32_t *got,
                          size_t n)
{
    const struct event *ev = corpus->event;

    for (size_t i = 0; i < n; i++)
        if (!is_hit(q, &ev[got[i]]))
            return "an event that was not asked for";
    for (size_t i = 1; q->n_filters == 1 && i < n; i++)
        if (ev[got[i]].created_at > ev[got[i - 1]].created_at)
            return "not newest first";
    qsort_r(got, n, sizeof *got, later_first, (void *)(uintptr_t)corpus);
    for (size_t i = 1; i < n; i++)
        if (got[i] == got[i - 1])
            return "an event came twice";
    if (n != q->n_expected)
        return n < q->n_expected ? "too few events" : "too many events";
    for (size_t i = 0; i < n; i++)
        if (ev[got[i]].created_at != q->expected[i])
            return "a newer event is missing";
    return NULL;
}
