/* Query requests and end lines from any bytes: what is accepted is written and read back as the
 * same. */
#include "wire/query_wire.h"

static const struct query_request_limits limits = {
    .filter = {.max_values = 50, .max_search_bytes = 256},
    .max_filters = 4,
};

static void check_request(const struct query_request *q, struct arena *arena)
{
    struct query_request back;
    struct buf first, second;
    const char *error;

    assert(q->n_filters >= 1 && q->n_filters <= limits.max_filters);
    buf_init(&first, MIB);
    buf_init(&second, MIB);
    query_request_write(&first, q);
    assert(!first.failed);
    if (query_request_parse(buf_slice(&first), &limits, arena, &back, &error)) {
        query_request_write(&second, &back);
        assert(slice_eq(buf_slice(&first), buf_slice(&second)));
    } else {
        assert(arena->used > arena->cap / 2); /* the only excuse */
    }
    buf_deinit(&first);
    buf_deinit(&second);
}

static void check_end(struct slice line)
{
    struct query_end end;
    struct buf again;

    if (!query_end_parse(line, &end))
        return;
    buf_init(&again, KIB);
    query_end_write(&again, &end);
    assert(again.len == line.len + 1 && memcmp(again.ptr, line.ptr, line.len) == 0);
    buf_deinit(&again);
}

static void check_count(struct slice body)
{
    struct slice json;
    uint64_t cost;

    if (query_count_parse(body, &json, &cost))
        assert(json.ptr == body.ptr && json.len < body.len && !memchr(json.ptr, '\n', json.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = slice_of((const char *)data, size);
    struct query_request q;
    struct arena arena;
    const char *error = NULL;

    arena_init(&arena, 256 * KIB);
    if (query_request_parse(body, &limits, &arena, &q, &error))
        check_request(&q, &arena);
    else
        assert(error);
    check_end(body);
    check_count(body);
    arena_deinit(&arena);
    return 0;
}
