/*
 * Whatever event_parse() accepts must survive being written and read again unchanged, and
 * canonical.h must see in the written form what the parsed event says.
 */
#include <stdlib.h>

#include "base/hex.h"
#include "nostr/canonical.h"
#include "nostr/kind.h"
#include "nostr/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct event_limits limits = {
    .max_event_bytes = 64 * KIB,
    .max_tags = 100,
    .max_content_chars = 10 * KIB,
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void require_same(const struct event *a, const struct event *b)
{
    require(event_id_eq(&a->id, &b->id) && pubkey_eq(&a->pubkey, &b->pubkey));
    require(memcmp(a->sig.b, b->sig.b, sizeof a->sig.b) == 0);
    require(a->created_at == b->created_at && a->kind == b->kind);
    require(slice_eq(a->content, b->content) && a->n_tags == b->n_tags);
    for (uint32_t i = 0; i < a->n_tags; i++) {
        require(a->tag[i].n == b->tag[i].n);
        for (uint32_t k = 0; k < a->tag[i].n; k++)
            require(slice_eq(a->tag[i].item[k], b->tag[i].item[k]));
    }
    require(a->has_expiration == b->has_expiration && a->expires_at == b->expires_at);
    require(a->is_protected == b->is_protected);
}

static bool has_tag(const struct event *ev, char letter, struct slice value)
{
    for (uint32_t i = 0; i < ev->n_tags; i++) {
        const struct tag *t = &ev->tag[i];

        if (t->n >= 2 && slice_eq(t->item[0], slice_of(&letter, 1)) && slice_eq(t->item[1], value))
            return true;
    }
    return false;
}

/* Tags that are there, and strings of the event that are likely to look like tags without being
 * any. */
static void check_tags(const struct event *ev, struct slice json)
{
    static const char letters[] = "aepdtT";

    for (size_t i = 0; i < sizeof letters - 1; i++) {
        char letter = letters[i];

        require(canonical_has_tag(json, letter, ev->content) == has_tag(ev, letter, ev->content));
        for (uint32_t k = 0; k < ev->n_tags; k++) {
            struct slice last = ev->tag[k].item[ev->tag[k].n - 1];

            require(canonical_has_tag(json, letter, last) == has_tag(ev, letter, last));
        }
    }
    for (uint32_t i = 0; i < ev->n_tags; i++)
        if (tag_is_indexed(&ev->tag[i]))
            require(canonical_has_tag(json, ev->tag[i].item[0].ptr[0], ev->tag[i].item[1]));
}

static void check_readable(const struct event *ev, struct slice json)
{
    struct pubkey readers[2] = {ev->pubkey};
    const struct tag *p = event_find_tag(ev, SLICE("p"));

    if (p && p->n >= 2 && !hex_decode(p->item[1], readers[1].b, sizeof readers[1].b))
        readers[1] = (struct pubkey){0};
    for (size_t n = 0; n <= 2; n++)
        require(event_readable(ev, readers, n) == canonical_readable(json, ev->kind, readers, n));
    require(event_readable(ev, &readers[1], 1) ==
            canonical_readable(json, ev->kind, &readers[1], 1));
}

static void check_canonical(const struct event *ev, struct slice json)
{
    char hex[64];

    for (size_t i = 0; i < json.len; i++)
        require((unsigned char)json.ptr[i] >= 0x20);
    hex_encode(ev->id.b, sizeof ev->id.b, hex);
    require(slice_eq(canonical_id(json), slice_of(hex, sizeof hex)));
    hex_encode(ev->pubkey.b, sizeof ev->pubkey.b, hex);
    require(slice_eq(canonical_pubkey(json), slice_of(hex, sizeof hex)));
    check_tags(ev, json);
    check_readable(ev, json);
}

static void check_event(const struct event *ev, size_t text_len, struct arena *arena)
{
    struct buf first, second;
    struct event again;
    bool has_id;
    const char *error;

    buf_init(&first, MIB);
    buf_init(&second, MIB);
    event_write(ev, &first);
    require(!first.failed && first.len <= text_len && first.len <= limits.max_event_bytes);
    require(event_parse(buf_slice(&first), &limits, arena, &again, &has_id, &error) && has_id);
    require_same(ev, &again);
    event_write(&again, &second);
    require(slice_eq(buf_slice(&first), buf_slice(&second)));
    check_canonical(ev, buf_slice(&first));
    require(verify_event(ev, &second) != VERIFY_NOMEM);
    buf_deinit(&first);
    buf_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct event ev;
    bool has_id;
    const char *error = NULL;

    arena_init(&arena, 4 * MIB);
    if (event_parse(slice_of((const char *)data, size), &limits, &arena, &ev, &has_id, &error))
        check_event(&ev, size, &arena);
    else
        require(error != NULL);
    arena_deinit(&arena);
    return 0;
}
