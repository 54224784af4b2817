/*
 * The answer to a query on any bytes: the same rows and the same end whether they come at once, in
 * pieces, or with pauses. The first two bytes of the input say in which pieces and when to pause.
 */
#include <stdlib.h>

#include "upstream/row_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct recorder {
    struct row_reader reader;
    struct buf rows;
    unsigned n, pause_every;
};

static void must(bool condition)
{
    if (!condition)
        abort();
}

static enum row_wish on_row(struct row_reader *reader, struct slice row)
{
    struct recorder *rec = container_of(reader, struct recorder, reader);

    must(row.len >= 3 && row.ptr[0] == '{' && row.ptr[row.len - 1] == ']');
    buf_add_slice(&rec->rows, row);
    buf_add_char(&rec->rows, '\n');
    rec->n++;
    return rec->pause_every && rec->n % rec->pause_every == 0 ? ROW_PAUSE : ROW_GO_ON;
}

static enum row_result run(struct recorder *rec, const uint8_t *data, size_t size, size_t piece)
{
    enum row_result result = ROWS_MORE;
    struct row_stream rs;
    char *copy = malloc(size + 1);

    must(copy != NULL);
    if (size)
        memcpy(copy, data, size);
    row_stream_init(&rs, MIB);
    buf_init(&rec->rows, 64 * MIB);
    rec->reader.row = on_row;
    for (size_t i = 0; i < size && result != ROWS_BROKEN; i += piece) {
        result = row_stream_feed(&rs, copy + i, size - i < piece ? size - i : piece, &rec->reader);
        while (result == ROWS_PAUSED)
            result = row_stream_resume(&rs, &rec->reader);
    }
    must(result != ROWS_STOPPED && (result == ROWS_BROKEN || rs.has_end == (result == ROWS_END)));
    row_stream_deinit(&rs);
    free(copy);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct recorder whole = {0}, pieces = {0};
    enum row_result expected, result;

    if (size < 2)
        return 0;
    pieces.pause_every = data[1] % 4;
    expected = run(&whole, data + 2, size - 2, size);
    result = run(&pieces, data + 2, size - 2, 1 + data[0]);
    must(result == expected);
    must(slice_eq(buf_slice(&whole.rows), buf_slice(&pieces.rows)));
    buf_deinit(&whole.rows);
    buf_deinit(&pieces.rows);
    return 0;
}
