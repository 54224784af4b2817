/* The scripts on a real Redis, where there is one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "limit/lease.h"

static const char process_a[] = "00000000000000aa", process_b[] = "00000000000000bb";

static redisContext *redis;

static redisReply *command(const char *text)
{
    return redisCommand(redis, text);
}

static int connect_redis(void **state)
{
    (void)state;
    if (!getenv("TANDEM_TEST_PG"))
        return 0;
    redis = redisConnect(getenv("REDIS_HOST"), atoi(getenv("REDIS_PORT")));
    if (!redis || redis->err)
        return -1;
    if (getenv("REDIS_PASSWORD"))
        freeReplyObject(redisCommand(redis, "AUTH %s", getenv("REDIS_PASSWORD")));
    return 0;
}

static int disconnect(void **state)
{
    (void)state;
    if (redis)
        redisFree(redis);
    return 0;
}

static void send_and_read(const struct buf *out, int64_t *values, size_t n)
{
    redisReply *reply = NULL;

    assert_false(out->failed);
    assert_int_equal(redisAppendFormattedCommand(redis, out->ptr, out->len), REDIS_OK);
    assert_int_equal(redisGetReply(redis, (void **)&reply), REDIS_OK);
    if (reply->type == REDIS_REPLY_ERROR)
        fail_msg("%s", reply->str);
    assert_true(lease_read_reply(reply, values, n));
    freeReplyObject(reply);
}

static void spend(const struct lease *leases, int64_t *values, size_t n)
{
    struct buf out;

    buf_init(&out, 64 * KIB);
    lease_write_spent(&out, leases, n);
    send_and_read(&out, values, n);
    buf_deinit(&out);
}

static int64_t count(const char *process, int64_t own)
{
    struct lease lease = {
        .subject = subject_of(0, SLICE("carol")), .class_name = "test", .count = own};
    struct buf out;
    int64_t others;

    buf_init(&out, 64 * KIB);
    lease_write_counts(&out, process, &lease, 1);
    send_and_read(&out, &others, 1);
    buf_deinit(&out);
    return others;
}

static void buckets_are_charged_and_fill_again(void **state)
{
    struct lease leases[2] = {{.subject = subject_of(0, SLICE("alice")),
                               .class_name = "test",
                               .amount = 100,
                               .period_ms = 1000,
                               .spent = 30},
                              {.subject = subject_of(0, SLICE("bob")),
                               .class_name = "test",
                               .amount = 10,
                               .period_ms = 3600000,
                               .spent = 0.25}};
    struct timespec pause = {.tv_nsec = 200000000};
    int64_t values[2];
    redisReply *reply;

    (void)state;
    if (!redis)
        skip();
    freeReplyObject(command("FLUSHALL"));
    spend(leases, values, 2);
    assert_int_equal(values[0], 70000);
    assert_int_equal(values[1], 9750);
    nanosleep(&pause, NULL);
    leases[0].spent = 0;
    spend(leases, values, 2);
    assert_in_range(values[0], 89000, 100000);
    assert_in_range(values[1], 9500, 9502);
    leases[0].spent = 1000;
    spend(leases, values, 1);
    assert_true(values[0] == -100000); /* the largest debt */
    assert_true(lease_tokens(values[0]) == -100);
    reply = command("PTTL tandem:limit:test:616c696365");
    assert_in_range(reply->integer, 2500, 3100);
    freeReplyObject(reply);
}

static void counts_of_several_processes(void **state)
{
    redisReply *reply;

    (void)state;
    if (!redis)
        skip();
    freeReplyObject(command("FLUSHALL"));
    assert_int_equal(count(process_a, 7), 0);
    assert_int_equal(count(process_b, 2), 7);
    assert_int_equal(count(process_a, 8), 2);
    assert_int_equal(count(process_b, 0), 8);
    assert_int_equal(count(process_a, 8), 0);
    /* One that died an hour ago, and one that makes no sense. */
    freeReplyObject(command("HSET tandem:open:test:6361726f6c dead 5:1000 odd x"));
    assert_int_equal(count(process_a, 8), 0);
    reply = command("HLEN tandem:open:test:6361726f6c");
    assert_int_equal(reply->integer, 1);
    freeReplyObject(reply);
}

static void only_integers_are_taken(void **state)
{
    redisReply one = {.type = REDIS_REPLY_INTEGER, .integer = -5};
    redisReply text = {.type = REDIS_REPLY_STRING};
    redisReply *good[] = {&one, &one}, *bad[] = {&one, &text};
    redisReply array = {.type = REDIS_REPLY_ARRAY, .elements = 2, .element = good};
    redisReply error = {.type = REDIS_REPLY_ERROR};
    int64_t values[3];

    (void)state;
    assert_true(lease_read_reply(&array, values, 2));
    assert_true(values[1] == -5);
    assert_false(lease_read_reply(&array, values, 1));
    assert_false(lease_read_reply(&array, values, 3));
    array.element = bad;
    assert_false(lease_read_reply(&array, values, 2));
    assert_false(lease_read_reply(&error, values, 0));
    assert_false(lease_read_reply(NULL, values, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_are_charged_and_fill_again),
        cmocka_unit_test(counts_of_several_processes),
        cmocka_unit_test(only_integers_are_taken),
    };

    return cmocka_run_group_tests(tests, connect_redis, disconnect);
}
