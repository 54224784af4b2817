#ifndef COMMON_BASE_REFBUF_H
#define COMMON_BASE_REFBUF_H
/*
 * Immutable bytes shared by several owners, e.g. one event's JSON queued for many connections.
 * The count is not atomic: a refbuf belongs to one thread.
 */
#include "base/base.h"
#include "base/slice.h"

struct refbuf {
    uint32_t refs;
    uint32_t len;
    char bytes[];
};

/* A copy of s with one reference, or NULL without memory or when s is over 4 GiB. */
NODISCARD struct refbuf *refbuf_new(struct slice s);
struct refbuf *refbuf_ref(struct refbuf *r);
void refbuf_unref(struct refbuf *r); /* NULL is fine */

static inline struct slice refbuf_slice(const struct refbuf *r)
{
    return (struct slice){r->bytes, r->len};
}

#endif
