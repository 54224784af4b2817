/*
 * What live delivery costs inside the front end, in nanoseconds, without sockets: finding the
 * subscriptions that an event matches, among more and more that it does not; subscribing and
 * leaving; and queueing one shared body for many clients. Prints one line each; not a test.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "conn/outq.h"
#include "live/sub_index.h"

#define HEX60 "8a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9"

enum { MATCHING = 20, MATCH_ROUNDS = 100000, QUEUES = 200, PIECES = 64, QUEUE_ROUNDS = 20000 };

static const struct event_limits event_limits = {
    .max_event_bytes = 256 * KIB,
    .max_tags = 5000,
    .max_content_chars = 256 * KIB,
};
static const struct filter_limits filter_limits = {.max_values = 2000, .max_search_bytes = 256};

/* A note that answers another and mentions two people. */
static const char note[] =
    "{\"id\":\"0000" HEX60 "\",\"pubkey\":\"ffff" HEX60 "\",\"created_at\":1700000000,\"kind\":1,"
    "\"tags\":[[\"e\",\"eeee" HEX60 "\"],[\"p\",\"dddd" HEX60 "\"],[\"p\",\"cccc" HEX60 "\"]],"
    "\"content\":\"A note of ordinary length, such as people write them all day long.\","
    "\"sig\":\"0000" HEX60 "0000" HEX60 "\"}";

static void need(bool fine, const char *what)
{
    if (fine)
        return;
    fprintf(stderr, "bench_fanout: %s failed\n", what);
    exit(1);
}

static void print_line(const char *what, size_t n, uint64_t start_us, size_t times)
{
    double ns = (double)(clock_mono_us() - start_us) * 1000 / (double)times;

    printf("%-44s %8zu %12.1f ns\n", what, n, ns);
}

/* ---- matching ---- */

static void subscribe(struct sub_index *ix, struct subscriber *s, const char *text,
                      struct arena *arena)
{
    struct filter *filters;
    size_t n;
    const char *error;
    bool unsupported;

    arena_reset(arena);
    need(filter_list_parse(slice_str(text), &filter_limits, 2, arena, &filters, &n, &error,
                           &unsupported),
         "filter_list_parse");
    need(sub_index_hold(ix, s, filters, n), "sub_index_hold");
    need(sub_index_activate(ix, s), "sub_index_activate");
}

/* Its own author, and mentions of them: a filter of an ordinary client that the note does not
 * match. */
static void subscribe_elsewhere(struct sub_index *ix, struct subscriber *s, size_t i,
                                struct arena *arena)
{
    char text[256];

    snprintf(text, sizeof text, "{\"authors\":[\"%064zx\"],\"kinds\":[1,7]},{\"#p\":[\"%064zx\"]}",
             i + 1, i + 1);
    subscribe(ix, s, text, arena);
}

static void bench_match(size_t others)
{
    struct sub_index *ix = sub_index_new();
    struct subscriber *s = calloc(MATCHING + others, sizeof *s);
    struct subscriber *const *found;
    struct arena arena, event_arena;
    struct event ev;
    const char *error;
    bool has_id;
    uint64_t start;

    need(ix != NULL && s != NULL, "memory");
    arena_init(&arena, MIB);
    arena_init(&event_arena, MIB);
    need(event_parse(slice_str(note), &event_limits, &event_arena, &ev, &has_id, &error),
         "event_parse");
    for (size_t i = 0; i < MATCHING; i++)
        subscribe(ix, &s[i], "{\"kinds\":[1,6,7]}", &arena);
    start = clock_mono_us();
    for (size_t i = 0; i < others; i++)
        subscribe_elsewhere(ix, &s[MATCHING + i], i, &arena);
    print_line("parse and index a REQ of two filters", others, start, others);

    start = clock_mono_us();
    for (size_t i = 0; i < MATCH_ROUNDS; i++)
        need(sub_index_match(ix, &ev, &found) == MATCHING, "sub_index_match");
    print_line("match an event that 20 want, among others", others, start, MATCH_ROUNDS);

    start = clock_mono_us();
    for (size_t i = 0; i < MATCHING + others; i++)
        sub_index_release(ix, &s[i]);
    print_line("leave the index", others, start, MATCHING + others);
    sub_index_free(ix);
    free(s);
    arena_deinit(&event_arena);
    arena_deinit(&arena);
}

/* ---- queueing ---- */

/* Takes all that is queued, as if the socket had taken it. */
static void drain(struct outq *q, struct outq_pool *pool)
{
    struct iovec pieces[PIECES];

    while (q->bytes > 0) {
        size_t n = outq_gather(q, pieces, PIECES), bytes = 0;

        for (size_t i = 0; i < n; i++)
            bytes += pieces[i].iov_len;
        outq_consume(q, pool, bytes);
    }
}

/* `burst` events for each of QUEUES clients in a turn, then all of it goes out. */
static void bench_queue(size_t burst)
{
    static const char head[] = "\x81\x7e\x02\x58[\"EVENT\",\"live\",";
    struct outq *q = calloc(QUEUES, sizeof *q);
    struct outq_pool pool = {0};
    uint64_t start = clock_mono_us();
    size_t turns = QUEUE_ROUNDS / burst;

    need(q != NULL, "memory");
    for (size_t turn = 0; turn < turns; turn++) {
        for (size_t i = 0; i < burst; i++) {
            struct refbuf *body = refbuf_new(slice_str(note));

            need(body != NULL, "refbuf_new");
            for (size_t k = 0; k < QUEUES; k++) {
                char *room = outq_add_shared(&q[k], &pool, strlen(head), body);

                need(room != NULL, "outq_add_shared");
                memcpy(room, head, strlen(head));
            }
            refbuf_unref(body);
        }
        for (size_t k = 0; k < QUEUES; k++)
            drain(&q[k], &pool);
    }
    print_line("queue and take out a delivery, per turn", burst, start, turns * burst * QUEUES);
    outq_pool_deinit(&pool);
    free(q);
}

int main(void)
{
    static const size_t others[] = {100, 10000, 100000};
    static const size_t bursts[] = {1, 16, 128};

    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        bench_match(others[i]);
    for (size_t i = 0; i < ARRAY_LEN(bursts); i++)
        bench_queue(bursts[i]);
    return 0;
}
