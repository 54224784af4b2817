#include "ops/key_set.h"

#include <stdlib.h>
#include <strings.h>

#include "base/hex.h"
#include "base/list_text.h"
#include "ops/npub.h"

enum { FIRST_ROOM = 16, SHOWN_BYTES = 80 };

void key_set_deinit(struct key_set *s)
{
    free(s->key);
    *s = (struct key_set){0};
}

bool key_set_add(struct key_set *s, const uint8_t key[32])
{
    if (s->n == s->room) {
        size_t room = s->room ? 2 * s->room : FIRST_ROOM;
        uint8_t(*grown)[32] = realloc(s->key, room * sizeof *grown);

        if (!grown)
            return false;
        s->key = grown;
        s->room = room;
    }
    memcpy(s->key[s->n++], key, 32);
    return true;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, 32);
}

void key_set_seal(struct key_set *s)
{
    size_t kept = 0;

    if (s->n == 0)
        return;
    qsort(s->key, s->n, sizeof *s->key, compare);
    for (size_t i = 1; i < s->n; i++) {
        if (memcmp(s->key[kept], s->key[i], 32) != 0)
            memmove(s->key[++kept], s->key[i], 32);
    }
    s->n = kept + 1;
}

bool key_set_has(const struct key_set *s, const uint8_t key[32])
{
    return s->n > 0 && bsearch(key, s->key, s->n, sizeof *s->key, compare);
}

bool pubkey_parse_text(struct slice text, struct pubkey *out)
{
    char lower[64];

    if (text.len != sizeof lower)
        return npub_decode(text, out->b);
    for (size_t i = 0; i < sizeof lower; i++) { /* people paste upper case as well */
        char c = text.ptr[i];

        lower[i] = c >= 'A' && c <= 'F' ? (char)(c + ('a' - 'A')) : c;
    }
    return hex_decode(slice_of(lower, sizeof lower), out->b, sizeof out->b);
}

static bool refuse(struct buf *error, struct slice entry)
{
    if (entry.len >= 4 && strncasecmp(entry.ptr, "nsec", 4) == 0) {
        buf_add_str(error, "holds a secret key where a public one belongs");
        return false;
    }
    if (entry.len > SHOWN_BYTES)
        entry.len = SHOWN_BYTES;
    buf_printf(error, "\"" SLICE_FMT "\": must be a public key, as 64 hex digits or npub",
               SLICE_ARG(entry));
    return false;
}

bool key_set_parse(struct slice text, struct key_set *s, struct buf *error)
{
    struct slice entry;
    struct pubkey pk;

    while (list_text_next(&text, &entry)) {
        if (!pubkey_parse_text(entry, &pk))
            return refuse(error, entry);
        if (!key_set_add(s, pk.b)) {
            buf_add_str(error, "out of memory");
            return false;
        }
    }
    key_set_seal(s);
    return true;
}

bool key_set_check(const char *text, struct buf *error)
{
    struct key_set set = {0};
    bool good = key_set_parse(slice_str(text), &set, error);

    key_set_deinit(&set);
    return good;
}
