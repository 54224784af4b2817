#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/relay_message.h"

static const struct {
    const char *text;
    bool good;
    enum relay_verb verb;
    const char *sub_id, *words, *body;
} rows[] = {
    {"[\"EVENT\",\"s\",{\"id\":1}]", true, RELAY_EVENT, "s", "", "{\"id\":1}"},
    {" [ \"EVENT\" , \"s\" , { } ] \n", true, RELAY_EVENT, "s", "", "{ }"},
    {"[\"EOSE\",\"a\\nb\"]", true, RELAY_EOSE, "a\nb", "", ""},
    {"[\"EOSE\",\"s\",[\"more\"],7]", true, RELAY_EOSE, "s", "", ""},
    {"[\"CLOSED\",\"s\",\"error: x\"]", true, RELAY_CLOSED, "s", "error: x", ""},
    {"[\"COUNT\",\"s\",{\"count\":3}]", true, RELAY_COUNT, "s", "", "{\"count\":3}"},
    {"[\"AUTH\",\"challenge\"]", true, RELAY_AUTH, "", "challenge", ""},
    {"[\"NOTICE\",\"\"]", true, RELAY_NOTICE, "", "", ""},
    {"[\"NEG-MSG\",\"s\",\"61\"]", true, RELAY_UNKNOWN, "", "", ""},
    {"[\"eose\",\"s\"]", true, RELAY_UNKNOWN, "", "", ""},
    {"[\"EVENT\",\"s\"]", false, 0, NULL, NULL, NULL},
    {"[\"EVENT\",\"s\",[]]", false, 0, NULL, NULL, NULL},
    {"[\"EVENT\",\"s\",{]", false, 0, NULL, NULL, NULL},
    {"[\"EOSE\"]", false, 0, NULL, NULL, NULL},
    {"[\"EOSE\",7]", false, 0, NULL, NULL, NULL},
    {"[\"EOSE\",\"s\"", false, 0, NULL, NULL, NULL},
    {"[\"EOSE\",\"s\"]]", false, 0, NULL, NULL, NULL},
    {"[\"OK\",\"12\",true,\"\"]", false, 0, NULL, NULL, NULL},
    {"[7]", false, 0, NULL, NULL, NULL},
    {"[]", false, 0, NULL, NULL, NULL},
    {"{}", false, 0, NULL, NULL, NULL},
    {"", false, 0, NULL, NULL, NULL},
};

static void test_messages(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 64 * KIB);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct relay_message m;
        const char *error = NULL;

        if (relay_message_parse(slice_str(rows[i].text), &arena, &m, &error) != rows[i].good)
            fail_msg("%s: %s", rows[i].text, error ? error : "accepted");
        if (!rows[i].good) {
            assert_non_null(error);
            continue;
        }
        assert_int_equal(m.verb, rows[i].verb);
        assert_true(slice_eq(m.sub_id, slice_str(rows[i].sub_id)));
        assert_true(slice_eq(m.text, slice_str(rows[i].words)));
        assert_true(slice_eq(m.body, slice_str(rows[i].body)));
    }
    arena_deinit(&arena);
}

static void test_ok(void **state)
{
    static const char text[] = "[\"OK\",\"000102030405060708090a0b0c0d0e0f"
                               "101112131415161718191a1b1c1d1e1f\",false,\"pow: more\"]";
    struct relay_message m;
    struct arena arena;
    const char *error;

    (void)state;
    arena_init(&arena, 64 * KIB);
    assert_true(relay_message_parse(SLICE(text), &arena, &m, &error));
    assert_int_equal(m.verb, RELAY_OK);
    assert_false(m.accepted);
    assert_int_equal(m.id.b[31], 31);
    assert_true(slice_eq(m.text, SLICE("pow: more")));
    arena_deinit(&arena);
}

static void test_counts(void **state)
{
    static const struct {
        const char *body;
        bool good;
        int64_t count;
        bool approximate;
    } counts[] = {
        {"{\"count\":0}", true, 0, false},
        {"{\"hll\":\"00\",\"count\":12,\"approximate\":true}", true, 12, true},
        {"{\"count\":-1}", false, 0, false},
        {"{\"count\":\"3\"}", false, 0, false},
        {"{\"count\":1e3}", false, 0, false},
        {"{}", false, 0, false},
    };
    struct arena arena;

    (void)state;
    arena_init(&arena, 64 * KIB);
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        int64_t count = -7;
        bool approximate;

        if (relay_message_count(slice_str(counts[i].body), &arena, &count, &approximate) !=
            counts[i].good)
            fail_msg("%s", counts[i].body);
        if (counts[i].good) {
            assert_int_equal(count, counts[i].count);
            assert_int_equal(approximate, counts[i].approximate);
        }
    }
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_ok),
        cmocka_unit_test(test_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
