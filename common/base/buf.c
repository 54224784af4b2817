#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_ROOM = 256 };

void buf_init(struct buf *b, size_t cap)
{
    *b = (struct buf){.cap = cap};
}

void buf_deinit(struct buf *b)
{
    free(b->ptr);
    *b = (struct buf){.cap = b->cap};
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = false;
}

/* Makes room for n more bytes; the slow half of buf_reserve(). */
static bool grow(struct buf *b, size_t n)
{
    size_t room;
    char *p;

    if (n > b->cap - b->len)
        return false;
    room = b->room < FIRST_ROOM ? FIRST_ROOM : b->room * 2;
    if (room < b->len + n)
        room = b->len + n;
    if (room > b->cap)
        room = b->cap;
    p = realloc(b->ptr, room + 1); /* a spare byte for the terminator that vsnprintf() insists on */
    if (!p)
        return false;
    b->ptr = p;
    b->room = room;
    return true;
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (b->failed)
        return NULL;
    if ((!b->ptr || b->room - b->len < n) && !grow(b, n)) {
        b->failed = true;
        return NULL;
    }
    return b->ptr + b->len;
}

void buf_add(struct buf *b, const void *bytes, size_t n)
{
    char *p;

    if (n == 0)
        return;
    p = buf_reserve(b, n);
    if (!p)
        return;
    memcpy(p, bytes, n);
    b->len += n;
}

void buf_add_slice(struct buf *b, struct slice s)
{
    buf_add(b, s.ptr, s.len);
}

void buf_add_str(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_add_char(struct buf *b, char c)
{
    char *p = buf_reserve(b, 1);

    if (!p)
        return;
    *p = c;
    b->len++;
}

enum { DECIMAL_MAX = 20 }; /* digits of 2^64 - 1; a sign and the 19 digits of -2^63 */

/* Writes n backwards, ending just before end; returns where it starts. */
static char *format_u64(uint64_t n, char *end)
{
    do {
        *--end = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    return end;
}

void buf_add_u64(struct buf *b, uint64_t n)
{
    char digits[DECIMAL_MAX];
    char *end = digits + sizeof digits;
    char *start = format_u64(n, end);

    buf_add(b, start, (size_t)(end - start));
}

void buf_add_i64(struct buf *b, int64_t n)
{
    char digits[DECIMAL_MAX];
    char *end = digits + sizeof digits;
    char *start = format_u64(n < 0 ? -(uint64_t)n : (uint64_t)n, end);

    if (n < 0)
        *--start = '-';
    buf_add(b, start, (size_t)(end - start));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    int n;
    char *p;

    va_start(args, fmt);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    p = n < 0 ? NULL : buf_reserve(b, (size_t)n);
    if (!p) {
        b->failed = true;
        return;
    }
    va_start(args, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, args);
    va_end(args);
    b->len += (size_t)n;
}
