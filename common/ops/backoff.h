#ifndef COMMON_OPS_BACKOFF_H
#define COMMON_OPS_BACKOFF_H
/* Retry delays: doubling from first to most milliseconds, with jitter of up to half. One thread. */
#include "base/base.h"

struct backoff {
    uint32_t first_ms, most_ms, next_ms;
};

void backoff_init(struct backoff *b, uint32_t first_ms, uint32_t most_ms);
uint32_t backoff_next(struct backoff *b); /* how long to wait now */
void backoff_reset(struct backoff *b);    /* after a success */

#endif
