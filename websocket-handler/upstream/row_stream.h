#ifndef WEBSOCKET_HANDLER_UPSTREAM_ROW_STREAM_H
#define WEBSOCKET_HANDLER_UPSTREAM_ROW_STREAM_H
/*
 * The body of an answer to POST /v1/query (wire/query_wire.h), in whatever pieces it arrives, as
 * whole rows. Pure: no I/O.
 *
 * A row is handed out as {event}] , the line with its newline turned into the bracket that ends an
 * EVENT message, so that it can be sent without being copied once more. Lines are taken from the
 * caller's bytes in place; only what is left over is kept. Bytes may come on after the reader
 * wanted to pause: they are kept too, so the caller pauses its source then. Loop thread only.
 */
#include "base/buf.h"
#include "wire/query_wire.h"

struct row_stream {
    struct buf kept;  /* bytes not handed out yet: the beginning of a line, or more while paused */
    size_t kept_from; /* those before have been handed out */
    bool has_end;     /* the end line has been seen */
    struct query_end end;
};

enum row_result {
    ROWS_MORE,   /* all bytes used up; give more */
    ROWS_PAUSED, /* the reader wants a pause; go on with row_stream_resume() */
    ROWS_END,    /* the end line; rs->end is set */
    ROWS_BROKEN, /* not an answer, a line over the cap, or no memory */
    ROWS_STOPPED /* the reader has ended the query: touch nothing of it */
};

enum row_wish { ROW_GO_ON, ROW_PAUSE, ROW_STOP };
struct row_reader;
/* Takes one row, borrowed. */
typedef enum row_wish row_fn(struct row_reader *reader, struct slice row);
struct row_reader {
    row_fn *row;
};

/* max_line: most bytes of a line, and with it what is kept. */
void row_stream_init(struct row_stream *rs, size_t max_line);
void row_stream_deinit(struct row_stream *rs);
enum row_result row_stream_feed(struct row_stream *rs, char *ptr, size_t n,
                                struct row_reader *reader);
/* Hands out what was kept. */
enum row_result row_stream_resume(struct row_stream *rs, struct row_reader *reader);

#endif
