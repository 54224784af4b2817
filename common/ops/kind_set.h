#ifndef COMMON_OPS_KIND_SET_H
#define COMMON_OPS_KIND_SET_H
/*
 * A set of kinds as operators write it: "0,1,3,10000-19999". Fixed size, no allocation. Any thread.
 */
#include "base/buf.h"
#include "nostr/kind.h"

struct kind_set {
    uint64_t bits[(KIND_MAX + 1) / 64];
    bool empty;
};

/*
 * Parses a comma-separated list of kinds and ranges; blanks around entries are fine, and an empty
 * text is the empty set. False after naming the entry at fault in error ("\"70000\": a kind is a
 * number from 0 to 65535"); out is undefined then.
 */
NODISCARD bool kind_set_parse(struct slice text, struct kind_set *out, struct buf *error);
/* The same without keeping the result: a setting's check (ops/settings.h). */
bool kind_set_check(const char *text, struct buf *error);

static inline bool kind_set_has(const struct kind_set *s, int kind)
{
    return kind >= 0 && kind <= KIND_MAX && (s->bits[kind / 64] >> (kind % 64) & 1) != 0;
}

/* One kind more, or less; kind is 0..KIND_MAX. */
void kind_set_add(struct kind_set *s, int kind);
void kind_set_remove(struct kind_set *s, int kind);

#endif
