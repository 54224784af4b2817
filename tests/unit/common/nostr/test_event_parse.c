/* What the parser of events takes and refuses: NIP-01 (members, hex, numbers, tags), NIP-40,
 * NIP-70. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hex.h"
#include "nostr/event.h"

#define ID "a9d53fee641fe563de947fa330a3b4902e52e249894660aaa521cd039e896128"
#define PUBKEY "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9"
#define SIG ID PUBKEY
#define J_ID "\"id\":\"" ID "\""
#define J_PUBKEY "\"pubkey\":\"" PUBKEY "\""
#define J_CREATED_AT "\"created_at\":1700000000"
#define J_KIND "\"kind\":1"
#define J_TAGS "\"tags\":[]"
#define J_CONTENT "\"content\":\"\""
#define J_SIG "\"sig\":\"" SIG "\""
/* All members, one of them replaced by the row. */
#define WITH_CREATED_AT(x)                                                                         \
    "{" J_ID "," J_PUBKEY "," x "," J_KIND "," J_TAGS "," J_CONTENT "," J_SIG "}"
#define WITH_KIND(x)                                                                               \
    "{" J_ID "," J_PUBKEY "," J_CREATED_AT "," x "," J_TAGS "," J_CONTENT "," J_SIG "}"
#define WITH_TAGS(x)                                                                               \
    "{" J_ID "," J_PUBKEY "," J_CREATED_AT "," J_KIND ",\"tags\":" x "," J_CONTENT "," J_SIG "}"
#define WITH_CONTENT(x)                                                                            \
    "{" J_ID "," J_PUBKEY "," J_CREATED_AT "," J_KIND "," J_TAGS ",\"content\":" x "," J_SIG "}"
#define WITH_HEX(id, pubkey, sig)                                                                  \
    "{\"id\":" id ",\"pubkey\":" pubkey "," J_CREATED_AT "," J_KIND "," J_TAGS "," J_CONTENT       \
    ",\"sig\":" sig "}"
#define WHOLE WITH_TAGS("[]")

static const struct event_limits limits = {
    .max_event_bytes = 2000,
    .max_tags = 20,
    .max_content_chars = 100,
};

struct fixture {
    struct arena arena;
    struct event ev;
    bool has_id;
    const char *error;
};

static int setup(void **state)
{
    static struct fixture f;

    arena_init(&f.arena, MIB);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    arena_deinit(&f->arena);
    return 0;
}

static bool parse_slice(struct fixture *f, struct slice text)
{
    arena_reset(&f->arena);
    f->error = NULL;
    return event_parse(text, &limits, &f->arena, &f->ev, &f->has_id, &f->error);
}

static bool parse(struct fixture *f, const char *text)
{
    return parse_slice(f, slice_str(text));
}

static void parse_good(struct fixture *f, const char *text)
{
    if (!parse(f, text))
        fail_msg("%s: %s", f->error, text);
    assert_true(f->has_id);
}

static void every_member_is_read(void **state)
{
    struct fixture *f = *state;
    uint8_t expected[64];

    parse_good(f, "{" J_ID "," J_PUBKEY ",\"created_at\":1700000000,\"kind\":30023,\"tags\":"
                  "[[\"e\",\"x\"],[\"d\"]],\"content\":\"a\\nb\"," J_SIG "}");
    assert_true(hex_decode(SLICE(ID), expected, 32));
    assert_memory_equal(f->ev.id.b, expected, 32);
    assert_true(hex_decode(SLICE(PUBKEY), expected, 32));
    assert_memory_equal(f->ev.pubkey.b, expected, 32);
    assert_true(hex_decode(SLICE(SIG), expected, 64));
    assert_memory_equal(f->ev.sig.b, expected, 64);
    assert_int_equal(f->ev.created_at, 1700000000);
    assert_int_equal(f->ev.kind, 30023);
    assert_true(slice_eq(f->ev.content, SLICE("a\nb")));
    assert_int_equal(f->ev.n_tags, 2);
    assert_int_equal(f->ev.tag[0].n, 2);
    assert_true(slice_eq(f->ev.tag[0].item[0], SLICE("e")));
    assert_true(slice_eq(f->ev.tag[0].item[1], SLICE("x")));
    assert_int_equal(f->ev.tag[1].n, 1);
    assert_true(slice_eq(f->ev.tag[1].item[0], SLICE("d")));
    assert_false(f->ev.has_expiration);
    assert_false(f->ev.is_protected);
}

static void good_events_are_taken(void **state)
{
    static const char *const rows[] = {
        WHOLE,
        /* Members in any order, white space, escapes, unknown members. */
        "\r\n\t { " J_SIG " , " J_CONTENT ", " J_TAGS "," J_KIND "," J_CREATED_AT "," J_PUBKEY
        "," J_ID " } ",
        "{\"\\u0069d\":\"\\u0061"
        "9d53fee641fe563de947fa330a3b4902e52e249894660aaa521cd039e896128\"," J_PUBKEY
        "," J_CREATED_AT "," J_KIND "," J_TAGS "," J_CONTENT "," J_SIG "}",
        "{\"x\":{\"id\":[1.5e3,null]},\"x\":1," J_ID "," J_PUBKEY "," J_CREATED_AT "," J_KIND
        "," J_TAGS "," J_CONTENT "," J_SIG ",\"seen_on\":[\"wss://a\"]}",
        WITH_KIND("\"kind\":0"),
        WITH_KIND("\"kind\":65535"),
        WITH_CREATED_AT("\"created_at\":0"),
        WITH_CREATED_AT("\"created_at\":9007199254740992"),
        WITH_TAGS("[[\"t\"]]"),
        WITH_TAGS("[[\"\"]]"),
        WITH_TAGS("[[\"t\",\"\"]]"),
        WITH_TAGS("[[\"e\",\"not hex\"],[\"p\",\"\"]]"),
        WITH_TAGS("[ [ \"t\" , \"a\" , \"b\" ] , [ \"t\" ] ]"),
        WITH_CONTENT("\"\\ud83d\\ude00\""),
        WITH_CONTENT("\"\xf0\x9f\x98\x80\x7f\""),
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        parse_good(*state, rows[i]);
}

/* Each of these is refused, with the id at hand for OK when `id` is set. */
static const struct {
    const char *text, *error;
    bool id;
} bad[] = {
    {"", "an event must be a JSON object", false},
    {"[]", "an event must be a JSON object", false},
    {"\"" ID "\"", "an event must be a JSON object", false},
    {"null", "an event must be a JSON object", false},
    {"{}", "id is missing", false},
    {WHOLE "x", "there is something behind the event", true},
    {WHOLE "{}", "there is something behind the event", true},
    /* Missing members. */
    {"{" J_PUBKEY "," J_CREATED_AT "," J_KIND "," J_TAGS "," J_CONTENT "," J_SIG "}",
     "id is missing", false},
    {"{" J_ID "," J_CREATED_AT "," J_KIND "," J_TAGS "," J_CONTENT "," J_SIG "}",
     "pubkey is missing", true},
    {"{" J_ID "," J_PUBKEY "," J_KIND "," J_TAGS "," J_CONTENT "," J_SIG "}",
     "created_at is missing", true},
    {"{" J_ID "," J_PUBKEY "," J_CREATED_AT "," J_TAGS "," J_CONTENT "," J_SIG "}",
     "kind is missing", true},
    {"{" J_ID "," J_PUBKEY "," J_CREATED_AT "," J_KIND "," J_CONTENT "," J_SIG "}",
     "tags is missing", true},
    {"{" J_ID "," J_PUBKEY "," J_CREATED_AT "," J_KIND "," J_TAGS "," J_SIG "}",
     "content is missing", true},
    {"{" J_ID "," J_PUBKEY "," J_CREATED_AT "," J_KIND "," J_TAGS "," J_CONTENT "}",
     "sig is missing", true},
    /* Doubled members, even with the same value or in another spelling. */
    {"{" J_ID "," J_ID "," J_PUBKEY "," J_CREATED_AT "," J_KIND "," J_TAGS "," J_CONTENT "," J_SIG
     "}",
     "a member of the event occurs twice", true},
    {WITH_KIND(J_KIND ",\"\\u006bind\":2"), "a member of the event occurs twice", true},
    {WITH_CONTENT("\"\"," J_CONTENT), "a member of the event occurs twice", true},
    /* Hex. */
    {WITH_HEX("\"A9d53fee641fe563de947fa330a3b4902e52e249894660aaa521cd039e896128\"",
              "\"" PUBKEY "\"", "\"" SIG "\""),
     "id must be 64 lower-case hex digits", false},
    {WITH_HEX("\"" ID "0\"", "\"" PUBKEY "\"", "\"" SIG "\""),
     "id must be 64 lower-case hex digits", false},
    {WITH_HEX("17", "\"" PUBKEY "\"", "\"" SIG "\""), "id must be 64 lower-case hex digits", false},
    {WITH_HEX("null", "\"" PUBKEY "\"", "\"" SIG "\""), "id must be 64 lower-case hex digits",
     false},
    {WITH_HEX("\"" ID "\"", "\"F9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9\"",
              "\"" SIG "\""),
     "pubkey must be 64 lower-case hex digits", true},
    {WITH_HEX("\"" ID "\"", "\"\"", "\"" SIG "\""), "pubkey must be 64 lower-case hex digits",
     true},
    {WITH_HEX("\"" ID "\"", "[]", "\"" SIG "\""), "pubkey must be 64 lower-case hex digits", true},
    {WITH_HEX("\"" ID "\"", "\"" PUBKEY "\"", "\"" ID "\""),
     "sig must be 128 lower-case hex digits", true},
    {WITH_HEX("\"" ID "\"", "\"" PUBKEY "\"", "{}"), "sig must be 128 lower-case hex digits", true},
#define BAD_TIME "created_at must be an integer, the seconds since 1970"
    {WITH_CREATED_AT("\"created_at\":1700000000.0"), BAD_TIME, true},
    {WITH_CREATED_AT("\"created_at\":1.7e9"), BAD_TIME, true},
    {WITH_CREATED_AT("\"created_at\":\"1700000000\""), BAD_TIME, true},
    {WITH_CREATED_AT("\"created_at\":-1"), BAD_TIME, true},
    {WITH_CREATED_AT("\"created_at\":01"), BAD_TIME, true},
    {WITH_CREATED_AT("\"created_at\":9007199254740993"), BAD_TIME, true},
    {WITH_CREATED_AT("\"created_at\":18446744073709551617"), BAD_TIME, true},
    {WITH_CREATED_AT("\"created_at\":null"), BAD_TIME, true},
#define BAD_KIND "kind must be an integer from 0 to 65535"
    {WITH_KIND("\"kind\":65536"), BAD_KIND, true},
    {WITH_KIND("\"kind\":-1"), BAD_KIND, true},
    {WITH_KIND("\"kind\":1.0"), BAD_KIND, true},
    {WITH_KIND("\"kind\":4294967297"), BAD_KIND, true},
    {WITH_KIND("\"kind\":\"1\""), BAD_KIND, true},
    {WITH_KIND("\"kind\":true"), BAD_KIND, true},
    /* Tags. */
    {WITH_TAGS("{}"), "tags must be a list of lists of strings", true},
    {WITH_TAGS("null"), "tags must be a list of lists of strings", true},
    {WITH_TAGS("\"\""), "tags must be a list of lists of strings", true},
    {WITH_TAGS("[\"t\"]"), "each tag must be a list of strings", true},
    {WITH_TAGS("[null]"), "each tag must be a list of strings", true},
    {WITH_TAGS("[[\"t\",1]]"), "each tag must be a list of strings", true},
    {WITH_TAGS("[[\"t\",null]]"), "each tag must be a list of strings", true},
    {WITH_TAGS("[[\"t\",[\"x\"]]]"), "each tag must be a list of strings", true},
    {WITH_TAGS("[[null]]"), "each tag must be a list of strings", true},
    {WITH_TAGS("[[]]"), "a tag must not be empty", true},
    {WITH_TAGS("[[\"t\"],[]]"), "a tag must not be empty", true},
    /* Content, and strings in general. */
    {WITH_CONTENT("null"), "content must be a string", true},
    {WITH_CONTENT("{}"), "content must be a string", true},
    {WITH_CONTENT("\"\\ud83d\""), "a string contains a bad escape", true},
    {WITH_CONTENT("\"\\ude00\\ud83d\""), "a string contains a bad escape", true},
    {WITH_CONTENT("\"a\nb\""), "a string contains a bare control character", true},
    {WITH_CONTENT("\"\xff\""), "a string is not valid UTF-8", true},
    {WITH_TAGS("[[\"t\",\"\xed\xa0\x80\"]]"), "a string is not valid UTF-8", true},
    /* Broken JSON behind the id. */
    {"{" J_ID "," J_PUBKEY ",", "expected a string", true},
    {"{" J_ID "," J_PUBKEY "," J_TAGS "," J_KIND ",\"x\":[}", "expected a value", true},
    {"{" J_ID " " J_PUBKEY "}", "expected a comma or '}'", true},
    /* A bad member first, the id behind it. */
    {"{\"kind\":\"one\"," J_ID "}", BAD_KIND, true},
    {"{\"tags\":[[[{\"id\":1}]]],\"content\":[],\"sig\":7," J_ID "}",
     "each tag must be a list of strings", true},
    {"{\"content\":1,\"id\":\"" PUBKEY "0\"}", "content must be a string", false},
    {"{\"kind\":-1,\"tags\":[," J_ID "}", BAD_KIND, false}, /* no JSON up to the id */
    /* An id inside another member is not the event's. */
    {"{\"kind\":-1,\"x\":{" J_ID "}}", BAD_KIND, false},
};

static void bad_events_are_refused(void **state)
{
    struct fixture *f = *state;
    uint8_t id[32];

    assert_true(hex_decode(SLICE(ID), id, sizeof id));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (parse(f, bad[i].text))
            fail_msg("taken: %s", bad[i].text);
        if (strcmp(f->error, bad[i].error) != 0)
            fail_msg("\"%s\" for %s", f->error, bad[i].text);
        if (f->has_id != bad[i].id)
            fail_msg("has_id is %d for %s", f->has_id, bad[i].text);
        if (f->has_id)
            assert_memory_equal(f->ev.id.b, id, sizeof id);
    }
}

/* Nothing is read beyond the end of the text, wherever it is cut. */
static void every_cut_is_refused(void **state)
{
    static const char whole[] = WITH_TAGS("[[\"t\",\"\\u00e9\xc3\xa9\"],[\"-\"]]");

    for (size_t n = 0; n < sizeof whole - 1; n++) {
        char *copy = malloc(n + 1); /* of its own, so that a sanitizer sees an overrun */

        assert_non_null(copy);
        memcpy(copy + 1, whole, n);
        assert_false(parse_slice(*state, slice_of(copy + 1, n)));
        free(copy);
    }
    assert_true(parse(*state, whole));
}

static void nul_characters_are_kept(void **state)
{
    struct fixture *f = *state;

    parse_good(f, "{" J_ID "," J_PUBKEY "," J_CREATED_AT "," J_KIND
                  ",\"tags\":[[\"t\",\"a\\u0000b\"]],"
                  "\"content\":\"x\\u0000y\"," J_SIG "}");
    assert_true(slice_eq(f->ev.content, slice_of("x\0y", 3)));
    assert_true(slice_eq(f->ev.tag[0].item[1], slice_of("a\0b", 3)));
}

static void expiration_is_understood_or_refused(void **state)
{
    static const struct {
        const char *tags;
        bool good, has;
        int64_t at;
    } rows[] = {
        {"[]", true, false, 0},
        {"[[\"expiration\",\"1735689600\"]]", true, true, 1735689600},
        {"[[\"expiration\",\"0\"]]", true, true, 0},
        {"[[\"expiration\",\"1099511627776\"]]", true, true, INT64_C(1) << 40},
        {"[[\"expiration\",\"9223372036854775807\"]]", true, true, INT64_MAX},
        {"[[\"expiration\",\"5\",\"x\"]]", true, true, 5},
        {"[[\"expiration\",\"30\"],[\"expiration\",\"10\"],[\"expiration\",\"20\"]]", true, true,
         10},
        {"[[\"Expiration\",\"x\"]]", true, false, 0},
        {"[[\"expiration\"]]", false, false, 0},
        {"[[\"expiration\",\"\"]]", false, false, 0},
        {"[[\"expiration\",\"abc\"]]", false, false, 0},
        {"[[\"expiration\",\"1.5\"]]", false, false, 0},
        {"[[\"expiration\",\"-1\"]]", false, false, 0},
        {"[[\"expiration\",\"+1\"]]", false, false, 0},
        {"[[\"expiration\",\" 1\"]]", false, false, 0},
        {"[[\"expiration\",\"1\\u0000\"]]", false, false, 0},
        {"[[\"expiration\",\"0x10\"]]", false, false, 0},
        {"[[\"expiration\",\"9223372036854775808\"]]", false, false, 0},
        {"[[\"expiration\",\"10\"],[\"expiration\",\"x\"]]", false, false, 0},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[1000];

        snprintf(text, sizeof text,
                 "{" J_ID "," J_PUBKEY "," J_CREATED_AT "," J_KIND ",\"tags\":%s," J_CONTENT
                 "," J_SIG "}",
                 rows[i].tags);
        if (parse(f, text) != rows[i].good)
            fail_msg("%s", rows[i].tags);
        if (!rows[i].good) {
            assert_true(f->has_id);
            continue;
        }
        assert_int_equal(f->ev.has_expiration, rows[i].has);
        if (rows[i].has)
            assert_int_equal(f->ev.expires_at, rows[i].at);
    }
}

static void protected_events_are_marked(void **state)
{
    struct fixture *f = *state;

    parse_good(f, WITH_TAGS("[[\"t\",\"x\"],[\"-\"]]"));
    assert_true(f->ev.is_protected);
    parse_good(f, WITH_TAGS("[[\"t\",\"-\"],[\"--\"]]"));
    assert_false(f->ev.is_protected);
}

static void tags_are_limited_in_number(void **state)
{
    struct fixture *f = *state;
    struct buf text;

    buf_init(&text, 10 * KIB);
    for (int n = 20; n <= 21; n++) {
        buf_reset(&text);
        buf_add_str(&text, "{" J_ID "," J_PUBKEY "," J_CREATED_AT "," J_KIND "," J_CONTENT "," J_SIG
                           ",\"tags\":[");
        for (int i = 0; i < n; i++)
            buf_printf(&text, "%s[\"t\",\"%d\",\"more\"]", i > 0 ? "," : "", i);
        buf_add_str(&text, "]}");
        assert_int_equal(parse_slice(f, buf_slice(&text)), n == 20);
        if (n > 20) {
            assert_string_equal(f->error, "too many tags");
            continue;
        }
        /* The lists have grown by now; nothing may point to where they were. */
        for (int i = 0; i < n; i++) {
            char value[12];

            snprintf(value, sizeof value, "%d", i);
            assert_int_equal(f->ev.tag[i].n, 3);
            assert_true(slice_eq(f->ev.tag[i].item[1], slice_str(value)));
            assert_true(slice_eq(f->ev.tag[i].item[2], SLICE("more")));
        }
    }
    buf_deinit(&text);
}

/* An event whose content is `n` times `what`, with `spaces` blanks in front. */
static bool parse_long(struct fixture *f, const char *what, int n, int spaces)
{
    struct buf text;
    bool taken;

    buf_init(&text, 10 * KIB);
    buf_printf(&text,
               "%*s{" J_ID "," J_PUBKEY "," J_CREATED_AT "," J_KIND "," J_TAGS "," J_SIG
               ",\"content\":\"",
               spaces, "");
    for (int i = 0; i < n; i++)
        buf_add_str(&text, what);
    buf_add_str(&text, "\"}");
    taken = parse_slice(f, buf_slice(&text));
    buf_deinit(&text);
    return taken;
}

static void content_is_limited_in_characters(void **state)
{
    struct fixture *f = *state;

    assert_true(parse_long(f, "x", 100, 0));
    assert_false(parse_long(f, "x", 101, 0));
    assert_string_equal(f->error, "content is too long");
    assert_true(parse_long(f, "\xf0\x9f\x98\x80", 100, 0));
    assert_false(parse_long(f, "\xf0\x9f\x98\x80", 101, 0));
    assert_true(parse_long(f, "\\u0041", 100, 0));
}

static void size_is_that_of_the_canonical_form(void **state)
{
    struct fixture *f = *state;
    struct buf canonical;
    struct event_limits tight = limits;

    assert_true(parse_long(f, "x", 10, 1990)); /* white space does not count */
    parse_good(f, WITH_CONTENT("\"\\u0041\\u0042\""));
    buf_init(&canonical, KIB);
    event_write(&f->ev, &canonical);
    tight.max_event_bytes = canonical.len;
    assert_true(event_parse(SLICE(WITH_CONTENT("\"\\u0041\\u0042\"")), &tight, &f->arena, &f->ev,
                            &f->has_id, &f->error));
    tight.max_event_bytes--;
    assert_false(event_parse(SLICE(WITH_CONTENT("\"\\u0041\\u0042\"")), &tight, &f->arena, &f->ev,
                             &f->has_id, &f->error));
    assert_string_equal(f->error, "the event is too large");
    assert_true(f->has_id);
    buf_deinit(&canonical);
}

/* The worst texts for the arena: many lists of little, just past a doubling. */
static void the_arena_gives_a_bounded_multiple(void **state)
{
    static const struct event_limits none = {SIZE_MAX, SIZE_MAX, SIZE_MAX};
    static const struct {
        const char *start, *item, *end;
    } rows[] = {
        {"[", "[\"\"]", "]}"},
        {"[[", "\"\"", "]]}"},
    };
    struct fixture *f = *state;
    struct buf text;

    buf_init(&text, MIB);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;

        arena_init(&arena, 16 * MIB);
        buf_reset(&text);
        buf_add_str(&text, "{" J_ID "," J_PUBKEY "," J_CREATED_AT "," J_KIND "," J_CONTENT "," J_SIG
                           ",\"tags\":");
        buf_add_str(&text, rows[i].start);
        for (int k = 0; k < 16385; k++) {
            buf_add_str(&text, k > 0 ? "," : "");
            buf_add_str(&text, rows[i].item);
        }
        buf_add_str(&text, rows[i].end);
        assert_true(event_parse(buf_slice(&text), &none, &arena, &f->ev, &f->has_id, &f->error));
        assert_true(arena.used <= 32 * text.len);
        arena_deinit(&arena);
    }
    buf_deinit(&text);
}

static void a_full_arena_refuses(void **state)
{
    struct fixture *f = *state;
    struct arena tiny;

    arena_init(&tiny, 100);
    assert_false(
        event_parse(SLICE(WITH_TAGS("[[\"t\"]]")), &limits, &tiny, &f->ev, &f->has_id, &f->error));
    assert_string_equal(f->error, "tags are too large");
    assert_true(f->has_id);
    arena_deinit(&tiny);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_is_read),
        cmocka_unit_test(good_events_are_taken),
        cmocka_unit_test(bad_events_are_refused),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(nul_characters_are_kept),
        cmocka_unit_test(expiration_is_understood_or_refused),
        cmocka_unit_test(protected_events_are_marked),
        cmocka_unit_test(tags_are_limited_in_number),
        cmocka_unit_test(content_is_limited_in_characters),
        cmocka_unit_test(size_is_that_of_the_canonical_form),
        cmocka_unit_test(the_arena_gives_a_bounded_multiple),
        cmocka_unit_test(a_full_arena_refuses),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
