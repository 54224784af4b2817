#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

static _Atomic int64_t frozen_unix; /* 0: the real clock */

static struct timespec now(clockid_t id)
{
    struct timespec ts;
    int rc = clock_gettime(id, &ts);

    assert(rc == 0); /* both clocks exist on every Linux */
    return ts;
}

int64_t clock_unix(void)
{
    int64_t frozen = atomic_load_explicit(&frozen_unix, memory_order_relaxed);

    return frozen != 0 ? frozen : now(CLOCK_REALTIME).tv_sec;
}

int64_t clock_unix_ms(void)
{
    return clock_unix_us() / 1000;
}

int64_t clock_unix_us(void)
{
    struct timespec ts = now(CLOCK_REALTIME);

    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

uint64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

uint64_t clock_mono_us(void)
{
    struct timespec ts = now(CLOCK_MONOTONIC);

    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

void clock_freeze_unix(int64_t t)
{
    atomic_store_explicit(&frozen_unix, t, memory_order_relaxed);
}
