/*
 * What an event says about itself, and its two written forms. Reading one is event_parse.c.
 */
#include "nostr/event.h"

#include <stdio.h>

#include "base/hex.h"
#include "nostr/kind.h"
#include "nostr/verify.h"
#include "json/jwrite.h"

static void add_hex(struct buf *out, const uint8_t *bytes, size_t n)
{
    char *p = buf_reserve(out, 2 * n);

    if (!p)
        return;
    hex_encode(bytes, n, p);
    out->len += 2 * n;
}

static void add_tags(const struct event *ev, void (*add_string)(struct buf *, struct slice),
                     struct buf *out)
{
    buf_add_char(out, '[');
    for (uint32_t i = 0; i < ev->n_tags; i++) {
        const struct tag *t = &ev->tag[i];

        if (i > 0)
            buf_add_char(out, ',');
        for (uint32_t k = 0; k < t->n; k++) {
            buf_add_char(out, k == 0 ? '[' : ',');
            add_string(out, t->item[k]);
        }
        buf_add_char(out, ']');
    }
    buf_add_char(out, ']');
}

void event_write(const struct event *ev, struct buf *out)
{
    buf_add_slice(out, SLICE("{\"id\":\""));
    add_hex(out, ev->id.b, sizeof ev->id.b);
    buf_add_slice(out, SLICE("\",\"pubkey\":\""));
    add_hex(out, ev->pubkey.b, sizeof ev->pubkey.b);
    buf_add_slice(out, SLICE("\",\"created_at\":"));
    buf_add_i64(out, ev->created_at);
    buf_add_slice(out, SLICE(",\"kind\":"));
    buf_add_i64(out, ev->kind);
    buf_add_slice(out, SLICE(",\"tags\":"));
    add_tags(ev, jwrite_string, out);
    buf_add_slice(out, SLICE(",\"content\":"));
    jwrite_string(out, ev->content);
    buf_add_slice(out, SLICE(",\"sig\":\""));
    add_hex(out, ev->sig.b, sizeof ev->sig.b);
    buf_add_slice(out, SLICE("\"}"));
}

/* jwrite_string() with control characters that have no two-letter escape as raw bytes. */
static void write_string_raw_controls(struct buf *out, struct slice s)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        char escape[JWRITE_ESCAPE_MAX];
        size_t n = jwrite_escape_byte((unsigned char)s.ptr[i], escape);

        if (n == JWRITE_ESCAPE_MAX)
            buf_add_char(out, s.ptr[i]);
        else
            buf_add(out, escape, n);
    }
    buf_add_char(out, '"');
}

void event_write_preimage(const struct event *ev, bool raw_controls, struct buf *out)
{
    void (*add_string)(struct buf *, struct slice) =
        raw_controls ? write_string_raw_controls : jwrite_string;

    buf_add_slice(out, SLICE("[0,\""));
    add_hex(out, ev->pubkey.b, sizeof ev->pubkey.b);
    buf_add_slice(out, SLICE("\","));
    buf_add_i64(out, ev->created_at);
    buf_add_char(out, ',');
    buf_add_i64(out, ev->kind);
    buf_add_char(out, ',');
    add_tags(ev, add_string, out);
    buf_add_char(out, ',');
    add_string(out, ev->content);
    buf_add_char(out, ']');
}

const struct tag *event_find_tag(const struct event *ev, struct slice name)
{
    for (uint32_t i = 0; i < ev->n_tags; i++)
        if (slice_eq(ev->tag[i].item[0], name))
            return &ev->tag[i];
    return NULL;
}

struct slice event_d_value(const struct event *ev)
{
    const struct tag *d = event_find_tag(ev, SLICE("d"));

    return d && d->n >= 2 ? d->item[1] : SLICE("");
}

void event_address(int kind, const struct pubkey *pubkey, struct slice d, uint8_t out[32])
{
    char head[sizeof "65535::" + 2 * sizeof pubkey->b];
    int kind_len = snprintf(head, sizeof head, "%d:", kind);
    size_t len = (size_t)kind_len + 2 * sizeof pubkey->b;
    struct slice parts[2];

    assert(kind >= 0 && kind <= KIND_MAX);
    hex_encode(pubkey->b, sizeof pubkey->b, head + kind_len);
    head[len++] = ':';
    parts[0] = slice_of(head, len);
    parts[1] = kind_class(kind) == KIND_ADDRESSABLE ? d : SLICE("");
    sha256_parts(parts, ARRAY_LEN(parts), out);
}

bool event_names_pubkey(const struct event *ev, const struct pubkey *pk)
{
    char hex[2 * sizeof pk->b];

    hex_encode(pk->b, sizeof pk->b, hex);
    for (uint32_t i = 0; i < ev->n_tags; i++) {
        const struct tag *t = &ev->tag[i];

        if (t->n >= 2 && slice_eq(t->item[0], SLICE("p")) &&
            slice_eq(t->item[1], slice_of(hex, sizeof hex)))
            return true;
    }
    return false;
}

bool event_readable(const struct event *ev, const struct pubkey *readers, size_t n)
{
    if (!kind_is_private(ev->kind))
        return true;
    for (size_t i = 0; i < n; i++) {
        if (kind_author_reads(ev->kind) && pubkey_eq(&ev->pubkey, &readers[i]))
            return true;
        if (event_names_pubkey(ev, &readers[i]))
            return true;
    }
    return false;
}

int event_id_difficulty(const struct event_id *id)
{
    int bits = 0;

    for (size_t i = 0; i < sizeof id->b; i++, bits += 8)
        if (id->b[i] != 0)
            return bits + __builtin_clz(id->b[i]) - (int)(8 * sizeof(unsigned) - 8);
    return bits;
}
