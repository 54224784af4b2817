#ifndef COMMON_OPS_REDIS_DIAL_H
#define COMMON_OPS_REDIS_DIAL_H
/* A blocking connection to Redis for a thread of its own, authenticated and with time-outs. */
#include <hiredis/hiredis.h>

#include "base/base.h"

struct redis_target { /* borrowed */
    const char *host;
    int port;
    const char *password; /* "" for none */
    int connect_ms;
    int command_ms; /* a Redis that does not answer for so long counts as away */
};

enum { REDIS_WHY_BYTES = 128 };

/* NULL when it cannot be reached or refuses the password; why then says so. */
NODISCARD redisContext *redis_dial(const struct redis_target *target, char why[REDIS_WHY_BYTES]);

#endif
