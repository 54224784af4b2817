#include "ops/backoff.h"

#include <sys/random.h>

void backoff_init(struct backoff *b, uint32_t first_ms, uint32_t most_ms)
{
    assert(first_ms > 0 && first_ms <= most_ms);
    *b = (struct backoff){first_ms, most_ms, first_ms};
}

/* Jitter keeps many replicas from knocking at the same moment; without randomness we only lose
 * that. */
static uint32_t random_below(uint32_t bound)
{
    uint32_t n = 0;

    if (bound == 0 || getrandom(&n, sizeof(n), GRND_NONBLOCK) != (ssize_t)sizeof(n))
        return 0;
    return n % bound;
}

uint32_t backoff_next(struct backoff *b)
{
    uint32_t full = b->next_ms;

    b->next_ms = full > b->most_ms / 2 ? b->most_ms : full * 2;
    return full - random_below(full / 2 + 1);
}

void backoff_reset(struct backoff *b)
{
    b->next_ms = b->first_ms;
}
