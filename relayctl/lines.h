#ifndef RELAYCTL_LINES_H
#define RELAYCTL_LINES_H
/* A file, pipe or terminal read line by line without blocking where the caller does not want to.
 * One thread. */
#include "base/buf.h"

struct lines {
    int fd;
    struct buf text; /* read, from `taken` on not yet handed out */
    size_t taken;
    size_t searched; /* no line end before this */
    bool at_end;     /* the file has ended */
    bool skipping;   /* in a line that was too long */
};

enum lines_result {
    LINES_LINE,
    LINES_TOO_LONG, /* instead of such a line */
    LINES_MORE,     /* lines_read() first, when fd has something to read */
    LINES_END,
};

/* fd is borrowed. Lines may have max_line bytes. */
void lines_init(struct lines *l, int fd, size_t max_line);
void lines_deinit(struct lines *l);
/* The next line, without its end, good until the next call. The last one needs no end. */
enum lines_result lines_next(struct lines *l, struct slice *line);
/* Reads once, which blocks when there is nothing to read. False on failure (errno). */
NODISCARD bool lines_read(struct lines *l);

#endif
