/* Filters to families, drivers and residual conditions; the check of a row; the text of a search.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "query/query_plan.h"
#include "query/query_sql.h"

#define A "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""
#define B "\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\""

static struct arena arena;
static const struct siphash_key secret = {1, 2};

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, MIB);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_deinit(&arena);
    return 0;
}

static struct filter parse(const char *json)
{
    static const struct filter_limits limits = {100, 1000};
    struct jread r;
    struct filter f;
    const char *error;
    bool unsupported;

    jread_init(&r, slice_str(json), &arena);
    if (!filter_parse(&r, &limits, &arena, &f, &error, &unsupported))
        fail_msg("%s: %s", json, error);
    return f;
}

static struct query_plan plan_first(const char *json)
{
    struct filter *f = arena_alloc(&arena, sizeof *f);
    struct query_plan p;
    int driver[4];

    *f = parse(json);
    query_plan_drivers(f, driver, ARRAY_LEN(driver));
    assert_true(query_plan_make(f, driver[0], &secret, &arena, &p));
    return p;
}

static void test_families(void **state)
{
    static const struct {
        const char *filter;
        enum query_family family;
        size_t n;
        bool strong, sql_is_all;
    } rows[] = {
        {"{}", FAMILY_TIME, 1, false, true},
        {"{\"limit\":3,\"since\":5}", FAMILY_TIME, 1, false, true},
        {"{\"ids\":[]}", FAMILY_NOTHING, 0, false, true},
        {"{\"kinds\":[70000]}", FAMILY_NOTHING, 0, false, true},
        {"{\"ids\":[" A "," B "]}", FAMILY_IDS, 2, false, true},
        {"{\"ids\":[" A "],\"kinds\":[1]}", FAMILY_IDS, 1, false, false},
        {"{\"kinds\":[1,7]}", FAMILY_KINDS, 2, false, true},
        {"{\"authors\":[" A "]}", FAMILY_AUTHORS, 1, false, true},
        {"{\"authors\":[" A "," B "],\"kinds\":[1,6,7]}", FAMILY_AUTHOR_KINDS, 6, false, true},
        {"{\"authors\":[" A "," B "],\"kinds\":[0,3]}", FAMILY_ADDRESSES, 4, false, false},
        {"{\"authors\":[" A "],\"kinds\":[30023],\"#d\":[\"x\",\"y\"]}", FAMILY_ADDRESSES, 2, false,
         false},
        {"{\"authors\":[" A "],\"kinds\":[30023]}", FAMILY_AUTHOR_KINDS, 1, false, true},
        {"{\"authors\":[" A "],\"kinds\":[0,1]}", FAMILY_AUTHOR_KINDS, 2, false, true},
        {"{\"#e\":[" A "," B "]}", FAMILY_TAGS, 2, false, true},
        {"{\"#e\":[" A "," A "],\"kinds\":[7]}", FAMILY_TAGS, 1, false, true},
        {"{\"#t\":[\"x\"],\"#e\":[" A "]}", FAMILY_TAGS, 1, true, true},
        {"{\"#t\":[\"x\"],\"authors\":[" A "]}", FAMILY_AUTHORS, 1, true, true},
        {"{\"#t\":[\"x\"],\"#k\":[\"1\"],\"#g\":[\"2\"],\"#l\":[\"3\"]}", FAMILY_TAGS, 1, true,
         false},
        {"{\"search\":\"hello\"}", FAMILY_SEARCH, 1, true, false},
        {"{\"search\":\"language:en\"}", FAMILY_TIME, 1, false, true},
        {"{\"search\":\"language:en\",\"kinds\":[1]}", FAMILY_KINDS, 1, false, true},
        {"{\"search\":\"***\"}", FAMILY_TIME, 1, false, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct query_plan p = plan_first(rows[i].filter);

        if (p.family != rows[i].family || p.n != rows[i].n || p.strong != rows[i].strong ||
            p.sql_is_all != rows[i].sql_is_all)
            fail_msg("%s: family %d, %zu sources, strong %d, all %d", rows[i].filter, p.family, p.n,
                     p.strong, p.sql_is_all);
    }
}

static void test_drivers(void **state)
{
    static const struct {
        const char *filter;
        const char *order; /* letters, - for none */
    } rows[] = {
        {"{}", "-"},
        {"{\"authors\":[" A "]}", "-"},
        {"{\"#t\":[\"x\"]}", "t"},
        {"{\"#t\":[\"x\"],\"#e\":[" A "]}", "et"},
        {"{\"#t\":[\"x\"],\"#e\":[" A "],\"authors\":[" A "]}", "e-t"},
        {"{\"#p\":[" A "],\"#z\":[\"\"],\"#d\":[\"\"],\"#x\":[\"\"],\"#E\":[" A "]}", "dzxp"},
        {"{\"ids\":[" A "],\"#t\":[\"x\"]}", "-"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct filter f = parse(rows[i].filter);
        int driver[4];
        size_t n = query_plan_drivers(&f, driver, ARRAY_LEN(driver));

        assert_int_equal(n, strlen(rows[i].order));
        for (size_t d = 0; d < n; d++) {
            char letter = driver[d] == PLAN_NO_TAG ? '-' : f.tags[driver[d]].letter;

            if (letter != rows[i].order[d])
                fail_msg("%s: driver %zu is %c", rows[i].filter, d, letter);
        }
    }
}

static void test_search_text(void **state)
{
    static const struct {
        const char *search, *text;
    } rows[] = {
        {"hello", "hello"},
        {"  hello \t world ", "hello world"},
        {"rust lmdb language:en", "rust lmdb"},
        {"language:en", ""},
        {"***", ""},
        {"* a:b c", "c"},
        {"https://a.b", "https://a.b"},
        {"12:30", "12:30"},
        {"\"; DROP TABLE", "DROP TABLE"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice text = query_plan_search_text(slice_str(rows[i].search), &arena);

        if (!slice_eq(text, slice_str(rows[i].text)))
            fail_msg("%s: %.*s", rows[i].search, (int)text.len, text.ptr);
    }
}

#define EVENT(tags)                                                                                \
    "{\"id\":" B ",\"pubkey\":" A ",\"created_at\":100,\"kind\":1,\"tags\":[" tags                 \
    "],\"content\":\"[\\\"t\\\",\\\"x\\\"]\","                                                     \
    "\"sig\":\"\"}"

static void test_check(void **state)
{
    static const struct {
        const char *filter, *event;
        bool match;
    } rows[] = {
        {"{}", EVENT(""), true},
        {"{\"ids\":[" B "]}", EVENT(""), true},
        {"{\"ids\":[" A "]}", EVENT(""), false},
        {"{\"authors\":[" A "," B "]}", EVENT(""), true},
        {"{\"authors\":[" B "]}", EVENT(""), false},
        {"{\"kinds\":[0,1]}", EVENT(""), true},
        {"{\"kinds\":[0,2]}", EVENT(""), false},
        {"{\"since\":100,\"until\":100}", EVENT(""), true},
        {"{\"since\":101}", EVENT(""), false},
        {"{\"until\":99}", EVENT(""), false},
        {"{\"#t\":[\"x\"]}", EVENT("[\"t\",\"x\"]"), true},
        {"{\"#t\":[\"x\"]}", EVENT("[\"t\",\"xy\"]"), false},
        {"{\"#t\":[\"x\"]}", EVENT("[\"t\",\"y\",\"x\"]"), false},
        {"{\"#t\":[\"x\"]}", EVENT(""), false},
        {"{\"#T\":[\"x\"]}", EVENT("[\"t\",\"x\"]"), false},
        {"{\"#t\":[\"a\",\"b\",\"c\",\"x\"]}", EVENT("[\"t\",\"q\"],[\"t\",\"x\",\"more\"]"), true},
        {"{\"#t\":[\"a\",\"b\",\"c\",\"x\"]}", EVENT("[\"t\",\"q\"],[\"t\"]"), false},
        {"{\"#t\":[\"a\",\"b\",\"c\",\"\\\"\"]}", EVENT("[\"t\",\"\\\"\"]"), true},
        {"{\"#t\":[\"a\",\"b\",\"c\",\"\\\\\"]}", EVENT("[\"t\",\"\\\"\"]"), false},
        {"{\"#t\":[\"x\"],\"#d\":[\"\"]}", EVENT("[\"t\",\"x\"],[\"d\",\"\"]"), true},
        {"{\"#t\":[\"x\"],\"#d\":[\"\"]}", EVENT("[\"t\",\"x\"],[\"d\",\"1\"]"), false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct filter f = parse(rows[i].filter);

        if (query_plan_check(&f, 100, 1, slice_str(rows[i].event)) != rows[i].match)
            fail_msg("%s against %s", rows[i].filter, rows[i].event);
    }
}

/* Every statement exists where it is asked for, names differ, and one connection can hold all of
 * them. */
static void test_statements(void **state)
{
    struct query_sql *sql = query_sql_new();
    const struct query_statement *st = &sql->scan[0][0][0];
    size_t n = sizeof *sql / sizeof *st, present = 0;

    (void)state;
    for (size_t i = 0; i < n; i++) {
        if (!st[i].sql)
            continue;
        present++;
        for (size_t j = 0; j < i; j++)
            assert_true(!st[j].name || strcmp(st[i].name, st[j].name) != 0);
    }
    assert_true(present + 16 < DB_MAX_PREPARED);
    for (size_t sources = 1; sources < 20; sources++)
        for (int full = 0; full < 2; full++)
            for (int f = FAMILY_KINDS; f <= FAMILY_TAGS; f++)
                assert_non_null(sql->scan[f][query_shape_for(sources)][full].sql);
    query_sql_free(sql);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_families, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_drivers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_search_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_check, set_up, tear_down),
        cmocka_unit_test(test_statements),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
