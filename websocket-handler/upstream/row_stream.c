#include "upstream/row_stream.h"

void row_stream_init(struct row_stream *rs, size_t max_line)
{
    *rs = (struct row_stream){0};
    buf_init(&rs->kept, max_line);
}

void row_stream_deinit(struct row_stream *rs)
{
    buf_deinit(&rs->kept);
}

/* One line, with its newline at ptr[n - 1]. */
static enum row_result take_line(struct row_stream *rs, char *ptr, size_t n,
                                 struct row_reader *reader)
{
    if (rs->has_end)
        return ROWS_BROKEN; /* nothing may follow the end line */
    if (query_end_parse(slice_of(ptr, n - 1), &rs->end)) {
        rs->has_end = true;
        return ROWS_END;
    }
    if (n < 3 || ptr[0] != '{' || ptr[n - 2] != '}')
        return ROWS_BROKEN;
    ptr[n - 1] = ']';
    switch (reader->row(reader, slice_of(ptr, n))) {
    case ROW_PAUSE:
        return ROWS_PAUSED;
    case ROW_STOP:
        return ROWS_STOPPED;
    case ROW_GO_ON:
        break;
    }
    return ROWS_MORE;
}

/* Hands out the whole lines of ptr[0..n); *used is how far they reach. */
static enum row_result take_lines(struct row_stream *rs, char *ptr, size_t n,
                                  struct row_reader *reader, size_t *used)
{
    enum row_result result = ROWS_MORE;
    char *newline;

    *used = 0;
    while ((result == ROWS_MORE || result == ROWS_END) && *used < n &&
           (newline = memchr(ptr + *used, '\n', n - *used)) != NULL) {
        size_t len = (size_t)(newline - (ptr + *used)) + 1;

        result = take_line(rs, ptr + *used, len, reader);
        if (result == ROWS_STOPPED)
            return result;
        *used += len;
    }
    return result;
}

static enum row_result keep(struct row_stream *rs, const char *ptr, size_t n,
                            enum row_result result)
{
    if (result == ROWS_BROKEN)
        return result;
    if (result == ROWS_END)
        return n > 0 ? ROWS_BROKEN : ROWS_END;
    buf_add(&rs->kept, ptr, n);
    return rs->kept.failed ? ROWS_BROKEN : result;
}

enum row_result row_stream_resume(struct row_stream *rs, struct row_reader *reader)
{
    enum row_result result;
    size_t used;

    if (rs->kept.len == 0)
        return ROWS_MORE;
    result =
        take_lines(rs, rs->kept.ptr + rs->kept_from, rs->kept.len - rs->kept_from, reader, &used);
    if (result == ROWS_STOPPED)
        return result;
    rs->kept_from += used;
    if (rs->kept_from == rs->kept.len) {
        rs->kept_from = 0;
        buf_reset(&rs->kept);
    }
    return result == ROWS_END && rs->kept.len > 0 ? ROWS_BROKEN : result;
}

/* With something kept: adds just what completes its last line, and hands that out. */
static enum row_result complete_kept(struct row_stream *rs, char *ptr, size_t n,
                                     struct row_reader *reader, size_t *used)
{
    const char *newline = memchr(ptr, '\n', n);

    *used = newline ? (size_t)(newline - ptr) + 1 : n;
    buf_add(&rs->kept, ptr, *used);
    if (rs->kept.failed)
        return ROWS_BROKEN;
    return newline ? row_stream_resume(rs, reader) : ROWS_MORE;
}

enum row_result row_stream_feed(struct row_stream *rs, char *ptr, size_t n,
                                struct row_reader *reader)
{
    enum row_result result = rs->has_end ? ROWS_END : ROWS_MORE;
    size_t used = 0, more;

    if (rs->kept.len > 0) {
        result = complete_kept(rs, ptr, n, reader, &used);
        if (result == ROWS_STOPPED || result == ROWS_BROKEN)
            return result;
    }
    if (result == ROWS_MORE) {
        result = take_lines(rs, ptr + used, n - used, reader, &more);
        if (result == ROWS_STOPPED)
            return result;
        used += more;
    }
    return keep(rs, ptr + used, n - used, result);
}
