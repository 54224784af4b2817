#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "live/sub_index.h"
#include "websocket-handler/random_nostr.h"

enum { SUBSCRIBERS = 80, MAX_FILTERS = 3 };

/* A subscriber, and its filters once more for the naive answer. */
struct entry {
    struct subscriber s;
    struct filter *filter[MAX_FILTERS];
    size_t n;
    bool held;
};

static void enter(struct sub_index *ix, struct entry *e, struct arena *arena)
{
    struct filter parsed[MAX_FILTERS];

    e->n = 1 + random_below(MAX_FILTERS);
    for (size_t i = 0; i < e->n; i++) {
        struct buf text;

        buf_init(&text, 64 * KIB);
        add_random_filter(&text);
        read_filter(arena_copy(arena, buf_slice(&text)), arena, &parsed[i]);
        e->filter[i] = filter_dup(&parsed[i]);
        buf_deinit(&text);
    }
    assert_true(sub_index_hold(ix, &e->s, parsed, e->n));
    e->held = true;
    if (random_below(4) > 0)
        assert_true(sub_index_activate(ix, &e->s));
}

static void leave(struct sub_index *ix, struct entry *e)
{
    sub_index_release(ix, &e->s);
    for (size_t i = 0; i < e->n; i++)
        free(e->filter[i]);
    *e = (struct entry){0};
}

static bool naive_match(const struct entry *e, const struct event *ev)
{
    for (size_t i = 0; i < e->n; i++)
        if (filter_match(e->filter[i], ev))
            return true;
    return false;
}

static void check_match(struct sub_index *ix, const struct entry *entries, const struct event *ev)
{
    struct subscriber *const *found;
    size_t n = sub_index_match(ix, ev, &found), expected = 0;
    bool seen[SUBSCRIBERS] = {0};

    for (size_t i = 0; i < n; i++) {
        const struct entry *e = container_of(found[i], struct entry, s);

        assert_false(seen[e - entries]);
        seen[e - entries] = true;
        assert_true(e->s.active);
    }
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        bool should = entries[i].held && naive_match(&entries[i], ev);

        if (entries[i].held)
            assert_int_equal(subscriber_matches(&entries[i].s, ev), should);
        should = should && entries[i].s.active;
        assert_int_equal(seen[i], should);
        expected += should;
    }
    assert_int_equal(n, expected);
}

/* The index against filter_match() over everything, while subscribers come and go. */
static void agrees_with_naive_matching(void **state)
{
    static struct entry entries[SUBSCRIBERS];
    struct sub_index *ix = sub_index_new();
    struct arena arena;
    struct buf text;
    struct event ev;

    (void)state;
    arena_init(&arena, MIB);
    buf_init(&text, 64 * KIB);
    for (unsigned round = 0; round < 20000; round++) {
        struct entry *e = &entries[random_below(SUBSCRIBERS)];

        arena_reset(&arena);
        if (random_below(3) > 0) {
            buf_reset(&text);
            add_random_event(&text, random_below(300));
            read_event(buf_slice(&text), &arena, &ev);
            check_match(ix, entries, &ev);
        } else if (e->held) {
            leave(ix, e);
        } else {
            enter(ix, e, &arena);
        }
    }
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        leave(ix, &entries[i]);
    assert_int_equal(sub_index_size(ix).filters, 0);
    assert_int_equal(sub_index_size(ix).keys, 0);
    assert_int_equal(sub_index_size(ix).active, 0);
    buf_deinit(&text);
    arena_deinit(&arena);
    sub_index_free(ix);
}

static void hold_text(struct sub_index *ix, struct subscriber *s, const char *json)
{
    struct arena arena;
    struct filter f;

    arena_init(&arena, MIB);
    read_filter(slice_str(json), &arena, &f);
    assert_true(sub_index_hold(ix, s, &f, 1));
    assert_true(sub_index_activate(ix, s));
    arena_deinit(&arena);
}

static void equal_filters_are_one(void **state)
{
    static const char *const same[] = {"{\"kinds\":[1,7],\"limit\":5}", "{\"kinds\":[7,1,1]}",
                                       "{\"limit\":0,\"kinds\":[1,7]}"};
    struct sub_index *ix = sub_index_new();
    struct subscriber s[4] = {{0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        hold_text(ix, &s[i], same[i]);
    assert_int_equal(sub_index_size(ix).filters, 1);
    hold_text(ix, &s[3], "{\"kinds\":[1]}");
    assert_int_equal(sub_index_size(ix).filters, 2);
    for (size_t i = 0; i < ARRAY_LEN(s); i++)
        sub_index_release(ix, &s[i]);
    sub_index_release(ix, &s[0]); /* harmless */
    sub_index_free(ix);
}

/* One that ends while the result is walked is NULL in what remains. */
static void released_while_walking(void **state)
{
    struct sub_index *ix = sub_index_new();
    struct subscriber s[3] = {{0}};
    struct subscriber *const *found;
    struct arena arena;
    struct buf text;
    struct event ev;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(s); i++)
        hold_text(ix, &s[i], "{}");
    arena_init(&arena, MIB);
    buf_init(&text, 64 * KIB);
    add_random_event(&text, 1);
    read_event(buf_slice(&text), &arena, &ev);
    assert_int_equal(sub_index_match(ix, &ev, &found), 3);
    sub_index_release(ix, found[2]);
    assert_null(found[2]);
    assert_non_null(found[0]);
    sub_index_release(ix, found[0]);
    sub_index_release(ix, found[1]);
    buf_deinit(&text);
    arena_deinit(&arena);
    sub_index_free(ix);
}

/* 20,000 subscriptions to an author each: what one costs in memory, and an event that none of them
 * wants in time. */
static void many_idle_subscriptions(void **state)
{
    enum { MANY = 20000 };
    struct sub_index *ix = sub_index_new();
    struct subscriber *s = calloc(MANY, sizeof *s);
    struct subscriber *const *found;
    struct mallinfo2 before = mallinfo2(), after;
    struct arena arena;
    struct buf text;
    struct event ev;
    uint64_t began;

    (void)state;
    assert_non_null(s);
    buf_init(&text, 64 * KIB);
    for (size_t i = 0; i < MANY; i++) {
        buf_reset(&text);
        buf_add_str(&text, "{\"authors\":[");
        add_key(&text, 1000 + i);
        buf_add_str(&text, "],\"kinds\":[1,7]}");
        buf_add_char(&text, '\0');
        hold_text(ix, &s[i], text.ptr);
    }
    after = mallinfo2();
    print_message("%zu bytes per subscription in the index\n",
                  (after.uordblks + after.hblkhd - before.uordblks - before.hblkhd) / MANY);
    arena_init(&arena, MIB);
    buf_reset(&text);
    add_event(&text, 1, 5, 1, 1, "[[\"t\",\"x\"]]");
    read_event(buf_slice(&text), &arena, &ev);
    began = clock_mono_us();
    for (unsigned i = 0; i < 10000; i++)
        assert_int_equal(sub_index_match(ix, &ev, &found), 0);
    print_message("%.3f us per event that nobody wants\n",
                  (double)(clock_mono_us() - began) / 10000);
    for (size_t i = 0; i < MANY; i++)
        sub_index_release(ix, &s[i]);
    assert_int_equal(sub_index_size(ix).keys, 0);
    free(s);
    buf_deinit(&text);
    arena_deinit(&arena);
    sub_index_free(ix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_naive_matching),
        cmocka_unit_test(equal_filters_are_one),
        cmocka_unit_test(released_while_walking),
        cmocka_unit_test(many_idle_subscriptions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
