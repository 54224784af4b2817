/*
 * Frames on any bytes: no crash, and the messages, the answers and the end are the same whether the
 * bytes come at once or in pieces. The first byte of the input says in which pieces.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "conn/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All that came out, as one text. */
struct conn {
    struct buf seen;
};

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void add(struct conn *c, char kind, struct slice bytes)
{
    buf_add_char(&c->seen, kind);
    buf_add_u64(&c->seen, bytes.len);
    buf_add_slice(&c->seen, bytes);
}

static void on_text(struct conn *c, struct slice text)
{
    add(c, 'T', text);
}

static void on_binary(struct conn *c)
{
    add(c, 'B', SLICE(""));
}

/* Left out: in pieces, a pong is answered before a later message, at once behind it. */
static void on_reply(struct conn *c, struct slice bytes)
{
    (void)c;
    must(bytes.len > 0);
}

static const struct frames_ops ops = {.text = on_text, .binary = on_binary, .reply = on_reply};

static enum frames_result feed(struct frames_pool *pool, struct conn *c, struct slice input,
                               size_t step)
{
    enum frames_result result = FRAMES_CLEAN;
    struct frames *state = NULL;

    for (size_t at = 0; at < input.len; at += step) {
        size_t n = input.len - at < step ? input.len - at : step;

        result = frames_feed(pool, &state, c, slice_of(input.ptr + at, n));
        must((result == FRAMES_CLEAN) == (state == NULL));
        if (result != FRAMES_CLEAN && result != FRAMES_PARTIAL)
            break;
    }
    frames_release(pool, state);
    must(pool->n_used == 0);
    return result;
}

/*
 * Which fault is found first depends on the pieces: a length is looked at as soon as the header is
 * there, what else is wrong with the frame when its payload begins. And wslay does not check the
 * first two bytes of each piece of a close frame's reason.
 */
static bool same_end(enum frames_result a, enum frames_result b)
{
    static const bool depends_on_pieces[] = {
        [FRAMES_PARTIAL] = true,  [FRAMES_CLOSED] = true,  [FRAMES_PROTOCOL] = true,
        [FRAMES_BAD_UTF8] = true, [FRAMES_TOO_BIG] = true, [FRAMES_NO_MEMORY] = false};

    return a == b || (depends_on_pieces[a] && depends_on_pieces[b]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* One pool for all inputs: what an earlier one left in a decoder must not show. */
    static struct frames_pool pool;
    struct conn whole, pieces;
    struct slice input;

    if (size < 1)
        return 0;
    if (!pool.ops)
        frames_pool_init(&pool, &ops, 2000);
    input = slice_of((const char *)data + 1, size - 1);
    buf_init(&whole.seen, 16 * MIB);
    buf_init(&pieces.seen, 16 * MIB);
    must(same_end(feed(&pool, &whole, input, input.len + 1),
                  feed(&pool, &pieces, input, 1 + data[0] % 64)));
    must(slice_eq(buf_slice(&whole.seen), buf_slice(&pieces.seen)));
    buf_deinit(&whole.seen);
    buf_deinit(&pieces.seen);
    return 0;
}
