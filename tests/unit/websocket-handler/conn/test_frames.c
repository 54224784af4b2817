#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/buf.h"
#include "conn/frames.h"

/* What came out of the decoder: messages as "T:<text>|", "B|", and the reply bytes. */
struct conn {
    struct buf seen, replies;
    bool stop;
    struct frames **state;
};

static void on_text(struct conn *c, struct slice text)
{
    buf_add_str(&c->seen, "T:");
    buf_add_slice(&c->seen, text);
    buf_add_char(&c->seen, '|');
    if (c->stop)
        frames_stop(*c->state);
}

static void on_binary(struct conn *c)
{
    buf_add_str(&c->seen, "B|");
}

static void on_reply(struct conn *c, struct slice bytes)
{
    buf_add_slice(&c->replies, bytes);
}

static const struct frames_ops ops = {.text = on_text, .binary = on_binary, .reply = on_reply};

enum { MAX_MESSAGE = 70000 };

/* A client's frame. */
static void frame(struct buf *out, unsigned first_byte, const char *payload, size_t n)
{
    static const unsigned char key[4] = {0x11, 0x22, 0x33, 0x44};

    buf_add_char(out, (char)first_byte);
    if (n < 126) {
        buf_add_char(out, (char)(0x80 | n));
    } else if (n < 65536) {
        buf_add_char(out, (char)(0x80 | 126));
        buf_add_char(out, (char)(n >> 8));
        buf_add_char(out, (char)n);
    } else {
        buf_add_char(out, (char)(0x80 | 127));
        for (int shift = 56; shift >= 0; shift -= 8)
            buf_add_char(out, (char)(n >> shift));
    }
    buf_add(out, key, 4);
    for (size_t i = 0; i < n; i++)
        buf_add_char(out, (char)(payload[i] ^ key[i % 4]));
}

static void text_frame(struct buf *out, unsigned first_byte, const char *payload)
{
    frame(out, first_byte, payload, strlen(payload));
}

struct run {
    struct frames_pool pool;
    struct frames *state;
    struct conn conn;
    struct buf input;
};

static void run_init(struct run *r)
{
    *r = (struct run){0};
    frames_pool_init(&r->pool, &ops, MAX_MESSAGE);
    buf_init(&r->conn.seen, 10 * MIB);
    buf_init(&r->conn.replies, 10 * MIB);
    buf_init(&r->input, 10 * MIB);
    r->conn.state = &r->state;
}

static void run_deinit(struct run *r)
{
    frames_release(&r->pool, r->state);
    frames_pool_deinit(&r->pool);
    buf_deinit(&r->conn.seen);
    buf_deinit(&r->conn.replies);
    buf_deinit(&r->input);
}

/* Feeds the input in pieces of step bytes; stops at the first result that ends a connection. */
static enum frames_result feed(struct run *r, size_t step)
{
    enum frames_result result = FRAMES_CLEAN;

    for (size_t at = 0; at < r->input.len; at += step) {
        size_t n = r->input.len - at < step ? r->input.len - at : step;

        result = frames_feed(&r->pool, &r->state, &r->conn, slice_of(r->input.ptr + at, n));
        assert_int_equal(result == FRAMES_CLEAN, r->state == NULL);
        if (result != FRAMES_CLEAN && result != FRAMES_PARTIAL)
            break;
    }
    return result;
}

static void assert_seen(struct run *r, const char *expected)
{
    assert_int_equal(r->conn.seen.len, strlen(expected));
    assert_memory_equal(r->conn.seen.ptr ? r->conn.seen.ptr : "", expected, strlen(expected));
}

static void build_conversation(struct buf *out)
{
    text_frame(out, 0x81, "[\"REQ\"]");
    text_frame(out, 0x01, "one ");
    text_frame(out, 0x00, "tw\xc3");
    text_frame(out, 0x89, "ping!"); /* between two fragments */
    text_frame(out, 0x80, "\xa9 three");
    text_frame(out, 0x82, "\x01\x02\xff");
    text_frame(out, 0x81, "");
    text_frame(out, 0x8a, "unasked pong");
    text_frame(out, 0x81, "ping");
}

static void the_same_messages_however_the_bytes_are_cut(void **state)
{
    (void)state;
    for (size_t step = 1; step < 130; step++) {
        struct run r;

        run_init(&r);
        build_conversation(&r.input);
        assert_int_equal(feed(&r, step), FRAMES_CLEAN);
        assert_seen(&r, "T:[\"REQ\"]|T:one tw\xc3\xa9 three|B|T:|T:ping|");
        assert_int_equal(r.conn.replies.len, 7);
        assert_memory_equal(r.conn.replies.ptr, "\x8a\x05ping!", 7);
        run_deinit(&r);
    }
}

static void a_decoder_is_lent_only_meanwhile(void **state)
{
    struct run r;
    struct frames *other = NULL;
    struct conn second = {0};

    (void)state;
    run_init(&r);
    buf_init(&second.seen, KIB);
    buf_init(&second.replies, KIB);
    text_frame(&r.input, 0x81, "hello");
    assert_int_equal(feed(&r, r.input.len), FRAMES_CLEAN);
    assert_int_equal(r.pool.n_used, 0);
    assert_int_equal(r.pool.n_spare, 1);

    /* Two connections in the middle of a frame need two. */
    assert_int_equal(frames_feed(&r.pool, &r.state, &r.conn, slice_of(r.input.ptr, 3)),
                     FRAMES_PARTIAL);
    assert_int_equal(frames_feed(&r.pool, &other, &second, slice_of(r.input.ptr, 7)),
                     FRAMES_PARTIAL);
    assert_int_equal(r.pool.n_used, 2);
    assert_int_equal(
        frames_feed(&r.pool, &r.state, &r.conn, slice_of(r.input.ptr + 3, r.input.len - 3)),
        FRAMES_CLEAN);
    assert_int_equal(
        frames_feed(&r.pool, &other, &second, slice_of(r.input.ptr + 7, r.input.len - 7)),
        FRAMES_CLEAN);
    assert_int_equal(r.pool.n_used, 0);
    assert_seen(&r, "T:hello|T:hello|");
    assert_int_equal(second.seen.len, strlen("T:hello|"));
    buf_deinit(&second.seen);
    buf_deinit(&second.replies);
    run_deinit(&r);
}

static void an_open_message_keeps_its_decoder_between_frames(void **state)
{
    struct run r;

    (void)state;
    run_init(&r);
    text_frame(&r.input, 0x01, "a");
    assert_int_equal(feed(&r, 1), FRAMES_PARTIAL);
    assert_int_equal(r.pool.n_used, 1);
    run_deinit(&r);
}

static void a_message_may_be_as_long_as_the_limit(void **state)
{
    static char big[MAX_MESSAGE + 1];
    static const size_t steps[] = {1000, 4096, 65536, 1000000};

    (void)state;
    memset(big, 'x', sizeof(big));
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct run r;

        run_init(&r);
        frame(&r.input, 0x81, big, MAX_MESSAGE);
        assert_int_equal(feed(&r, steps[i]), FRAMES_CLEAN);
        assert_int_equal(r.conn.seen.len, MAX_MESSAGE + 3);
        buf_reset(&r.input);
        frame(&r.input, 0x81, big, MAX_MESSAGE + 1);
        r.input.len = 14; /* the header is enough */
        assert_int_equal(feed(&r, steps[i]), FRAMES_TOO_BIG);
        run_deinit(&r);

        run_init(&r);
        text_frame(&r.input, 0x81, "before");
        frame(&r.input, 0x81, big, MAX_MESSAGE + 1);
        assert_int_equal(feed(&r, i + 1), FRAMES_TOO_BIG);
        assert_seen(&r, "T:before|");
        run_deinit(&r);
    }
}

static void fragments_add_up(void **state)
{
    static char part[MAX_MESSAGE / 2 + 1];
    struct run r;

    (void)state;
    memset(part, 'x', sizeof(part));
    run_init(&r);
    frame(&r.input, 0x01, part, sizeof(part));
    frame(&r.input, 0x00, part, sizeof(part));
    assert_int_equal(feed(&r, 5000), FRAMES_TOO_BIG);
    run_deinit(&r);
}

static void too_many_fragments_are_refused(void **state)
{
    struct run r;

    (void)state;
    run_init(&r);
    text_frame(&r.input, 0x01, "");
    for (int i = 1; i < FRAMES_MAX_FRAGMENTS; i++)
        text_frame(&r.input, 0x00, "");
    assert_int_equal(feed(&r, 1 * MIB), FRAMES_PARTIAL);
    buf_reset(&r.input);
    text_frame(&r.input, 0x00, "");
    assert_int_equal(feed(&r, 1 * MIB), FRAMES_TOO_MANY);
    run_deinit(&r);
}

static void bad_frames_have_their_code(void **state)
{
    static const struct {
        const char *name;
        unsigned first_byte;
        const char *payload;
        size_t n;
        enum frames_result expected;
    } rows[] = {
        {"not UTF-8", 0x81, "a\xff", 2, FRAMES_BAD_UTF8},
        {"half a character", 0x81, "a\xc3", 2, FRAMES_BAD_UTF8},
        {"a surrogate", 0x81, "\xed\xa0\x80", 3, FRAMES_BAD_UTF8},
        {"reserved bit", 0xc1, "a", 1, FRAMES_PROTOCOL},
        {"unknown opcode", 0x83, "a", 1, FRAMES_PROTOCOL},
        {"stray continuation", 0x80, "a", 1, FRAMES_PROTOCOL},
        {"fragmented ping", 0x09, "a", 1, FRAMES_PROTOCOL},
        {"close with an invalid code", 0x88, "\x03\xed", 2, FRAMES_PROTOCOL},
        {"close", 0x88, "\x03\xe8", 2, FRAMES_CLOSED},
        {"close without a code", 0x88, "", 0, FRAMES_CLOSED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t step = 1; step < 12; step++) {
            struct run r;

            run_init(&r);
            text_frame(&r.input, 0x81, "before");
            frame(&r.input, rows[i].first_byte, rows[i].payload, rows[i].n);
            if (feed(&r, step) != rows[i].expected)
                fail_msg("%s, in pieces of %zu", rows[i].name, step);
            assert_seen(&r, "T:before|");
            run_deinit(&r);
        }
    }
}

static void unmasked_frames_are_refused(void **state)
{
    struct run r;

    (void)state;
    run_init(&r);
    buf_add_str(&r.input, "\x81\x01x");
    assert_int_equal(feed(&r, 1), FRAMES_PROTOCOL);
    run_deinit(&r);
}

static void a_close_is_answered_with_its_code(void **state)
{
    struct run r;

    (void)state;
    run_init(&r);
    frame(&r.input, 0x88,
          "\x03\xe8"
          "bye",
          5);
    text_frame(&r.input, 0x81, "never seen");
    assert_int_equal(feed(&r, 1 * MIB), FRAMES_CLOSED);
    assert_seen(&r, "");
    assert_int_equal(r.conn.replies.len, 7);
    assert_memory_equal(r.conn.replies.ptr,
                        "\x88\x05\x03\xe8"
                        "bye",
                        7);
    run_deinit(&r);
}

static void nothing_comes_after_stop(void **state)
{
    struct run r;

    (void)state;
    run_init(&r);
    r.conn.stop = true;
    text_frame(&r.input, 0x81, "first");
    text_frame(&r.input, 0x81, "second");
    assert_int_equal(feed(&r, 1 * MIB), FRAMES_STOPPED);
    assert_seen(&r, "T:first|");
    run_deinit(&r);
}

static void headers_take_the_shortest_form(void **state)
{
    static const struct {
        size_t len;
        const char *bytes;
        size_t n;
    } rows[] = {
        {0, "\x81\x00", 2},
        {125, "\x81\x7d", 2},
        {126, "\x81\x7e\x00\x7e", 4},
        {65535, "\x81\x7e\xff\xff", 4},
        {65536, "\x81\x7f\0\0\0\0\0\x01\0\0", 10},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[FRAMES_MAX_HEADER];

        assert_int_equal(frames_header(FRAMES_TEXT, rows[i].len, out), rows[i].n);
        assert_memory_equal(out, rows[i].bytes, rows[i].n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_messages_however_the_bytes_are_cut),
        cmocka_unit_test(a_decoder_is_lent_only_meanwhile),
        cmocka_unit_test(an_open_message_keeps_its_decoder_between_frames),
        cmocka_unit_test(a_message_may_be_as_long_as_the_limit),
        cmocka_unit_test(fragments_add_up),
        cmocka_unit_test(too_many_fragments_are_refused),
        cmocka_unit_test(bad_frames_have_their_code),
        cmocka_unit_test(unmasked_frames_are_refused),
        cmocka_unit_test(a_close_is_answered_with_its_code),
        cmocka_unit_test(nothing_comes_after_stop),
        cmocka_unit_test(headers_take_the_shortest_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
