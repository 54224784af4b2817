/*
 * Matching, copying and writing filters. Beside the rows there is a second opinion: a matcher that
 * reads the filter's JSON with jansson and follows NIP-01 word by word, asked about many random
 * filters and events.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/hex.h"
#include "nostr/filter.h"

#define TIMES8(s) s s s s s s s s
#define TIMES64(s) TIMES8(TIMES8(s))
#define A64 TIMES64("a")
#define B64 TIMES64("b")
#define C64 TIMES64("c")

static const struct filter_limits limits = {.max_values = 100, .max_search_bytes = 256};
static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, MIB);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_deinit(&arena);
    return 0;
}

/* The strings of the result point into json. */
static struct filter parse(struct slice json)
{
    struct filter f;
    struct jread r;
    const char *error = NULL;
    bool unsupported;

    jread_init(&r, json, &arena);
    if (!filter_parse(&r, &limits, &arena, &f, &error, &unsupported))
        fail_msg(SLICE_FMT ": %s", SLICE_ARG(json), error);
    return f;
}

/* ---- rows ---- */

/* id aa.., author bb.., kind 1, created_at 100, a few tags. */
static const struct event *sample(void)
{
    static struct slice e[] = {{"e", 1}, {C64, 64}}, t[] = {{"t", 1}, {"nostr", 5}, {"third", 5}};
    static struct slice empty[] = {{"g", 1}, {"", 0}}, bare[] = {{"h", 1}},
                        big[] = {{"T", 1}, {"Big", 3}};
    static struct slice second[] = {{"t", 1}, {"two", 3}}, word[] = {{"emoji", 5}, {"x", 1}};
    static struct tag tags[] = {{e, 2},   {t, 3},      {empty, 2}, {bare, 1},
                                {big, 2}, {second, 2}, {word, 2}};
    static struct event ev;

    ev = (struct event){.created_at = 100, .kind = 1, .tag = tags, .n_tags = ARRAY_LEN(tags)};
    memset(ev.id.b, 0xaa, sizeof ev.id.b);
    memset(ev.pubkey.b, 0xbb, sizeof ev.pubkey.b);
    ev.content = SLICE("Rust, and LMDB: it's trusty! caf\xc3\xa9");
    return &ev;
}

static void test_match_rows(void **state)
{
    static const struct {
        const char *json;
        bool match;
    } rows[] = {
        {"{}", true},
        {"{\"limit\":0}", true},
        {"{\"ids\":[\"" A64 "\"]}", true},
        {"{\"ids\":[\"" B64 "\"]}", false},
        {"{\"ids\":[\"" B64 "\",\"" A64 "\",\"" C64 "\"]}", true},
        {"{\"ids\":[]}", false},
        {"{\"authors\":[\"" B64 "\"]}", true},
        {"{\"authors\":[\"" A64 "\",\"" C64 "\"]}", false},
        {"{\"kinds\":[1]}", true},
        {"{\"kinds\":[0,2,65535]}", false},
        {"{\"kinds\":[70000,1]}", true},
        {"{\"kinds\":[70000]}", false},
        {"{\"since\":100,\"until\":100}", true},
        {"{\"since\":101}", false},
        {"{\"until\":99}", false},
        {"{\"since\":-10}", true},
        {"{\"until\":-1}", false},
        {"{\"until\":99999999999999999999}", true},
        {"{\"since\":200,\"until\":50}", false},
        {"{\"#t\":[\"nostr\"]}", true},
        {"{\"#t\":[\"two\"]}", true},
        {"{\"#t\":[\"nost\"]}", false},
        {"{\"#t\":[\"third\"]}", false},
        {"{\"#t\":[\"Nostr\"]}", false},
        {"{\"#T\":[\"nostr\"]}", false},
        {"{\"#T\":[\"Big\"],\"#t\":[\"x\",\"two\"]}", true},
        {"{\"#T\":[\"Big\"],\"#t\":[\"x\"]}", false},
        {"{\"#g\":[\"\"]}", true},
        {"{\"#h\":[\"\"]}", false},
        {"{\"#d\":[\"\"]}", false},
        {"{\"#e\":[\"" C64 "\"],\"kinds\":[1],\"authors\":[\"" B64 "\"]}", true},
        {"{\"#e\":[\"" C64 "\"],\"kinds\":[7]}", false},
        {"{\"#p\":[\"" C64 "\"]}", false},
        {"{\"search\":\"rust lmdb\"}", true},
        {"{\"search\":\"LMDB RUST\"}", true},
        {"{\"search\":\"trust\"}", false},
        {"{\"search\":\"rust sqlite\"}", false},
        {"{\"search\":\"rust language:en foo:bar\"}", true},
        {"{\"search\":\"nsfw:false\"}", true},
        {"{\"search\":\"\"}", true},
        {"{\"search\":\" * \"}", true},
        {"{\"search\":\"\\\"rust\\\"\"}", true},
        {"{\"search\":\"rust rust\"}", true},
        {"{\"search\":\"caf\xc3\xa9\"}", true},
        {"{\"search\":\"caf\"}", false},
        {"{\"search\":\"rust\",\"kinds\":[2]}", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct filter f;

        arena_reset(&arena);
        f = parse(slice_str(rows[i].json));
        if (filter_match(&f, sample()) != rows[i].match)
            fail_msg("%s: expected %d", rows[i].json, rows[i].match);
    }
}

static void test_search_words(void **state)
{
    static const struct {
        const char *search, *words; /* joined by | */
    } rows[] = {
        {"", ""},
        {"a", "a"},
        {"  two  words\n", "two|words"},
        {"language:en", ""},
        {"language:en rust sentiment:positive", "rust"},
        {"Language:en", "Language|en"},
        {"12:30", "12|30"},
        {"note: this", "note|this"},
        {"https://a.b/c", "https|a|b|c"},
        {"foo:x//y", "foo|x|y"},
        {"foo:x/y/z", ""},
        {"(foo:bar)", "foo|bar"},
        {"x-foo:bar", "x|foo|bar"},
        {":foo", "foo"},
        {"\"; DROP TABLE", "DROP|TABLE"},
        {"* & | !", ""},
        {"\xe6\xa4\x9c\xe7\xb4\xa2 \xf0\x9f\x98\x80", "\xe6\xa4\x9c\xe7\xb4\xa2|\xf0\x9f\x98\x80"},
        {"a:b c", "c"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice rest = slice_str(rows[i].search), word;
        char joined[64] = "";

        while (filter_search_next(&rest, &word)) {
            assert_true(word.len > 0);
            if (*joined)
                strcat(joined, "|");
            strncat(joined, word.ptr, word.len);
        }
        assert_string_equal(joined, rows[i].words);
    }
}

static void test_only_private(void **state)
{
    static const struct {
        const char *json;
        bool expected;
    } rows[] = {
        {"{}", false},
        {"{\"kinds\":[4]}", true},
        {"{\"kinds\":[4,13,14,15,1059,21059]}", true},
        {"{\"kinds\":[1059,1]}", false},
        {"{\"kinds\":[1059,70000]}", true},
        {"{\"kinds\":[70000]}", false},
        {"{\"kinds\":[]}", false},
        {"{\"kinds\":[4],\"authors\":[]}", false},
        {"{\"#p\":[\"" A64 "\"]}", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct filter f = parse(slice_str(rows[i].json));

        if (filter_only_private(&f) != rows[i].expected)
            fail_msg("%s", rows[i].json);
    }
}

/* A64 reads. */
static void test_may_withhold(void **state)
{
    static const struct {
        const char *json;
        bool expected;
    } rows[] = {
        {"{}", true},
        {"{\"kinds\":[1,7]}", false},
        {"{\"kinds\":[1,4]}", true},
        {"{\"kinds\":[]}", false},
        {"{\"ids\":[\"" C64 "\"]}", true},
        {"{\"authors\":[\"" B64 "\"]}", true},
        {"{\"kinds\":[4],\"authors\":[\"" A64 "\"]}", false},
        {"{\"kinds\":[4],\"authors\":[\"" A64 "\",\"" B64 "\"]}", true},
        {"{\"kinds\":[1059],\"authors\":[\"" A64 "\"]}", true}, /* wraps are not their author's */
        {"{\"authors\":[\"" A64 "\"]}", true},
        {"{\"#p\":[\"" A64 "\"]}", false},
        {"{\"#e\":[\"" C64 "\"],\"#p\":[\"" A64 "\"]}", false},
        {"{\"#p\":[\"" A64 "\",\"" B64 "\"]}", true},
        {"{\"kinds\":[1059],\"#p\":[\"" B64 "\"]}", true},
        {"{\"#P\":[\"" A64 "\"]}", true},
    };
    struct pubkey reader;

    (void)state;
    assert_true(hex_decode(SLICE(A64), reader.b, sizeof reader.b));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct filter f = parse(slice_str(rows[i].json));

        if (filter_may_withhold(&f, &reader, 1) != rows[i].expected)
            fail_msg("%s", rows[i].json);
        if (rows[i].expected && !filter_may_withhold(&f, NULL, 0))
            fail_msg("nobody reads %s", rows[i].json);
    }
}

static void test_write_rows(void **state)
{
    static const struct {
        const char *json, *written;
    } rows[] = {
        {"{}", "{}"},
        {"{\"limit\":5,\"kinds\":[7,1,7]}", "{\"kinds\":[1,7],\"limit\":5}"},
        {"{\"kinds\":[70000,3]}", "{\"kinds\":[3]}"},
        {"{\"kinds\":[70000]}", "{\"ids\":[]}"},
        {"{\"since\":5,\"until\":4,\"#t\":[\"x\"]}", "{\"ids\":[]}"},
        {"{\"until\":-1,\"since\":-2}", "{\"since\":-2,\"until\":-1}"},
        {"{\"authors\":[\"" B64 "\",\"" A64 "\"],\"ids\":[\"" C64 "\"]}",
         "{\"ids\":[\"" C64 "\"],\"authors\":[\"" A64 "\",\"" B64 "\"]}"},
        {"{\"#t\":[\"b\",\"c\",\"a\",\"b\"],\"#d\":[\"\"]}",
         "{\"#t\":[\"b\",\"a\",\"c\"],\"#d\":[\"\"]}"},
        {"{\"search\":\"\\\"q\\u0000\\u00e9\"}", "{\"search\":\"\\\"q\\u0000\xc3\xa9\"}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct filter f = parse(slice_str(rows[i].json));
        struct buf out;

        buf_init(&out, 4 * KIB);
        buf_add_str(&out, "{"); /* what stands in front does not matter */
        filter_write(&f, &out);
        buf_add_char(&out, '\0');
        assert_string_equal(out.ptr + 1, rows[i].written);
        buf_deinit(&out);
    }
}

/* ---- the second opinion ---- */

/* A small deterministic generator (xorshift64). */
static uint64_t random_state = 88172645463325252ull;

static unsigned below(unsigned n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state >> 33) % n;
}

/* Values are drawn from so few that filters and events often meet. */
static const char *const texts[] = {"", "a", "b", "ab", "ba", "\"\\", "\xc3\xa9", "A", "\n", "abc"};
static const char *const words[] = {"rust", "Rust",    "trust", "LMDB", "x", "\xc3\xa9t\xc3\xa9",
                                    "7",    "foo:bar", "-",     "a.b"};
static const char letters[] = "eptTd";
static const int event_kinds[] = {0, 1, 4, 7, 1059, 30023, 65535};
static const int filter_kinds[] = {0, 1, 4, 7, 1059, 30023, 65535, 65536, -1};

static const char *random_hex(void)
{
    static const char *const keys[] = {
        A64,
        B64,
        C64,
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
        "0000000000000000000000000000000000000000000000000000000000000000",
    };

    return keys[below(ARRAY_LEN(keys))];
}

static const char *random_value(char letter)
{
    return letter == 'e' || letter == 'p' ? random_hex() : texts[below(ARRAY_LEN(texts))];
}

static char *random_sentence(void)
{
    static char text[256];

    text[0] = '\0';
    for (unsigned n = below(6); n > 0; n--) {
        strcat(text, words[below(ARRAY_LEN(words))]);
        strcat(text, below(4) ? " " : ", ");
    }
    return text;
}

static json_t *random_list(json_t *(*item)(char), char letter)
{
    json_t *list = json_array();

    for (unsigned n = below(12) ? 1 + below(5) : 0; n > 0; n--)
        json_array_append_new(list, item(letter));
    return list;
}

static json_t *hex_item(char letter)
{
    (void)letter;
    return json_string(random_hex());
}

static json_t *kind_item(char letter)
{
    (void)letter;
    return json_integer(filter_kinds[below(ARRAY_LEN(filter_kinds))]);
}

static json_t *value_item(char letter)
{
    return json_string(random_value(letter));
}

static json_t *random_filter(void)
{
    json_t *f = json_object();

    if (below(4) == 0)
        json_object_set_new(f, "ids", random_list(hex_item, 0));
    if (below(3) == 0)
        json_object_set_new(f, "authors", random_list(hex_item, 0));
    if (below(3) == 0)
        json_object_set_new(f, "kinds", random_list(kind_item, 0));
    if (below(3) == 0)
        json_object_set_new(f, "since", json_integer((int)below(12) - 1));
    if (below(3) == 0)
        json_object_set_new(f, "until", json_integer((int)below(12) - 1));
    if (below(3) == 0)
        json_object_set_new(f, "limit", json_integer(below(3)));
    if (below(6) == 0)
        json_object_set_new(f, "search", json_string(random_sentence()));
    for (const char *l = letters; *l; l++) {
        const char name[] = {'#', *l, '\0'};

        if (below(6) == 0)
            json_object_set_new(f, name, random_list(value_item, *l));
    }
    return f;
}

struct random_event {
    struct event ev;
    struct tag tags[6];
    struct slice items[6][3];
    char content[256];
};

static void fill_key(uint8_t key[32])
{
    assert_true(hex_decode(slice_str(random_hex()), key, 32));
}

static void random_event(struct random_event *r)
{
    struct event *ev = &r->ev;

    memset(ev, 0, sizeof *ev);
    fill_key(ev->id.b);
    fill_key(ev->pubkey.b);
    ev->created_at = below(10);
    ev->kind = event_kinds[below(ARRAY_LEN(event_kinds))];
    ev->content = slice_str(strcpy(r->content, random_sentence()));
    ev->tag = r->tags;
    ev->n_tags = below(ARRAY_LEN(r->tags) + 1);
    for (uint32_t i = 0; i < ev->n_tags; i++) {
        const char *letter = &letters[below(5)];

        r->tags[i] = (struct tag){.item = r->items[i], .n = 1 + below(3)};
        r->items[i][0] = below(8) ? slice_of(letter, 1) : SLICE("expiration");
        r->items[i][1] = slice_str(random_value(*letter));
        r->items[i][2] = slice_str(random_value(*letter));
    }
}

/* NIP-01 read aloud. */

static bool list_has_text(json_t *list, struct slice s)
{
    size_t i;
    json_t *v;

    json_array_foreach(list, i, v)
    {
        if (json_string_length(v) == s.len && memcmp(json_string_value(v), s.ptr, s.len) == 0)
            return true;
    }
    return false;
}

static bool list_has_key(json_t *list, const uint8_t key[32])
{
    char hex[64];

    hex_encode(key, 32, hex);
    return list_has_text(list, slice_of(hex, 64));
}

static bool list_has_number(json_t *list, int n)
{
    size_t i;
    json_t *v;

    json_array_foreach(list, i, v)
    {
        if (json_integer_value(v) == n)
            return true;
    }
    return false;
}

static bool some_tag_is_in(json_t *list, char letter, const struct event *ev)
{
    for (uint32_t i = 0; i < ev->n_tags; i++) {
        const struct tag *t = &ev->tag[i];

        if (slice_eq(t->item[0], slice_of(&letter, 1)) && t->n > 1 &&
            list_has_text(list, t->item[1]))
            return true;
    }
    return false;
}

/* Searching by the words' list above: each search word stands in content between other characters.
 */
static bool has_all_words(const char *search, const char *content)
{
    char copy[256], *save = NULL;

    strcpy(copy, search);
    for (char *token = strtok_r(copy, " ,", &save); token; token = strtok_r(NULL, " ,", &save)) {
        static const char *const parts_of_ab[] = {"a", "b", NULL};
        const char *const whole[] = {token, NULL};
        const char *const *part = strcmp(token, "a.b") == 0 ? parts_of_ab : whole;

        if (strcmp(token, "foo:bar") == 0 || strcmp(token, "-") == 0)
            continue;
        for (; *part; part++) {
            const char *at = content;
            bool found = false;

            while (!found && (at = strcasestr(at, *part))) {
                unsigned char before = at > content ? (unsigned char)at[-1] : ' ';
                unsigned char behind = (unsigned char)at[strlen(*part)];

                found = !isalnum(before) && before < 0x80 && !isalnum(behind) && behind < 0x80;
                at++;
            }
            if (!found)
                return false;
        }
    }
    return true;
}

static bool naive_match(json_t *filter, const struct random_event *r)
{
    const struct event *ev = &r->ev;
    const char *name;
    json_t *v;

    json_object_foreach(filter, name, v)
    {
        bool ok = true;

        if (strcmp(name, "ids") == 0)
            ok = list_has_key(v, ev->id.b);
        else if (strcmp(name, "authors") == 0)
            ok = list_has_key(v, ev->pubkey.b);
        else if (strcmp(name, "kinds") == 0)
            ok = list_has_number(v, ev->kind);
        else if (strcmp(name, "since") == 0)
            ok = ev->created_at >= json_integer_value(v);
        else if (strcmp(name, "until") == 0)
            ok = ev->created_at <= json_integer_value(v);
        else if (strcmp(name, "search") == 0)
            ok = has_all_words(json_string_value(v), r->content);
        else if (name[0] == '#')
            ok = some_tag_is_in(v, name[1], ev);
        if (!ok)
            return false;
    }
    return true;
}

/* For random filters and events: the naive matcher, the parsed filter, its copy and what comes back
 * from its JSON all agree; and writing is stable. */
static void test_against_naive_matcher(void **state)
{
    enum { FILTERS = 4000, EVENTS = 60 };
    static struct random_event events[EVENTS];
    unsigned matches = 0;

    (void)state;
    for (size_t i = 0; i < EVENTS; i++)
        random_event(&events[i]);
    for (int i = 0; i < FILTERS; i++) {
        json_t *wanted = random_filter();
        char *json = json_dumps(wanted, JSON_COMPACT);
        struct buf first, second;
        struct filter f, back;
        struct filter *copy;

        arena_reset(&arena);
        f = parse(slice_str(json));
        buf_init(&first, 64 * KIB);
        buf_init(&second, 64 * KIB);
        filter_write(&f, &first);
        copy = filter_dup(&f);
        back = parse(buf_slice(&first));
        filter_write(&back, &second);
        assert_true(slice_eq(buf_slice(&first), buf_slice(&second)));
        buf_reset(&second);
        filter_write(copy, &second);
        assert_true(slice_eq(buf_slice(&first), buf_slice(&second)));
        for (size_t j = 0; j < EVENTS; j++) {
            bool expected = naive_match(wanted, &events[j]);

            matches += expected;
            if (filter_match(&f, &events[j].ev) != expected)
                fail_msg("%s: event %zu, expected %d", json, j, expected);
            assert_int_equal(filter_match(&back, &events[j].ev), expected);
            assert_int_equal(filter_match(copy, &events[j].ev), expected);
        }
        free(copy);
        buf_deinit(&first);
        buf_deinit(&second);
        free(json);
        json_decref(wanted);
    }
    assert_true(matches > FILTERS); /* the test is about something */
}

/* A copy must not point into anything that the original did. */
static void test_dup_stands_alone(void **state)
{
    char json[] =
        "{\"ids\":[\"" A64 "\"],\"authors\":[\"" B64 "\"],\"kinds\":[1],\"#e\":[\"" C64 "\"],"
        "\"#t\":[\"two\",\"nostr\"],\"search\":\"rust\",\"since\":1,\"until\":1000,\"limit\":3}";
    struct filter f;
    struct filter *copy, *empty;

    (void)state;
    f = parse(SLICE(json));
    copy = filter_dup(&f);
    assert_non_null(copy);
    arena_deinit(&arena);
    arena_init(&arena, MIB);
    memset(json, '#', sizeof json);
    assert_true(filter_match(copy, sample()));
    assert_true(slice_eq(copy->tags[1].first, SLICE("two")));
    assert_int_equal(copy->limit, 3);
    free(copy);

    f = parse(SLICE("{}"));
    empty = filter_dup(&f);
    assert_non_null(empty);
    assert_true(filter_match(empty, sample()));
    free(empty);
}

/* Long lists take the searches through all their turns. */
static void test_long_lists(void **state)
{
    struct event ev = *sample();
    struct buf json;
    struct filter f;

    (void)state;
    for (unsigned n = 1; n < 40; n++) {
        arena_reset(&arena);
        buf_init(&json, 64 * KIB);
        for (unsigned i = 0; i < n; i++)
            buf_printf(&json, "%s\"%02x%s\"", i ? "," : "{\"authors\":[", 2 * i + 1, &A64[2]);
        for (unsigned i = 0; i < n; i++)
            buf_printf(&json, "%s%u", i ? "," : "],\"kinds\":[", 2 * i + 1);
        buf_add_str(&json, "]}");
        f = parse(buf_slice(&json));
        for (unsigned i = 0; i <= 2 * n; i++) {
            memset(ev.pubkey.b, 0xaa, sizeof ev.pubkey.b);
            ev.pubkey.b[0] = (uint8_t)i;
            ev.kind = (int)i;
            assert_int_equal(filter_match(&f, &ev), i % 2 == 1);
        }
        buf_deinit(&json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match_rows),   cmocka_unit_test(test_search_words),
        cmocka_unit_test(test_only_private), cmocka_unit_test(test_may_withhold),
        cmocka_unit_test(test_write_rows),   cmocka_unit_test(test_dup_stands_alone),
        cmocka_unit_test(test_long_lists),   cmocka_unit_test(test_against_naive_matcher),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
