#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "plugin/plugin_protocol.h"

#define ID "1111111111111111111111111111111111111111111111111111111111111111"

static void test_questions(void **state)
{
    struct pubkey authed;
    struct plugin_question q = {.event = SLICE("{\"id\":\"x\"}"), .received_at = 1700000000};
    struct buf out;

    (void)state;
    memset(authed.b, 0x22, sizeof authed.b);
    buf_init(&out, KIB);
    q.address = SLICE("192.0.2.7");
    plugin_question_write(&out, &q);
    q.address = SLICE("2001:db8::7");
    q.authed = &authed;
    plugin_question_write(&out, &q);
    q.address = SLICE("");
    q.authed = NULL;
    plugin_question_write(&out, &q);
    buf_add_char(&out, '\0');
    assert_string_equal(
        out.ptr,
        "{\"type\":\"new\",\"event\":{\"id\":\"x\"},\"receivedAt\":1700000000,"
        "\"sourceType\":\"IP4\",\"sourceInfo\":\"192.0.2.7\"}\n"
        "{\"type\":\"new\",\"event\":{\"id\":\"x\"},\"receivedAt\":1700000000,"
        "\"sourceType\":\"IP6\",\"sourceInfo\":\"2001:db8::7\",\"authed\":\"22222222222222222222"
        "22222222222222222222222222222222222222222222\"}\n"
        "{\"type\":\"new\",\"event\":{\"id\":\"x\"},\"receivedAt\":1700000000,"
        "\"sourceType\":\"Import\",\"sourceInfo\":\"\"}\n");
    buf_deinit(&out);
}

static const struct {
    const char *line;
    enum plugin_line what;
    enum plugin_action action;
    enum verdict verdict;
    const char *message; /* or, in part, the error */
} replies[] = {
    {"{\"id\":\"" ID "\",\"action\":\"accept\"}", PLUGIN_REPLY, PLUGIN_ACCEPT, VERDICT_ACCEPTED,
     ""},
    {"{\"action\":\"accept\",\"msg\":\"fine\",\"id\":\"" ID "\"}\r", PLUGIN_REPLY, PLUGIN_ACCEPT,
     VERDICT_ACCEPTED, ""},
    {"{\"id\":\"" ID "\",\"action\":\"shadowReject\"}", PLUGIN_REPLY, PLUGIN_SHADOW_REJECT,
     VERDICT_ACCEPTED, ""},
    {"{\"id\":\"" ID "\",\"action\":\"reject\",\"msg\":\"blocked: no\"}", PLUGIN_REPLY,
     PLUGIN_REJECT, VERDICT_BLOCKED, "no"},
    {"{\"id\":\"" ID "\",\"action\":\"reject\",\"msg\":\"pow: 20 bits\"}", PLUGIN_REPLY,
     PLUGIN_REJECT, VERDICT_POW, "20 bits"},
    {"{\"id\":\"" ID "\",\"action\":\"reject\",\"msg\":\"mind: the gap\\n\"}", PLUGIN_REPLY,
     PLUGIN_REJECT, VERDICT_BLOCKED, "mind: the gap "},
    {"{\"id\":\"" ID "\",\"action\":\"reject\",\"msg\":null}", PLUGIN_REPLY, PLUGIN_REJECT,
     VERDICT_BLOCKED, "not taken by this relay's policy"},
    {"{\"id\":\"" ID "\",\"action\":\"reject\",\"msg\":\"blocked: \"}", PLUGIN_REPLY, PLUGIN_REJECT,
     VERDICT_BLOCKED, "not taken by this relay's policy"},
    {"{\"id\":\"" ID "\",\"action\":\"Accept\"}", PLUGIN_MALFORMED, 0, 0, "none of accept"},
    {"{\"id\":\"" ID "\"}", PLUGIN_MALFORMED, 0, 0, "none of accept"},
    {"{\"id\":\"11\",\"action\":\"accept\"}", PLUGIN_MALFORMED, 0, 0, "not that of the event"},
    {"{\"action\":\"accept\"}", PLUGIN_MALFORMED, 0, 0, "not that of the event"},
    {"{\"id\":\"" ID "\",\"action\":\"accept\",\"msg\":7}", PLUGIN_MALFORMED, 0, 0,
     "must be texts"},
    {"{}", PLUGIN_MALFORMED, 0, 0, "not that of the event"},
    {"{\"id\":\"" ID "\",\"action\":\"accept\"} and more", PLUGIN_NOISE, 0, 0, "not a JSON object"},
    {"{\"id\":\"" ID "\"", PLUGIN_NOISE, 0, 0, "not a JSON object"},
    {"[]", PLUGIN_NOISE, 0, 0, "not a JSON object"},
    {"ready", PLUGIN_NOISE, 0, 0, "not a JSON object"},
    {"", PLUGIN_NOISE, 0, 0, "not a JSON object"},
};

static void test_replies(void **state)
{
    struct event_id id;

    (void)state;
    memset(id.b, 0x11, sizeof id.b);
    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        struct plugin_reply reply;
        const char *error = "";
        enum plugin_line what = plugin_reply_read(slice_str(replies[i].line), &id, &reply, &error);

        if (what != replies[i].what)
            fail_msg("%s: %s", replies[i].line, error);
        if (what != PLUGIN_REPLY) {
            assert_non_null(strstr(error, replies[i].message));
            continue;
        }
        assert_int_equal(reply.action, replies[i].action);
        assert_int_equal(reply.verdict, replies[i].verdict);
        assert_string_equal(reply.message, replies[i].message);
    }
}

/* A cut message ends with a whole character. */
static void test_long_message(void **state)
{
    struct plugin_reply reply;
    struct event_id id;
    const char *error;
    struct buf line;

    (void)state;
    memset(id.b, 0x11, sizeof id.b);
    buf_init(&line, 4 * KIB);
    buf_add_str(&line, "{\"id\":\"" ID "\",\"action\":\"reject\",\"msg\":\"x");
    for (int i = 0; i < 200; i++)
        buf_add_str(&line, "é");
    buf_add_str(&line, "\"}");
    assert_int_equal(plugin_reply_read(buf_slice(&line), &id, &reply, &error), PLUGIN_REPLY);
    assert_int_equal(strlen(reply.message), PLUGIN_MESSAGE_MOST - 1);
    assert_string_equal(reply.message + strlen(reply.message) - 2, "é");
    buf_deinit(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_questions),
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_long_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
