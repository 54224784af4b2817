#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nostr/canonical.h"
#include "nostr/kind.h"

#define ID "a9d53fee641fe563de947fa330a3b4902e52e249894660aaa521cd039e896128"
#define AUTHOR "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9"
#define READER "00000000000000000000000000000000000000000000000000000000000000aa"

struct fixture {
    struct arena arena;
    struct buf json;
    struct event ev;
};

static int setup(void **state)
{
    static struct fixture f;

    arena_init(&f.arena, MIB);
    buf_init(&f.json, MIB);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    arena_deinit(&f->arena);
    buf_deinit(&f->json);
    return 0;
}

/* The canonical JSON of an event with these members. */
static struct slice make(struct fixture *f, int kind, const char *tags, const char *content)
{
    static const struct event_limits limits = {MIB, 1000, MIB};
    bool has_id;
    const char *error = "";
    struct buf text;

    arena_reset(&f->arena);
    buf_init(&text, MIB);
    buf_printf(&text,
               "{\"kind\":%d,\"id\":\"" ID "\",\"pubkey\":\"" AUTHOR "\",\"created_at\":1,"
               "\"sig\":\"" ID ID "\",\"tags\":%s,\"content\":\"%s\"}",
               kind, tags, content);
    if (!event_parse(buf_slice(&text), &limits, &f->arena, &f->ev, &has_id, &error))
        fail_msg("%s", error);
    buf_reset(&f->json);
    event_write(&f->ev, &f->json); /* f->ev points into text and is not used any more */
    buf_deinit(&text);
    return buf_slice(&f->json);
}

static void fixed_members_are_at_their_places(void **state)
{
    struct slice json = make(*state, 1, "[]", "");

    assert_true(slice_eq(canonical_id(json), SLICE(ID)));
    assert_true(slice_eq(canonical_pubkey(json), SLICE(AUTHOR)));
}

static void tags_are_found_exactly(void **state)
{
    static const struct {
        const char *tags, *content;
        char letter;
        struct slice value;
        bool found;
    } rows[] = {
        {"[[\"t\",\"x\"]]", "", 't', {"x", 1}, true},
        {"[[\"t\",\"x\",\"more\"]]", "", 't', {"x", 1}, true},
        {"[[\"a\",\"b\"],[\"t\",\"x\"]]", "", 't', {"x", 1}, true},
        {"[[\"t\",\"y\"],[\"t\",\"x\"]]", "", 't', {"x", 1}, true},
        {"[[\"t\",\"x\"]]", "", 'T', {"x", 1}, false},
        {"[[\"t\",\"xy\"]]", "", 't', {"x", 1}, false},
        {"[[\"t\",\"x\"]]", "", 't', {"xy", 2}, false},
        {"[[\"t\",\"y\",\"x\"]]", "", 't', {"x", 1}, false},
        {"[[\"a\",\"t\",\"x\"]]", "", 't', {"x", 1}, false},
        {"[[\"t\"]]", "", 't', {"", 0}, false},
        {"[[\"t\",\"\"]]", "", 't', {"", 0}, true},
        {"[[\"t\",\"x\"]]", "", 't', {"", 0}, false},
        {"[[\"tt\",\"x\"]]", "", 't', {"x", 1}, false},
        /* The same text inside strings. */
        {"[]", "[\\\"t\\\",\\\"x\\\"]", 't', {"x", 1}, false},
        {"[[\"a\",\"[\\\"t\\\",\\\"x\\\"]\"]]", "", 't', {"x", 1}, false},
        {"[[\"a\",\"[\",\"t\",\"x\"]]", "", 't', {"x", 1}, false},
        /* Values that need escapes, however the wire spelled them. */
        {"[[\"t\",\"a\\u0022\\u005c\\u000a\\u0001\\u0000\\/\"]]",
         "",
         't',
         {"a\"\\\n\1\0/", 7},
         true},
        {"[[\"t\",\"\\\\n\"]]", "", 't', {"\n", 1}, false},
        {"[[\"t\",\"\\n\"]]", "", 't', {"\\n", 2}, false},
        {"[[\"t\",\"\\u00e9\"]]", "", 't', {"\xc3\xa9", 2}, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice json = make(*state, 1, rows[i].tags, rows[i].content);

        if (canonical_has_tag(json, rows[i].letter, rows[i].value) != rows[i].found)
            fail_msg("row %zu: " SLICE_FMT, i, SLICE_ARG(json));
    }
}

static void private_kinds_are_for_their_parties(void **state)
{
    static const struct pubkey reader = {{[31] = 0xaa}}, stranger = {{[31] = 0xbb}};
    static const char to_reader[] = "[[\"p\",\"" READER "\"]]";
    struct pubkey author;
    struct slice json;

    json = make(*state, KIND_NOTE, "[]", "");
    assert_true(canonical_readable(json, KIND_NOTE, NULL, 0));
    author = ((struct fixture *)*state)->ev.pubkey;
    json = make(*state, KIND_DIRECT_MESSAGE, to_reader, "");
    assert_false(canonical_readable(json, KIND_DIRECT_MESSAGE, NULL, 0));
    assert_false(canonical_readable(json, KIND_DIRECT_MESSAGE, &stranger, 1));
    assert_true(canonical_readable(json, KIND_DIRECT_MESSAGE, &reader, 1));
    assert_true(canonical_readable(json, KIND_DIRECT_MESSAGE, &author, 1));
    assert_true(canonical_readable(json, KIND_DIRECT_MESSAGE,
                                   (const struct pubkey[]){stranger, reader}, 2));
    json = make(*state, KIND_GIFT_WRAP, to_reader, "");
    assert_true(canonical_readable(json, KIND_GIFT_WRAP, &reader, 1));
    assert_false(canonical_readable(json, KIND_GIFT_WRAP, &author, 1));
    assert_false(canonical_readable(json, KIND_GIFT_WRAP, &stranger, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_members_are_at_their_places),
        cmocka_unit_test(tags_are_found_exactly),
        cmocka_unit_test(private_kinds_are_for_their_parties),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
