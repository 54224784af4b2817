#include "base/refbuf.h"

#include <stdlib.h>

struct refbuf *refbuf_new(struct slice s)
{
    struct refbuf *r;

    if (s.len > UINT32_MAX)
        return NULL;
    r = malloc(sizeof *r + s.len);
    if (!r)
        return NULL;
    r->refs = 1;
    r->len = (uint32_t)s.len;
    if (s.len > 0)
        memcpy(r->bytes, s.ptr, s.len);
    return r;
}

struct refbuf *refbuf_ref(struct refbuf *r)
{
    assert(r->refs > 0 && r->refs < UINT32_MAX);
    r->refs++;
    return r;
}

void refbuf_unref(struct refbuf *r)
{
    if (!r)
        return;
    assert(r->refs > 0);
    if (--r->refs == 0)
        free(r);
}
