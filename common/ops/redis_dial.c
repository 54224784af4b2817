#include "ops/redis_dial.h"

#include <stdio.h>
#include <sys/time.h>

static struct timeval milliseconds(int ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

static bool authenticate(redisContext *redis, const char *password)
{
    redisReply *reply;
    bool good;

    if (password[0] == '\0')
        return true;
    reply = redisCommand(redis, "AUTH %s", password);
    good = reply && reply->type == REDIS_REPLY_STATUS;
    if (reply)
        freeReplyObject(reply);
    return good;
}

redisContext *redis_dial(const struct redis_target *target, char why[REDIS_WHY_BYTES])
{
    redisContext *redis =
        redisConnectWithTimeout(target->host, target->port, milliseconds(target->connect_ms));

    if (redis && !redis->err) {
        redisSetTimeout(redis, milliseconds(target->command_ms));
        redisEnableKeepAlive(redis);
        if (authenticate(redis, target->password))
            return redis;
    }
    snprintf(why, REDIS_WHY_BYTES, "%s",
             !redis       ? "out of memory"
             : redis->err ? redis->errstr
                          : "it refused the password");
    if (redis)
        redisFree(redis);
    return NULL;
}
