#ifndef COMMON_BASE_BUF_H
#define COMMON_BASE_BUF_H
/*
 * Growable bytes with a cap named at creation. Appending past the cap, or without memory, sets
 * `failed` and leaves the contents as they were; further appends do nothing, so that a writer may
 * append freely and check once at the end. One owner, one thread at a time.
 */
#include "base/base.h"
#include "base/slice.h"

struct buf {
    char *ptr;   /* malloc'd, or NULL while empty */
    size_t len;  /* bytes in use */
    size_t room; /* bytes allocated */
    size_t cap;  /* len never passes this */
    bool failed; /* an append did not fit */
};

void buf_init(struct buf *b, size_t cap);
void buf_deinit(struct buf *b);
/* Empties the buffer and clears `failed`; keeps the memory. */
void buf_reset(struct buf *b);
/* Room for n more bytes at ptr + len (then add to len yourself); NULL and `failed` if impossible.
 */
NODISCARD char *buf_reserve(struct buf *b, size_t n);
void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_add_slice(struct buf *b, struct slice s);
void buf_add_str(struct buf *b, const char *text);
void buf_add_char(struct buf *b, char c);
void buf_add_u64(struct buf *b, uint64_t n); /* decimal */
void buf_add_i64(struct buf *b, int64_t n);  /* decimal */
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

static inline struct slice buf_slice(const struct buf *b)
{
    return (struct slice){b->ptr, b->len};
}

#endif
