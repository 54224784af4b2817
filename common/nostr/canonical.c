/*
 * Works on {"id":"<64>","pubkey":"<64>","created_at":... as event_write() lays it out.
 */
#include "nostr/canonical.h"

#include "base/hex.h"
#include "nostr/kind.h"
#include "json/jwrite.h"

enum {
    HEX_LEN = 64,
    ID_AT = sizeof "{\"id\":\"" - 1,
    PUBKEY_AT = ID_AT + HEX_LEN + sizeof "\",\"pubkey\":\"" - 1,
};

struct slice canonical_id(struct slice json)
{
    assert(json.len >= ID_AT + HEX_LEN);
    return slice_of(json.ptr + ID_AT, HEX_LEN);
}

struct slice canonical_pubkey(struct slice json)
{
    assert(json.len >= PUBKEY_AT + HEX_LEN);
    return slice_of(json.ptr + PUBKEY_AT, HEX_LEN);
}

/* Does text start with value, escaped, and a closing quote? */
static bool starts_with_escaped(struct slice text, struct slice value)
{
    size_t at = 0;

    for (size_t i = 0; i < value.len; i++) {
        char escape[JWRITE_ESCAPE_MAX];
        size_t n = jwrite_escape_byte((unsigned char)value.ptr[i], escape);

        if (text.len - at < n || memcmp(text.ptr + at, escape, n) != 0)
            return false;
        at += n;
    }
    return at < text.len && text.ptr[at] == '"';
}

bool canonical_has_tag(struct slice json, char letter, struct slice value)
{
    const char needle[] = {'[', '"', letter, '"', ',', '"'};
    const char *end = json.ptr + json.len;
    const char *p = json.ptr;

    while ((p = memmem(p, (size_t)(end - p), needle, sizeof needle))) {
        p += sizeof needle;
        if (starts_with_escaped(slice_of(p, (size_t)(end - p)), value))
            return true;
    }
    return false;
}

bool canonical_readable(struct slice json, int kind, const struct pubkey *readers, size_t n)
{
    if (!kind_is_private(kind))
        return true;
    for (size_t i = 0; i < n; i++) {
        char hex[HEX_LEN];
        struct slice reader = slice_of(hex, sizeof hex);

        hex_encode(readers[i].b, sizeof readers[i].b, hex);
        if (kind_author_reads(kind) && slice_eq(canonical_pubkey(json), reader))
            return true;
        if (canonical_has_tag(json, 'p', reader))
            return true;
    }
    return false;
}
