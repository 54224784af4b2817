#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "event-handler/sign.h"
#include "trust/crawl_talk.h"

enum { N = 4, THEN = 1700000000 };

static const int kinds[] = {3};

struct fixture {
    struct pubkey pubkeys[N];
    struct crawl_authors authors;
    struct crawl_judge judge;
    struct crawl_request request;
    struct crawl_relay_report report;
    struct crawl_talk talk;
    uint64_t now_ms;
    size_t n_events;
};

static void on_event(const struct event *ev, struct slice json, void *ctx)
{
    (void)ev, (void)json;
    ((struct fixture *)ctx)->n_events++;
}

static struct event sign(unsigned author, int64_t created_at)
{
    struct event ev = {.kind = 3, .created_at = created_at, .content = SLICE("")};

    sign_event(&ev, author);
    return ev;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct crawl_queue queue;

    for (unsigned i = 0; i < N; i++)
        f->pubkeys[i] = sign(i, 0).pubkey;
    f->request = (struct crawl_request){.authors = f->pubkeys,
                                        .n_authors = N,
                                        .kinds = kinds,
                                        .n_kinds = 1,
                                        .limits = crawl_default_limits,
                                        .on_event = on_event,
                                        .ctx = f};
    f->request.limits.answer_seconds = 10;
    f->request.limits.max_faults = 3;
    f->now_ms = 1000000;
    *state = f;
    if (!crawl_authors_init(&f->authors, f->pubkeys, N, kinds, 1))
        return -1;
    crawl_judge_init(&f->judge, &f->authors, 64 * KIB);
    crawl_queue_init(&queue, &f->authors, NULL, N, false, 500);
    crawl_talk_init(&f->talk, &f->request, &f->judge, &f->report, &queue);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    crawl_talk_deinit(&f->talk);
    crawl_judge_deinit(&f->judge);
    crawl_authors_deinit(&f->authors);
    free(f);
    return 0;
}

static void hear(struct fixture *f, const char *text)
{
    crawl_talk_hear(&f->talk, slice_str(text), f->now_ms);
}

static void hear_event(struct fixture *f, const struct event *ev)
{
    struct buf text;

    buf_init(&text, MIB);
    buf_add_str(&text, "[\"EVENT\",\"whatever\",");
    event_write(ev, &text);
    buf_add_char(&text, ']');
    crawl_talk_hear(&f->talk, buf_slice(&text), f->now_ms);
    buf_deinit(&text);
}

/* One turn; what is said begins with words. */
static void expect_say(struct fixture *f, const char *words)
{
    assert_int_equal(crawl_talk_turn(&f->talk, f->now_ms), CRAWL_SAY);
    if (!slice_has_prefix(buf_slice(&f->talk.words), slice_str(words)))
        fail_msg("said " SLICE_FMT, SLICE_ARG(buf_slice(&f->talk.words)));
}

static void expect_turn(struct fixture *f, enum crawl_turn expected)
{
    assert_int_equal(crawl_talk_turn(&f->talk, f->now_ms), expected);
}

static void test_a_conversation(void **state)
{
    struct fixture *f = *state;
    struct event ev = sign(0, THEN);

    expect_say(f, "[\"REQ\",\"wot1\",");
    expect_turn(f, CRAWL_WAIT);
    assert_int_equal(crawl_talk_due(&f->talk), f->now_ms + 10000);
    hear(f, "[\"AUTH\",\"challenge\"]");
    hear(f, "[\"EOSE\",\"other\"]");
    hear(f, "[\"CLOSED\",\"other\",\"error: no\"]");
    hear(f, "[\"SOMETHING\",\"new\"]");
    hear_event(f, &ev);
    hear_event(f, &ev);
    expect_turn(f, CRAWL_WAIT);
    assert_false(f->report.answered);
    hear(f, "[\"EOSE\",\"wot1\"]");
    expect_turn(f, CRAWL_DONE);
    assert_true(f->report.answered);
    assert_int_equal(f->n_events, 1);
    assert_int_equal(f->report.n_events, 1);
    assert_int_equal(f->report.rejected[CRAWL_STALE], 1);
    assert_int_equal(f->report.n_authors, N);
    assert_string_equal(f->report.error, "");
}

static void test_faults_add_up(void **state)
{
    struct fixture *f = *state;
    struct event ev = sign(50, THEN);

    expect_say(f, "[\"REQ\"");
    hear(f, "[]");
    hear_event(f, &ev);
    expect_turn(f, CRAWL_WAIT);
    hear(f, "[\"EVENT\",\"wot1\",{}]");
    expect_turn(f, CRAWL_FAIL);
    hear_event(f, &ev); /* nobody listens any more */
    assert_int_equal(f->report.rejected[CRAWL_FOREIGN_AUTHOR], 1);
    assert_int_equal(f->report.rejected[CRAWL_MALFORMED], 2);
}

static void test_silence(void **state)
{
    struct fixture *f = *state;

    expect_say(f, "[\"REQ\"");
    f->now_ms += 9999;
    expect_turn(f, CRAWL_WAIT);
    f->now_ms += 1;
    expect_turn(f, CRAWL_FAIL);
    assert_string_equal(f->report.error, "it does not answer");
}

static void test_an_answer_without_end(void **state)
{
    struct fixture *f = *state;

    for (unsigned i = 0; i < 2; i++) {
        struct event ev = sign(i, THEN);

        expect_say(f, "[\"REQ\"");
        hear_event(f, &ev);
        f->now_ms += 10000;
        expect_say(f, "[\"CLOSE\",\"wot");
        expect_turn(f, CRAWL_WAIT); /* a pause */
        f->now_ms = crawl_talk_due(&f->talk);
    }
    expect_say(f, "[\"REQ\"");
    hear(f, "[\"EOSE\",\"wot3\"]");
    expect_say(f, "[\"REQ\""); /* for the next author */
    assert_int_equal(f->n_events, 2);
}

static void test_a_greeting_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct event ev = sign(0, THEN);

    hear(f, "[\"NOTICE\",\"welcome\"]");
    expect_say(f, "[\"REQ\",\"wot1\",");
    hear(f, "[\"NOTICE\",\"be nice\"]");
    assert_int_equal(crawl_talk_due(&f->talk), f->now_ms + 3000);
    f->now_ms += 2000;
    hear_event(f, &ev);
    assert_int_equal(crawl_talk_due(&f->talk), f->now_ms + 10000);
    hear(f, "[\"NOTICE\",\"again\"]");
    assert_int_equal(crawl_talk_due(&f->talk), f->now_ms + 10000);
}

static void test_a_notice_instead_of_an_answer(void **state)
{
    struct fixture *f = *state;
    unsigned n = 0;

    for (;; n++) {
        expect_say(f, "[\"REQ\"");
        hear(f, "[\"NOTICE\",\"ERROR: no\"]");
        f->now_ms += 3000;
        if (crawl_talk_turn(&f->talk, f->now_ms) == CRAWL_FAIL)
            break;
        f->now_ms = crawl_talk_due(&f->talk);
    }
    assert_int_equal(n, CRAWL_MAX_REFUSALS);
    assert_string_equal(f->report.error, "it answers with nothing but notices");
}

static void test_refusals(void **state)
{
    struct fixture *f = *state;

    expect_say(f, "[\"REQ\",\"wot1\"");
    hear(f, "[\"CLOSED\",\"wot1\",\"rate-limited: slow down\"]");
    expect_turn(f, CRAWL_WAIT);
    f->now_ms = crawl_talk_due(&f->talk);
    expect_say(f, "[\"REQ\",\"wot2\"");
    hear(f, "[\"CLOSED\",\"wot2\",\"restricted: members only\"]");
    expect_turn(f, CRAWL_FAIL);
    assert_string_equal(f->report.error, "it refuses: restricted: members only");
}

static void test_long_words_are_cut(void **state)
{
    struct fixture *f = *state;
    char text[2000];

    expect_say(f, "[\"REQ\"");
    snprintf(text, sizeof(text), "[\"CLOSED\",\"wot1\",\"blocked: %01000d\"]", 0);
    hear(f, text);
    expect_turn(f, CRAWL_FAIL);
    assert_true(strlen(f->report.error) < 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_conversation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_faults_add_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_silence, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_answer_without_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_greeting_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_notice_instead_of_an_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_words_are_cut, setup, teardown),
    };

    verify_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
