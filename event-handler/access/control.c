#include "access/control.h"

#include <stdatomic.h>

#include "base/clock.h"

static _Atomic uint64_t current;

uint64_t control_version(void)
{
    return atomic_load_explicit(&current, memory_order_acquire);
}

void control_version_set(uint64_t version)
{
    atomic_store_explicit(&current, version, memory_order_release);
}

void control_head_write(struct buf *out, uint64_t prev, uint64_t seq)
{
    live_head_write(out, &(struct live_head){.prev = prev,
                                             .seq = seq,
                                             .control = control_version(),
                                             .sent_ms = (uint64_t)clock_unix_ms()});
}
