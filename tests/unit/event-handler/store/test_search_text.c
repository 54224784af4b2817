#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "event-handler/events.h"
#include "store/search_text.h"

static const struct {
    const char *name, *event;
    struct slice content;
    const char *expected;
} rows[] = {
    {"a note", "11 a 1 1", {"hello world", 11}, " hello world"},
    {"NUL", "11 a 1 1", {"a\0b", 3}, " a b"},
    {"a reaction", "11 a 7 1", {"+", 1}, ""},
    {"a direct message", "11 a 4 1", {"secret", 6}, ""},
    {"an article", "11 a 30023 1 d=x title=T summary=S", {"text", 4}, " T S text"},
    {"a profile", "11 a 0 1", SLICE("{\"name\":\"bob\",\"x\":[1],\"about\":\"likes \\u0063\"}"),
     " bob likes c"},
    {"a profile of the wrong types", "11 a 0 1", SLICE("{\"name\":5,\"about\":\"b\"}"), " b"},
    {"a profile that breaks off", "11 a 0 1", SLICE("{\"name\":\"bob\",\"abo"), " bob"},
    {"a profile that is no object", "11 a 0 1", SLICE("bob"), ""},
    {"no content", "11 a 1 1", {NULL, 0}, ""},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct made_events m;
        struct event ev;
        struct buf out;

        made_init(&m);
        buf_init(&out, MIB);
        ev = *made_event(&m, rows[i].event)->ev;
        ev.content = rows[i].content;
        search_text_write(&ev, &m.arena, &out);
        if (!slice_eq(buf_slice(&out), slice_str(rows[i].expected)))
            fail_msg("%s: '" SLICE_FMT "'", rows[i].name, SLICE_ARG(buf_slice(&out)));
        buf_deinit(&out);
        made_free(&m);
    }
}

/* Long text is cut between characters. */
static void test_long(void **state)
{
    char *text = malloc(3 * SEARCH_TEXT_MOST);
    struct event ev = {.kind = 1};
    struct arena arena;
    struct buf out;

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < SEARCH_TEXT_MOST; i++)
        memcpy(text + 3 * i, "\xe2\x82\xac", 3);
    ev.content = slice_of(text, 3 * SEARCH_TEXT_MOST);
    arena_init(&arena, MIB);
    buf_init(&out, MIB);
    search_text_write(&ev, &arena, &out);
    assert_true(out.len <= SEARCH_TEXT_MOST && out.len > SEARCH_TEXT_MOST - 4);
    assert_int_equal((out.len - 1) % 3, 0);
    search_text_write(&ev, &arena, &out);
    assert_true(out.len <= SEARCH_TEXT_MOST);
    buf_deinit(&out);
    arena_deinit(&arena);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
