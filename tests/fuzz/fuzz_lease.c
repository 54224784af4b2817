/*
 * Whatever Redis answers: the bytes go through hiredis' reader, and what is taken for a reply is
 * settled with a limiter and a census, whose own bounds must hold afterwards.
 */
#include <stdlib.h>

#include "limit/census.h"
#include "limit/limiter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct limit_class limits[] = {{"fuzz", 10, 1000}};
static const struct census_class caps[] = {{"fuzz", 10}};

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void settle(const redisReply *reply)
{
    struct limiter *l = limiter_new(limits, 1, 4);
    struct census *c = census_new(caps, 1);
    struct slice subjects[2] = {SLICE("alice"), SLICE("bob")};
    struct lease leases[2];
    int64_t values[2];
    uint64_t wait = 0;

    must(l && c);
    for (int i = 0; i < 2; i++) {
        limiter_charge(l, 0, subjects[i], 5, 0);
        must(census_enter(c, 0, subjects[i], 0));
    }
    must(limiter_collect(l, leases, 2) == 2);
    if (lease_read_reply(reply, values, 2))
        limiter_settle(l, leases, values, 2, 0);
    else
        limiter_give_back(l, leases, 2);
    must(limiter_take(l, 0, subjects[0], 100, 2000, &wait)); /* the debt has an end */
    must(!limiter_take(l, 0, subjects[0], 1, 2000, &wait) && wait <= 2000);

    must(census_collect(c, leases, 2) == 2);
    if (lease_read_reply(reply, values, 2))
        census_settle(c, leases, values, 2, 0);
    else
        census_give_back(c, leases, 2);
    must(census_enter(c, 0, subjects[0], COUNT_TTL_MS));
    limiter_free(l);
    census_free(c);
}

/* hiredis makes room for as many elements as are announced, before they come; that is not ours to
 * test. */
static bool announces_too_much(const uint8_t *data, size_t size)
{
    size_t digits = 0;

    for (size_t i = 0; i < size && digits < 4; i++) {
        if (data[i] == '*')
            digits = 1;
        else if (digits > 0)
            digits = data[i] >= '0' && data[i] <= '9' ? digits + 1 : 0;
    }
    return digits == 4;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    redisReader *reader;
    void *reply = NULL;

    if (announces_too_much(data, size))
        return 0;
    reader = redisReaderCreate();
    must(reader != NULL);
    redisReaderFeed(reader, (const char *)data, size);
    while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply) {
        settle(reply);
        freeReplyObject(reply);
        reply = NULL;
    }
    redisReaderFree(reader);
    return 0;
}
