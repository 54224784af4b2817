#include "samples.h"

#include <stdlib.h>

#include "bench.h"

void samples_add(struct samples *s, uint64_t us)
{
    bench_grow((void **)&s->us, &s->room, s->n, sizeof *s->us);
    s->us[s->n++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
    s->sorted = false;
}

void samples_free(struct samples *s)
{
    free(s->us);
    *s = (struct samples){0};
}

static int compare(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

double samples_ms(struct samples *s, double percent)
{
    if (s->n == 0)
        return 0;
    if (!s->sorted)
        qsort(s->us, s->n, sizeof *s->us, compare);
    s->sorted = true;
    return s->us[(size_t)(percent / 100 * (double)(s->n - 1))] / 1000.0;
}
