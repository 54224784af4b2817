/* Both bodies of POST /v1/events from any bytes: what is read as a record is written as the same
 * bytes; a verdict is a JSON array of three that may be forwarded. */
#include "wire/ingest_wire.h"
#include "json/jread.h"

static void check_records(struct slice body)
{
    struct ingest_record rec;
    struct slice rest = body;
    struct buf again;

    buf_init(&again, body.len + 1);
    while (ingest_record_next(&rest, &rec)) {
        assert(rec.n_auth <= INGEST_MAX_AUTH && rec.address.len <= INGEST_MAX_ADDRESS);
        ingest_record_write(&again, &rec);
    }
    assert(slice_eq(buf_slice(&again), slice_of(body.ptr, body.len - rest.len)));
    buf_deinit(&again);
}

static void check_verdict(const struct ingest_verdict *v, struct arena *arena)
{
    struct jread r;
    struct slice id, message;
    bool accepted;

    jread_init(&r, v->ok, arena);
    assert(jread_array(&r) && jread_item(&r) && jread_string(&r, &id));
    assert(jread_item(&r) && jread_bool(&r, &accepted) && jread_item(&r));
    assert(id.len == 0 || id.len == 64);
    assert(accepted == v->accepted);
    if (jread_string(&r, &message)) /* its escapes and UTF-8 are the event handler's word */
        assert(!jread_item(&r) && jread_end(&r));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = slice_of((const char *)data, size), rest = body;
    struct ingest_verdict verdict;
    struct arena arena;

    arena_init(&arena, 256 * KIB);
    check_records(body);
    while (ingest_verdict_next(&rest, &verdict))
        check_verdict(&verdict, &arena);
    rest = body;
    (void)!ingest_split_take(&rest);
    for (uint64_t place; ingest_verdict_next_at(&rest, &place, &verdict);)
        check_verdict(&verdict, &arena);
    arena_deinit(&arena);
    return 0;
}
