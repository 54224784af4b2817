/* The live record from any bytes: what is read is written as the same bytes. */
#include "wire/live_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice record = slice_of((const char *)data, size), rest = record;
    struct live_head head;
    struct live_line line;
    struct buf again;

    buf_init(&again, size + 1);
    if (live_head_parse(&rest, &head)) {
        assert(head.prev <= head.seq);
        live_head_write(&again, &head);
        while (live_line_next(&rest, &line)) {
            assert(line.event.len >= 2 && !memchr(line.event.ptr, '\n', line.event.len));
            live_line_write(&again, line.seq, line.event);
        }
    }
    assert(slice_eq(buf_slice(&again), slice_of(record.ptr, size - rest.len)));
    buf_deinit(&again);
    return 0;
}
