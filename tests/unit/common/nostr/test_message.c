/* Client messages: shapes, ids, raw bodies, and frames that are no message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nostr/message.h"

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

static void test_good_messages(void **state)
{
    static const struct {
        const char *text;
        enum client_verb verb;
        const char *name;
        const char *sub_id; /* NULL: none */
        const char *body;
    } rows[] = {
        {"[\"EVENT\",{\"id\":1}]", VERB_EVENT, "EVENT", NULL, "{\"id\":1}"},
        {" \n[ \"EVENT\" , { \"id\" : [] } ]\r\n\t", VERB_EVENT, "EVENT", NULL, "{ \"id\" : [] }"},
        {"[\"EVENT\",{},\"more\",[1]]", VERB_EVENT, "EVENT", NULL, "{}"},
        {"[\"AUTH\",{\"kind\":22242}]", VERB_AUTH, "AUTH", NULL, "{\"kind\":22242}"},
        {"[\"REQ\",\"a\",{}]", VERB_REQ, "REQ", "a", "{}"},
        {"[\"REQ\",\"a\",{},{\"limit\":1}]", VERB_REQ, "REQ", "a", "{},{\"limit\":1}"},
        {"[\"REQ\",\"a\" , {} , {} ]", VERB_REQ, "REQ", "a", " {} , {} "},
        {"[\"REQ\",\"a\"]", VERB_REQ, "REQ", "a", ""},
        {"[\"REQ\",\"\",{}]", VERB_REQ, "REQ", "", "{}"},
        {"[\"REQ\",\"a\",[{}]]", VERB_REQ, "REQ", "a", "[{}]"},
        {"[\"REQ\",\"a\",null,\"]\"]", VERB_REQ, "REQ", "a", "null,\"]\""},
        {"[\"REQ\",\"\\u0061\\\"\\\\\",{}]", VERB_REQ, "REQ", "a\"\\", "{}"},
        {"[\"\\u0052EQ\",\"a\",{}]", VERB_REQ, "REQ", "a", "{}"},
        {"[\"COUNT\",\"q\",{\"kinds\":[1]}]", VERB_COUNT, "COUNT", "q", "{\"kinds\":[1]}"},
        {"[\"CLOSE\",\"a\"]", VERB_CLOSE, "CLOSE", "a", ""},
        {"[\"CLOSE\",\"a\",{}]", VERB_CLOSE, "CLOSE", "a", ""},
        {"[\"FOO\",1,{}]", VERB_UNKNOWN, "FOO", NULL, ""},
        {"[\"FOO\"]", VERB_UNKNOWN, "FOO", NULL, ""},
        {"[\"req\",\"a\",{}]", VERB_UNKNOWN, "req", NULL, ""},
        {"[\"unknown\"]", VERB_UNKNOWN, "unknown", NULL, ""},
        {"[\"\"]", VERB_UNKNOWN, "", NULL, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client_message msg;
        const char *error;

        arena_reset(&arena);
        if (message_parse(slice_str(rows[i].text), &arena, &msg, &error) != MESSAGE_OK)
            fail_msg("%s: %s", rows[i].text, error);
        assert_int_equal(msg.verb, rows[i].verb);
        assert_true(slice_eq(msg.name, slice_str(rows[i].name)));
        assert_int_equal(msg.has_sub_id, rows[i].sub_id != NULL);
        if (rows[i].sub_id)
            assert_true(slice_eq(msg.sub_id, slice_str(rows[i].sub_id)));
        if (!slice_eq(msg.body, slice_str(rows[i].body)))
            fail_msg("%s: body " SLICE_FMT, rows[i].text, SLICE_ARG(msg.body));
    }
}

static void test_wrong_shapes(void **state)
{
    static const struct {
        const char *text;
        enum client_verb verb;
        const char *error;
    } rows[] = {
        {"[]", VERB_UNKNOWN, "a message must begin with a verb"},
        {"[5]", VERB_UNKNOWN, "a message must begin with a verb"},
        {"[null,\"x\"]", VERB_UNKNOWN, "a message must begin with a verb"},
        {"[[\"REQ\"]]", VERB_UNKNOWN, "a message must begin with a verb"},
        {"[\"EVENT\"]", VERB_EVENT, "EVENT must be followed by an event object"},
        {"[\"EVENT\",\"id\",{}]", VERB_EVENT, "EVENT must be followed by an event object"},
        {"[\"EVENT\",[]]", VERB_EVENT, "EVENT must be followed by an event object"},
        {"[\"AUTH\",\"challenge\"]", VERB_AUTH, "AUTH must be followed by an event object"},
        {"[\"AUTH\"]", VERB_AUTH, "AUTH must be followed by an event object"},
        {"[\"REQ\"]", VERB_REQ, "REQ must be followed by a subscription id, a string"},
        {"[\"REQ\",5,{}]", VERB_REQ, "REQ must be followed by a subscription id, a string"},
        {"[\"REQ\",{}]", VERB_REQ, "REQ must be followed by a subscription id, a string"},
        {"[\"COUNT\",null,{}]", VERB_COUNT, "COUNT must be followed by a query id, a string"},
        {"[\"CLOSE\"]", VERB_CLOSE, "CLOSE must be followed by a subscription id, a string"},
        {"[\"CLOSE\",[\"a\"]]", VERB_CLOSE,
         "CLOSE must be followed by a subscription id, a string"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client_message msg;
        const char *error = NULL;

        if (message_parse(slice_str(rows[i].text), &arena, &msg, &error) != MESSAGE_MALFORMED)
            fail_msg("%s", rows[i].text);
        assert_int_equal(msg.verb, rows[i].verb);
        assert_false(msg.has_sub_id);
        assert_string_equal(error, rows[i].error);
    }
}

static void test_not_json(void **state)
{
    static const char *const rows[] = {
        "",
        " ",
        "ping",
        "{}",
        "\"x\"",
        "5",
        "null",
        "[",
        "[\"REQ\"",
        "[\"REQ\",\"a\",{}",
        "[\"REQ\",\"a\",{]",
        "[\"REQ\",\"a\",{},]",
        "[\"REQ\",\"a\",]",
        "[\"REQ\",\"a\" {}]",
        "[,\"REQ\"]",
        "[\"EVENT\",{}]]",
        "[\"EVENT\",{}][\"EVENT\",{}]",
        "[\"EVENT\",{}] x",
        "[\"EVENT\",5,{]",
        "[\"EVENT\",{\"a\"}]",
        "[5,x]",
        "['EVENT',{}]",
        "[\"FOO\",nul]",
        "[\"CLOSE\",\"a\xff\"]",
        "[\"CLOSE\",\"a\\ud800\"]",
        "[\"CLOSE\",\"a",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client_message msg;
        const char *error = NULL;

        if (message_parse(slice_str(rows[i]), &arena, &msg, &error) != MESSAGE_NOT_JSON)
            fail_msg("%s", rows[i]);
        assert_non_null(error);
    }
}

/* No prefix of a message is a message. */
static void test_truncation(void **state)
{
    const struct slice text =
        SLICE("[\"REQ\",\"a\\u00e9\",{\"#t\":[\"x\\\"\"]},{\"limit\":-1.5e3}]");

    (void)state;
    for (size_t n = 0; n < text.len; n++) {
        struct client_message msg;
        const char *error;

        assert_int_equal(message_parse(slice_of(text.ptr, n), &arena, &msg, &error),
                         MESSAGE_NOT_JSON);
    }
}

static void test_nul_in_id(void **state)
{
    struct client_message msg;
    const char *error;

    (void)state;
    assert_int_equal(message_parse(SLICE("[\"CLOSE\",\"a\\u0000b\"]"), &arena, &msg, &error),
                     MESSAGE_OK);
    assert_true(slice_eq(msg.sub_id, SLICE("a\0b")));
}

static void test_verb_names(void **state)
{
    (void)state;
    assert_string_equal(client_verb_name(VERB_EVENT), "EVENT");
    assert_string_equal(client_verb_name(VERB_COUNT), "COUNT");
    assert_string_equal(client_verb_name(VERB_UNKNOWN), "unknown");
}

static void test_utf8_length(void **state)
{
    (void)state;
    assert_int_equal(utf8_length(SLICE("")), 0);
    assert_int_equal(utf8_length(SLICE("abc")), 3);
    assert_int_equal(utf8_length(SLICE("\xc3\xa9\xe6\xa4\x9c\xf0\x9f\x98\x80")), 3);
    assert_int_equal(utf8_length(SLICE("a\0b")), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_messages), cmocka_unit_test(test_wrong_shapes),
        cmocka_unit_test(test_not_json),      cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_nul_in_id),     cmocka_unit_test(test_verb_names),
        cmocka_unit_test(test_utf8_length),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
