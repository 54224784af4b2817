/*
 * idle: opens `conns` connections, gives each a subscription of its own, and holds them for
 * `seconds`. Reported are the growth of the relay's memory per connection and the processor time it
 * spends on keeping them. With --conns 0 it shows the memory of the relay at rest.
 */
#include <stdio.h>

#include "base/clock.h"
#include "report.h"
#include "subscribe.h"

struct idle {
    struct pool pool;
    struct subscribing subscribing;
    struct arena scratch;
};

static void on_text(struct pool *p, struct client *c, struct slice text)
{
    struct idle *run = container_of(p, struct idle, pool);
    struct relay_message m;

    (void)c;
    relay_message_read(text, &run->scratch, &m);
    subscribing_on_message(&run->subscribing, p, &m);
}

/* Answers pings meanwhile. */
static void hold(struct pool *p, double seconds)
{
    uint64_t end = clock_mono_ms() + (uint64_t)(seconds * 1000);
    uint64_t now;

    while (p->lost == 0 && (now = clock_mono_ms()) < end)
        pool_turn(p, (int)(end - now));
}

int cmd_idle(const struct options *o)
{
    struct idle run = {0};
    struct usage_roots roots;
    struct report r;
    uint64_t begin;
    double pss_before, setup_s;
    int status;

    usage_roots_load(&roots, o->pids);
    arena_init(&run.scratch, MIB);
    report_init(&r, o,
                o->conns > 0 ? "idle, %zu subscribed connections" : "at rest (%zu connections)",
                o->conns);
    pss_before = usage_read(&roots, true).pss_mib;
    begin = clock_mono_us();
    pool_open(&run.pool, o, o->conns, on_text);
    subscribe_all(&run.subscribing, &run.pool, o->conns, 0);
    setup_s = (double)(clock_mono_us() - begin) / 1e6;

    r.before = usage_read(&roots, false);
    hold(&run.pool, o->seconds);
    r.after = usage_read(&roots, true);
    r.before.pss_mib = pss_before;
    r.idle_seconds = o->seconds;
    r.memory_per_unit = o->conns > 0;
    r.unit = "connection";
    r.units = o->conns - run.pool.lost;
    if (run.pool.lost > 0)
        report_fault(&r, "%zu connections lost", run.pool.lost);
    r.example = slice_str(run.pool.farewell);

    status = report_finish(&r, o);
    if (o->conns > 0)
        printf("  opened and subscribed in %.1f s\n", setup_s);
    pool_close(&run.pool);
    arena_deinit(&run.scratch);
    return status;
}
