/* A filter, a newline, an event's text: planning must cope with any filter, and the check of a row
 * with any text that has the length of an event. */
#include <string.h>

#include "query/query_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char head[] =
    "{\"id\":\"0000000000000000000000000000000000000000000000000000000000000000\","
    "\"pubkey\":\"0000000000000000000000000000000000000000000000000000000000000000\",";

static void plan_all(const struct filter *f, struct arena *arena)
{
    static const struct siphash_key secret = {1, 2};
    int driver[4];
    size_t n = query_plan_drivers(f, driver, ARRAY_LEN(driver));

    for (size_t i = 0; i < n; i++) {
        struct query_plan p;

        if (query_plan_make(f, driver[i], &secret, arena, &p))
            assert(p.family == FAMILY_NOTHING || p.family == FAMILY_SEARCH || p.n > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct filter_limits limits = {50, 200};
    struct slice text = {(const char *)data, size};
    const char *newline = size ? memchr(data, '\n', size) : NULL;
    struct arena arena;
    struct filter f;
    struct jread r;
    struct buf event;
    const char *error;
    bool unsupported;

    if (newline)
        text.len = (size_t)(newline - text.ptr);
    arena_init(&arena, 4 * MIB);
    jread_init(&r, text, &arena);
    if (filter_parse(&r, &limits, &arena, &f, &error, &unsupported)) {
        plan_all(&f, &arena);
        buf_init(&event, MIB);
        buf_add_str(&event, head);
        if (newline)
            buf_add(&event, newline + 1, size - text.len - 1);
        (void)query_plan_check(&f, 1, 1, buf_slice(&event));
        buf_deinit(&event);
    }
    arena_deinit(&arena);
    return 0;
}
