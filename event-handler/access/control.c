#include "access/control.h"

#include <stdatomic.h>

static _Atomic uint64_t current;

uint64_t control_version(void)
{
    return atomic_load_explicit(&current, memory_order_acquire);
}

void control_version_set(uint64_t version)
{
    uint64_t known = atomic_load(&current);

    while (version > known && !atomic_compare_exchange_weak(&current, &known, version))
        continue;
}
