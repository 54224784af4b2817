#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/clock.h"
#include "live/ring.h"
#include "websocket-handler/random_nostr.h"

static struct arena arena;

static void read_made_event(struct event *ev, uint64_t number, uint64_t author, int64_t created_at,
                            int kind, const char *tags)
{
    struct buf text;

    buf_init(&text, MIB);
    add_event(&text, number, author, created_at, kind, tags);
    read_event(arena_copy(&arena, buf_slice(&text)), &arena, ev);
    buf_deinit(&text);
}

static void push(struct ring *r, uint64_t seq, uint64_t author, int64_t created_at, int kind,
                 const char *tags)
{
    struct event ev;
    struct buf text;
    struct refbuf *body;

    read_made_event(&ev, seq, author, created_at, kind, tags);
    buf_init(&text, MIB);
    event_write(&ev, &text);
    buf_add_char(&text, ']');
    body = refbuf_new(buf_slice(&text));
    ring_push(r, seq, &ev, body);
    refbuf_unref(body);
    buf_deinit(&text);
}

static void apply(struct ring *r, uint64_t author, int64_t created_at, int kind, const char *tags)
{
    struct event ev;

    read_made_event(&ev, 999, author, created_at, kind, tags);
    ring_apply_deletion(r, &ev);
}

/* The seqs that are still there, in order. */
static void expect(const struct ring *r, const char *name, const char *expected)
{
    char text[4096] = "";
    size_t n = 0;

    for (uint64_t p = ring_first(r); p < ring_next(r); p++)
        if (ring_at(r, p)->body)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%llu", n ? " " : "",
                                  (unsigned long long)ring_at(r, p)->seq);
    if (strcmp(text, expected) != 0)
        fail_msg("%s: %s is left, not %s", name, text, expected);
}

static void keeps_order_and_bounds(void **state)
{
    struct ring r;

    (void)state;
    arena_init(&arena, 64 * MIB);
    ring_init(&r, 100, SIZE_MAX);
    for (uint64_t seq = 1; seq <= 250; seq++) {
        push(&r, seq, 1, 1, 1, "[]");
        assert_true(ring_next(&r) == seq);
        assert_true(ring_at(&r, ring_next(&r) - 1)->seq == seq);
        assert_true(ring_at(&r, ring_first(&r))->seq == ring_first(&r) + 1);
    }
    assert_true(ring_first(&r) == 150);
    ring_trim(&r, 248);
    expect(&r, "trimmed", "249 250");
    ring_trim(&r, 1000);
    assert_true(ring_first(&r) == 250 && ring_next(&r) == 250);
    assert_int_equal(r.bytes, 0);
    push(&r, 251, 1, 1, 1, "[]");
    expect(&r, "trimmed empty", "251");
    ring_deinit(&r);
    arena_deinit(&arena);
}

static void bounded_in_bytes(void **state)
{
    struct ring r;

    (void)state;
    arena_init(&arena, 64 * MIB);
    ring_init(&r, 1000, 2000);
    for (uint64_t seq = 1; seq <= 50; seq++)
        push(&r, seq, 1, 1, 1, "[]");
    assert_true(r.bytes <= 2000);
    assert_true(ring_next(&r) - ring_first(&r) >= 4);
    ring_deinit(&r);
    arena_deinit(&arena);
}

#define K1 "0100000000000000a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"
#define K2 "0200000000000000a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"
#define K3 "0300000000000000a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"

static void deletions(void **state)
{
    /* Entries: 1 and 2 notes of authors 1 and 2; 3 an article d=x of author 1 at 100, 4 the same at
     * 200; 5 a profile of author 1 at 100; 6 a wrap by 9 for 1; 7 a deletion by author 1; 8 a wrap
     * by 9 for 2; 9 a wrap by 9 for 1 at 160. */
    static const struct {
        const char *name;
        uint64_t author;
        int64_t at;
        int kind;
        const char *tags, *left;
    } rows[] = {
        {"own note", 1, 150, 5, "[[\"e\",\"" K1 "\"]]", "2 3 4 5 6 7 8 9"},
        {"foreign note", 2, 150, 5, "[[\"e\",\"" K1 "\"]]", "1 2 3 4 5 6 7 8 9"},
        {"own and foreign", 1, 150, 5, "[[\"e\",\"" K2 "\"],[\"p\",\"" K1 "\"],[\"e\",\"" K1 "\"]]",
         "2 3 4 5 6 7 8 9"},
        {"address up to its time", 1, 150, 5, "[[\"a\",\"30023:" K1 ":x\"]]", "1 2 4 5 6 7 8 9"},
        {"address at its time", 1, 200, 5, "[[\"a\",\"30023:" K1 ":x\"]]", "1 2 5 6 7 8 9"},
        {"foreign address", 2, 200, 5, "[[\"a\",\"30023:" K1 ":x\"]]", "1 2 3 4 5 6 7 8 9"},
        {"other d", 1, 200, 5, "[[\"a\",\"30023:" K1 ":y\"]]", "1 2 3 4 5 6 7 8 9"},
        {"other kind", 1, 200, 5, "[[\"a\",\"30024:" K1 ":x\"]]", "1 2 3 4 5 6 7 8 9"},
        {"replaceable", 1, 200, 5, "[[\"a\",\"0:" K1 ":\"]]", "1 2 3 4 6 7 8 9"},
        {"replaceable without colon", 1, 200, 5, "[[\"a\",\"0:" K1 "\"]]", "1 2 3 4 6 7 8 9"},
        {"regular kind by address", 1, 200, 5, "[[\"a\",\"1:" K1 ":\"]]", "1 2 3 4 5 6 7 8 9"},
        {"a deletion", 1, 200, 5,
         "[[\"e\",\"0700000000000000a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5\"]]",
         "1 2 3 4 5 6 7 8 9"},
        {"wrap by its recipient", 1, 200, 5,
         "[[\"e\",\"0600000000000000a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5\"]]",
         "1 2 3 4 5 7 8 9"},
        {"wrap by another", 2, 200, 5,
         "[[\"e\",\"0600000000000000a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5\"]]",
         "1 2 3 4 5 6 7 8 9"},
        {"malformed", 1, 200, 5,
         "[[\"e\"],[\"e\",\"x\"],[\"a\",\"\"],[\"a\",\"30023:\"],[\"a\",\"99999999999:" K1
         ":x\"],[\"a\",\":" K1 ":x\"]]",
         "1 2 3 4 5 6 7 8 9"},
        {"vanish", 1, 150, 62, "[[\"relay\",\"ALL_RELAYS\"]]", "2 4 8"},
        {"vanish of another", 3, 150, 62, "[[\"relay\",\"ALL_RELAYS\"]]", "1 2 3 4 5 6 7 8 9"},
        {"no deletion", 1, 150, 1, "[[\"e\",\"" K1 "\"]]", "1 2 3 4 5 6 7 8 9"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ring r;

        arena_init(&arena, 64 * MIB);
        ring_init(&r, 100, SIZE_MAX);
        push(&r, 1, 1, 100, 1, "[]");
        push(&r, 2, 2, 100, 1, "[]");
        push(&r, 3, 1, 100, 30023, "[[\"d\",\"x\"]]");
        push(&r, 4, 1, 200, 30023, "[[\"d\",\"x\"]]");
        push(&r, 5, 1, 100, 0, "[[\"d\",\"x\"]]");
        push(&r, 6, 9, 100, 1059, "[[\"p\",\"" K1 "\"]]");
        push(&r, 7, 1, 100, 5, "[]");
        push(&r, 8, 9, 100, 1059, "[[\"p\",\"" K2 "\"]]");
        push(&r, 9, 9, 160, 1059, "[[\"p\",\"" K1 "\"]]");
        clock_freeze_unix(200);
        apply(&r, rows[i].author, rows[i].at, rows[i].kind, rows[i].tags);
        expect(&r, rows[i].name, rows[i].left);
        ring_deinit(&r);
        arena_deinit(&arena);
    }
    clock_freeze_unix(0);
}

/* What anybody may have kept for long takes no gift wraps that came since. */
static void old_request_to_vanish(void **state)
{
    struct ring r;

    (void)state;
    arena_init(&arena, 64 * MIB);
    ring_init(&r, 100, SIZE_MAX);
    push(&r, 1, 9, 150, 1059, "[[\"p\",\"" K1 "\"]]");
    push(&r, 2, 9, 151, 1059, "[[\"p\",\"" K1 "\"]]");
    clock_freeze_unix(150 + VANISH_FRESH_SECONDS);
    apply(&r, 1, 150, 62, "[[\"relay\",\"ALL_RELAYS\"]]");
    expect(&r, "old", "2");
    clock_freeze_unix(0);
    ring_deinit(&r);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order_and_bounds),
        cmocka_unit_test(bounded_in_bytes),
        cmocka_unit_test(deletions),
        cmocka_unit_test(old_request_to_vanish),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
