/*
 * When is a decoder of wslay at rest, so that it may serve another connection? wslay reads ahead
 * into a buffer of its own and does not say how far it has come. But its callbacks tell when a
 * frame begins and ends, and a frame's length on the wire follows from its payload's (the shortest
 * form is the only valid one, and a client's frames are masked). So: bytes taken == bytes of the
 * frames that have ended, and no fragmented message is open.
 *
 * wslay would also put messages together, but it allocates what a header announces and keeps a node
 * for each fragment. Its buffering is therefore off, and a message is gathered here, as its bytes
 * come; one that came in a single piece is passed on without a copy.
 */
#include "conn/frames.h"

#include <stdlib.h>
#include <wslay/wslay.h>

#include "base/buf.h"

enum { MAX_SPARE = 16, KEPT_MESSAGE_ROOM = 64 * 1024 };

struct frames {
    struct frames *next; /* in the pool's spare list */
    struct frames_pool *pool;
    wslay_event_context_ptr ws;
    struct conn *conn;
    struct slice input; /* what is left of the bytes being fed */

    uint64_t taken; /* bytes given to wslay */
    uint64_t ended; /* bytes of the frames that have ended */
    uint64_t frame; /* bytes of the current frame */

    uint8_t header[14]; /* of a frame whose payload has not begun to come */
    bool in_payload;
    bool stopped;
    bool in_control; /* the current frame is a control frame */
    bool in_message; /* a text or binary message has begun */
    bool single;     /* the current frame is a whole message */
    bool muted;      /* what wslay writes is dropped */
    uint8_t opcode;  /* of the message */
    uint32_t n_fragments;
    uint64_t announced;         /* bytes of the message, by its frames' headers */
    struct slice direct;        /* a message that came in one piece */
    struct buf message;         /* one that did not */
    enum frames_result failure; /* FRAMES_CLEAN: none */
};

static void fail(struct frames *f, enum frames_result failure)
{
    if (f->failure == FRAMES_CLEAN)
        f->failure = failure;
    wslay_event_shutdown_read(f->ws);
}

static ssize_t on_recv(wslay_event_context_ptr ws, uint8_t *out, size_t len, int flags, void *user)
{
    struct frames *f = user;
    size_t n = f->input.len < len ? f->input.len : len;

    (void)flags;
    if (n == 0) {
        wslay_event_set_error(ws, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    memcpy(out, f->input.ptr, n);
    f->input = slice_of(f->input.ptr + n, f->input.len - n);
    f->taken += n;
    return (ssize_t)n;
}

static ssize_t on_send(wslay_event_context_ptr ws, const uint8_t *bytes, size_t len, int flags,
                       void *user)
{
    struct frames *f = user;

    (void)ws, (void)flags;
    if (!f->muted && len > 0)
        f->pool->ops->reply(f->conn, slice_of((const char *)bytes, len));
    return (ssize_t)len;
}

static void on_frame_start(wslay_event_context_ptr ws,
                           const struct wslay_event_on_frame_recv_start_arg *arg, void *user)
{
    struct frames *f = user;
    uint64_t n = arg->payload_length;

    (void)ws;
    f->in_payload = true;
    f->frame = n + (n < 126 ? 2 : n < 65536 ? 4 : 10) + 4;
    f->in_control = wslay_is_ctrl_frame(arg->opcode);
    if (f->in_control)
        return;
    if (!f->in_message) {
        f->in_message = true;
        f->opcode = arg->opcode;
        f->n_fragments = 0;
        f->announced = 0;
        f->direct = SLICE("");
    }
    f->single = arg->fin && f->n_fragments == 0;
    f->announced += n;
    if (++f->n_fragments > FRAMES_MAX_FRAGMENTS)
        fail(f, FRAMES_TOO_MANY);
    if (f->announced > f->pool->max_message)
        fail(f, FRAMES_TOO_BIG);
}

static void on_frame_chunk(wslay_event_context_ptr ws,
                           const struct wslay_event_on_frame_recv_chunk_arg *arg, void *user)
{
    struct frames *f = user;
    struct slice chunk = slice_of((const char *)arg->data, arg->data_length);

    (void)ws;
    if (f->in_control || f->opcode != WSLAY_TEXT_FRAME || f->failure != FRAMES_CLEAN)
        return;
    if (f->single && chunk.len == f->announced) {
        f->direct = chunk; /* lies in wslay's buffer, which is not touched before the message is
                              passed on */
        return;
    }
    buf_add_slice(&f->message, chunk);
    if (f->message.failed)
        fail(f, FRAMES_NO_MEMORY);
}

static void on_frame_end(wslay_event_context_ptr ws, void *user)
{
    struct frames *f = user;

    (void)ws;
    f->in_payload = false;
    f->ended += f->frame;
}

static void on_message(wslay_event_context_ptr ws, const struct wslay_event_on_msg_recv_arg *arg,
                       void *user)
{
    struct frames *f = user;

    (void)ws;
    if (wslay_is_ctrl_frame(arg->opcode))
        return; /* wslay has queued the answer */
    f->in_message = false;
    if (f->stopped || f->failure != FRAMES_CLEAN)
        return;
    if (arg->opcode == WSLAY_TEXT_FRAME)
        f->pool->ops->text(f->conn, f->message.len > 0 ? buf_slice(&f->message) : f->direct);
    else
        f->pool->ops->binary(f->conn);
    buf_reset(&f->message);
}

static const struct wslay_event_callbacks callbacks = {
    .recv_callback = on_recv,
    .send_callback = on_send,
    .on_frame_recv_start_callback = on_frame_start,
    .on_frame_recv_chunk_callback = on_frame_chunk,
    .on_frame_recv_end_callback = on_frame_end,
    .on_msg_recv_callback = on_message,
};

static struct frames *frames_new(struct frames_pool *pool)
{
    struct frames *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    if (wslay_event_context_server_init(&f->ws, &callbacks, f) != 0) {
        free(f);
        return NULL;
    }
    wslay_event_config_set_no_buffering(f->ws, 1);
    wslay_event_config_set_max_recv_msg_length(f->ws, pool->max_message);
    buf_init(&f->message, pool->max_message);
    f->pool = pool;
    return f;
}

static void frames_free(struct frames *f)
{
    wslay_event_context_free(f->ws);
    buf_deinit(&f->message);
    free(f);
}

static struct frames *borrow(struct frames_pool *pool, struct conn *c)
{
    struct frames *f = pool->spare;

    if (f) {
        pool->spare = f->next;
        pool->n_spare--;
    } else {
        f = frames_new(pool);
        if (!f)
            return NULL;
    }
    f->conn = c;
    f->taken = f->ended = 0;
    f->in_payload = false;
    pool->n_used++;
    return f;
}

static bool at_rest(const struct frames *f)
{
    return f->taken == f->ended && !f->in_message;
}

/* Back to the pool, which needs it at rest and open for reading. */
static void give_back(struct frames_pool *pool, struct frames *f)
{
    pool->n_used--;
    if (f->message.room > KEPT_MESSAGE_ROOM)
        buf_deinit(&f->message);
    if (pool->n_spare == MAX_SPARE) {
        frames_free(f);
        return;
    }
    f->conn = NULL;
    f->next = pool->spare;
    pool->spare = f;
    pool->n_spare++;
}

/* wslay has stopped reading by itself: why? It says so only in the close frame that it would send.
 */
static enum frames_result diagnose(struct frames *f)
{
    bool closed_by_client = wslay_event_get_close_received(f->ws);

    f->muted = !closed_by_client;
    if (wslay_event_send(f->ws) != 0)
        return FRAMES_NO_MEMORY;
    if (closed_by_client)
        return FRAMES_CLOSED;
    switch (wslay_event_get_status_code_sent(f->ws)) {
    case WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA:
        return FRAMES_BAD_UTF8;
    case WSLAY_CODE_MESSAGE_TOO_BIG:
        return FRAMES_TOO_BIG;
    default:
        return FRAMES_PROTOCOL;
    }
}

static enum frames_result decode(struct frames *f)
{
    int rc = wslay_event_recv(f->ws);

    if (f->stopped)
        return FRAMES_STOPPED;
    if (f->failure != FRAMES_CLEAN)
        return f->failure;
    if (rc != 0)
        return rc == WSLAY_ERR_NOMEM ? FRAMES_NO_MEMORY : FRAMES_PROTOCOL;
    if (!wslay_event_want_read(f->ws))
        return diagnose(f);
    if (wslay_event_send(f->ws) != 0) /* pongs */
        return FRAMES_NO_MEMORY;
    return at_rest(f) ? FRAMES_CLEAN : FRAMES_PARTIAL;
}

/*
 * wslay looks at a frame's length when its payload begins. We need not wait for that: bytes ended
 * in the middle of a header, and the length may be there already.
 */
static bool announces_too_much(struct frames *f, struct slice bytes)
{
    size_t have = (size_t)(f->taken - f->ended);
    size_t fresh = have < bytes.len ? have : bytes.len;
    size_t n_extended;
    uint64_t len = 0;

    assert(have <= sizeof(f->header));
    memcpy(f->header + have - fresh, bytes.ptr + bytes.len - fresh, fresh);
    n_extended = (f->header[1] & 0x7f) == 127 ? 8 : (f->header[1] & 0x7f) == 126 ? 2 : 0;
    if (n_extended == 0 || have < 2 + n_extended)
        return false;
    for (size_t i = 0; i < n_extended; i++)
        len = len << 8 | f->header[2 + i];
    return len > f->pool->max_message;
}

void frames_pool_init(struct frames_pool *pool, const struct frames_ops *ops, size_t max_message)
{
    *pool = (struct frames_pool){.ops = ops, .max_message = max_message};
}

void frames_pool_deinit(struct frames_pool *pool)
{
    assert(pool->n_used == 0);
    while (pool->spare) {
        struct frames *f = pool->spare;

        pool->spare = f->next;
        frames_free(f);
    }
    pool->n_spare = 0;
}

enum frames_result frames_feed(struct frames_pool *pool, struct frames **state, struct conn *c,
                               struct slice bytes)
{
    enum frames_result result;

    if (bytes.len == 0)
        return *state ? FRAMES_PARTIAL : FRAMES_CLEAN;
    if (!*state)
        *state = borrow(pool, c);
    if (!*state)
        return FRAMES_NO_MEMORY;
    (*state)->input = bytes;
    result = decode(*state);
    if (result == FRAMES_PARTIAL && !(*state)->in_payload && announces_too_much(*state, bytes))
        return FRAMES_TOO_BIG;
    if (result == FRAMES_CLEAN) {
        give_back(pool, *state);
        *state = NULL;
    }
    return result;
}

void frames_stop(struct frames *f)
{
    f->stopped = true;
    wslay_event_shutdown_read(f->ws);
}

void frames_release(struct frames_pool *pool, struct frames *f)
{
    if (!f)
        return;
    pool->n_used--;
    frames_free(f);
}

size_t frames_header(enum frames_opcode opcode, size_t payload_len, char out[FRAMES_MAX_HEADER])
{
    size_t n_extended = payload_len < 126 ? 0 : payload_len < 65536 ? 2 : 8;

    out[0] = (char)(0x80 | opcode); /* FIN, no reserved bits */
    out[1] = (char)(n_extended == 0 ? payload_len : n_extended == 2 ? 126 : 127);
    for (size_t i = 0; i < n_extended; i++)
        out[2 + i] = (char)(payload_len >> (8 * (n_extended - 1 - i)) & 0xff);
    return 2 + n_extended;
}
