/*
 * Filters from any bytes. What is accepted must survive being copied and being written and read
 * again: all three write the same JSON and judge events alike.
 */
#include <stdlib.h>

#include "nostr/filter.h"

static const struct filter_limits limits = {.max_values = 50, .max_search_bytes = 256};

/* An event that f itself suggests, so that matching gets past the first condition. */
static void suggest_event(const struct filter *f, struct event *ev, struct tag *tag,
                          struct slice *items)
{
    *ev = (struct event){.kind = 1, .content = f->search, .tag = tag, .n_tags = 1};
    *tag = (struct tag){.item = items, .n = 2};
    items[0] = SLICE("t");
    items[1] = SLICE("x");
    if (f->n_ids > 0)
        ev->id = f->ids[f->n_ids - 1];
    if (f->n_authors > 0)
        ev->pubkey = f->authors[0];
    if (f->n_kinds > 0)
        ev->kind = f->kinds[f->n_kinds / 2];
    if (f->has & FILTER_SINCE)
        ev->created_at = f->since;
    if (f->n_tags > 0) {
        items[0] = slice_of(&f->tags[0].letter, 1);
        items[1] = f->tags[0].value[f->tags[0].n - 1];
    }
}

static void write_to(struct buf *out, const struct filter *f)
{
    buf_init(out, MIB);
    filter_write(f, out);
    assert(!out->failed);
}

static void check_filter(const struct filter *f, struct arena *arena)
{
    struct filter *copy = filter_dup(f);
    struct buf first, second, third;
    struct filter back;
    struct jread r;
    struct event ev;
    struct tag tag;
    struct slice items[2];
    const char *error;
    bool unsupported, match;

    assert(copy);
    write_to(&first, f);
    jread_init(&r, buf_slice(&first), arena);
    if (filter_parse(&r, &limits, arena, &back, &error, &unsupported)) {
        assert(jread_end(&r));
        write_to(&second, &back);
        write_to(&third, copy);
        assert(slice_eq(buf_slice(&first), buf_slice(&second)));
        assert(slice_eq(buf_slice(&first), buf_slice(&third)));
        suggest_event(f, &ev, &tag, items);
        match = filter_match(f, &ev);
        assert(match == filter_match(&back, &ev));
        assert(match == filter_match(copy, &ev));
        assert(!(f->has & FILTER_NOTHING) || !match);
        assert(filter_only_private(f) == filter_only_private(&back));
        buf_deinit(&second);
        buf_deinit(&third);
    } else {
        assert(arena->used > arena->cap / 2); /* the only excuse */
    }
    buf_deinit(&first);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct filter *list;
    const char *error = NULL;
    bool unsupported;
    size_t n;

    arena_init(&arena, 256 * KIB);
    if (filter_list_parse(slice_of((const char *)data, size), &limits, 4, &arena, &list, &n, &error,
                          &unsupported)) {
        assert(n >= 1 && n <= 4);
        for (size_t i = 0; i < n; i++)
            check_filter(&list[i], &arena);
    } else {
        assert(error);
    }
    arena_deinit(&arena);
    return 0;
}
