#include "ops/kind_set.h"

#include <string.h>

#include "base/list_text.h"
#include "wire/take.h"

enum { SHOWN_BYTES = 40 };

static bool refuse(struct buf *error, struct slice entry, const char *why)
{
    if (entry.len > SHOWN_BYTES)
        entry.len = SHOWN_BYTES;
    buf_printf(error, "\"" SLICE_FMT "\": %s", SLICE_ARG(entry), why);
    return false;
}

void kind_set_add(struct kind_set *s, int kind)
{
    s->bits[kind / 64] |= UINT64_C(1) << (kind % 64);
    s->empty = false;
}

void kind_set_remove(struct kind_set *s, int kind)
{
    s->bits[kind / 64] &= ~(UINT64_C(1) << (kind % 64));
    for (size_t i = 0; i < ARRAY_LEN(s->bits); i++) {
        if (s->bits[i] != 0)
            return;
    }
    s->empty = true;
}

/* "7" or "10000-19999". */
static bool parse_range(struct slice entry, uint64_t *first, uint64_t *last)
{
    if (!take_u64(&entry, first))
        return false;
    *last = *first;
    if (entry.len > 0 && (!take_text(&entry, SLICE("-")) || !take_u64(&entry, last)))
        return false;
    return entry.len == 0;
}

bool kind_set_parse(struct slice text, struct kind_set *out, struct buf *error)
{
    struct slice entry;
    uint64_t first, last;

    *out = (struct kind_set){.empty = true};
    while (list_text_next(&text, &entry)) {
        if (!parse_range(entry, &first, &last))
            return refuse(error, entry, "must be a kind or a range such as 10000-19999");
        if (first > KIND_MAX || last > KIND_MAX)
            return refuse(error, entry, "a kind is a number from 0 to 65535");
        if (first > last)
            return refuse(error, entry, "the range ends before it begins");
        for (uint64_t kind = first; kind <= last; kind++)
            kind_set_add(out, (int)kind);
    }
    return true;
}

bool kind_set_check(const char *text, struct buf *error)
{
    struct kind_set set;

    return kind_set_parse(slice_str(text), &set, error);
}
