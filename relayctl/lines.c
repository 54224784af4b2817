#include "lines.h"

#include <errno.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024 };

void lines_init(struct lines *l, int fd, size_t max_line)
{
    *l = (struct lines){.fd = fd};
    buf_init(&l->text, max_line + 1 + READ_BYTES);
}

void lines_deinit(struct lines *l)
{
    buf_deinit(&l->text);
}

/* The next line end, or NULL. */
static const char *find_end(struct lines *l)
{
    size_t from = l->searched > l->taken ? l->searched : l->taken;
    const char *end =
        l->text.len > from ? memchr(l->text.ptr + from, '\n', l->text.len - from) : NULL;

    l->searched = l->text.len;
    return end;
}

/* Hands out n bytes, and passes over skip more. */
static struct slice take(struct lines *l, size_t n, size_t skip)
{
    struct slice line = slice_of(l->text.ptr + l->taken, n);

    l->taken += n + skip;
    l->searched = l->taken;
    return line;
}

enum lines_result lines_next(struct lines *l, struct slice *line)
{
    const char *end = find_end(l);
    size_t left = l->text.len - l->taken;
    size_t max_line = l->text.cap - READ_BYTES - 1;
    size_t n = end ? (size_t)(end - l->text.ptr) - l->taken : left;
    bool whole = end || l->at_end;

    if (!end && l->at_end && left == 0 && !l->skipping)
        return LINES_END;
    if (!whole && n <= max_line)
        return LINES_MORE;
    *line = take(l, n, end ? 1 : 0);
    if (!l->skipping && n <= max_line)
        return LINES_LINE;
    l->skipping = !whole;
    return whole ? LINES_TOO_LONG : LINES_MORE;
}

bool lines_read(struct lines *l)
{
    ssize_t n;
    char *room;

    if (l->taken > 0) {
        l->text.len -= l->taken;
        memmove(l->text.ptr, l->text.ptr + l->taken, l->text.len);
        l->searched -= l->taken;
        l->taken = 0;
    }
    room = buf_reserve(&l->text, READ_BYTES);
    if (!room) {
        errno = ENOMEM;
        return false;
    }
    n = read(l->fd, room, READ_BYTES);
    if (n < 0)
        return errno == EINTR;
    l->text.len += (size_t)n;
    l->at_end = n == 0;
    return true;
}
