/* An answer that comes in parts: what is read in which order, and who frees the batch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "ingest/splitter.h"

enum { N = 4, SEQ = 9 };

static atomic_int calls; /* of done */
static _Atomic uint64_t head = SEQ;
static char text[1024]; /* that was read */

static void on_done(struct ingest_batch *b, void *ctx)
{
    (void)b;
    (void)ctx;
    calls++;
}

static struct ingest_batch *make_batch(void)
{
    struct ingest_batch *b;
    struct buf body;

    calls = 0;
    text[0] = '\0';
    buf_init(&body, MIB);
    for (size_t i = 0; i < N; i++)
        ingest_record_write(&body, &(struct ingest_record){.event = SLICE("{}")});
    assert_int_equal(batch_new(&body, 1000, on_done, NULL, NULL, &b), OK);
    b->may_split = true;
    return b;
}

static void decide(struct ingest_batch *b, size_t i, enum verdict v)
{
    b->item[i].verdict = v;
    batch_decided(&b->item[i], SEQ);
}

/* Reads what there is, a few bytes at a time. True at the end. */
static bool read_on(struct ingest_batch *b)
{
    bool end = false;
    size_t n, at = strlen(text);

    while ((n = ingest_batch_take(b, at, text + at, 5, &end)) > 0) {
        assert_false(end);
        at += n;
        text[at] = '\0';
    }
    return end;
}

static void test_parts(void **state)
{
    struct ingest_batch *b = make_batch();

    (void)state;
    decide(b, 2, VERDICT_ACCEPTED);
    assert_int_equal(calls, 0);
    batch_split(b, SEQ);
    assert_int_equal(calls, 1);
    assert_true(ingest_batch_is_split(b));
    assert_false(read_on(b));
    assert_string_equal(text, "-\n2 9 [\"\",true,\"\"]\n");
    decide(b, 0, VERDICT_BLOCKED); /* nobody waits yet */
    assert_int_equal(calls, 1);
    ingest_batch_await(b, strlen(text)); /* there is more already */
    assert_int_equal(calls, 2);
    assert_false(read_on(b));
    ingest_batch_await(b, strlen(text));
    assert_int_equal(calls, 2);
    decide(b, 3, VERDICT_ACCEPTED);
    assert_int_equal(calls, 3);
    decide(b, 1, VERDICT_ACCEPTED);
    assert_int_equal(calls, 3); /* who was told has not come back */
    assert_false(read_on(b));
    assert_non_null(strstr(text, "]\n0 9 [\"\",false,\"blocked: \"]\n3 9 [\"\",true,\"\"]\n1 9 "));
    ingest_batch_await(b, strlen(text));
    batch_finish(b);
    assert_int_equal(calls, 4);
    assert_true(read_on(b));
    ingest_batch_free(b);
}

/* The client has gone: the pipeline still has it, and frees it. Sanitizers look. */
static void test_abandoned(void **state)
{
    struct ingest_batch *b = make_batch();

    (void)state;
    batch_split(b, SEQ);
    ingest_batch_await(b, strlen("-\n"));
    ingest_batch_free(b);
    decide(b, 0, VERDICT_ACCEPTED);
    assert_int_equal(calls, 1);
    batch_finish(b);
    assert_int_equal(calls, 1);
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static void test_the_splitter_has_patience(void **state)
{
    struct splitter *s = splitter_start(&head);
    struct ingest_batch *quick = make_batch(), *slow = make_batch();

    (void)state;
    assert_non_null(s);
    splitter_enter(s, quick);
    splitter_enter(s, slow);
    splitter_enter(s, slow);
    splitter_leave(s, quick);
    assert_false(ingest_batch_is_split(quick));
    for (int i = 0; i < 1000 && calls == 0; i++)
        sleep_ms(5);
    splitter_leave(s, slow);
    assert_true(ingest_batch_is_split(slow));
    assert_int_equal(calls, 1);
    assert_true(clock_mono_us() >= slow->received_us + 25000);
    splitter_stop(s);
    batch_finish(slow);
    ingest_batch_free(quick);
    ingest_batch_free(slow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_abandoned),
        cmocka_unit_test(test_the_splitter_has_patience),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
