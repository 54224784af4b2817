/*
 * The inbox is one buffer. Messages lie in it one behind the other, each after its length; the one
 * that is being received is at the end and has no length yet:
 *
 *     | length | text | length | text | ------ | beginning of a te
 *     ^ first                         ^ partial
 *
 * Nothing is read from the peer while a whole message is there, so the buffer holds one message and
 * what came in the same 4 KiB, wslay's own buffer. Wslay's gathering of messages is switched off
 * because it allocates whatever a frame's header announces.
 */
#include "ws_client.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include <curl/curl.h>
#include <wslay/wslay.h>

#include "address.h"
#include "base/clock.h"
#include "http.h"
#include "interrupt.h"
#include "ws_handshake.h"

enum {
    MAX_HEAD = 16 * 1024,
    MAX_FRAGMENTS = 1024,
    READ_BUDGET = 256 * 1024, /* read before it is looked whether the deadline has passed */
    PING_AFTER_MS = 30 * 1000,
    SILENT_AFTER_MS = 75 * 1000,
    GOODBYE_MS = 1000,
    MAX_QUEUED = 64 * 1024, /* messages; an empty pong counts nothing in bytes */
};

struct ws_client {
    CURL *curl;
    curl_socket_t fd;
    wslay_event_context_ptr ws;
    struct buf early; /* what came behind the handshake's answer */
    size_t early_read;
    struct buf inbox;
    size_t first, partial;
    size_t announced; /* bytes of the message being received, by its frames' headers */
    uint32_t n_fragments;
    size_t budget;
    uint64_t heard_ms;  /* when something was last read */
    bool pinged;        /* since then */
    uint8_t frame;      /* opcode of the frame being received */
    char farewell[125]; /* payload of the relay's close frame: a code of two bytes, then words */
    size_t farewell_len;
    bool lost;
    char curl_error[CURL_ERROR_SIZE];
    char error[512];
};

/* Ends the connection; the first reason stays. */
static void PRINTF_LIKE(2, 3) lose(struct ws_client *c, const char *fmt, ...)
{
    va_list args;

    if (c->lost)
        return;
    c->lost = true;
    va_start(args, fmt);
    vsnprintf(c->error, sizeof(c->error), fmt, args);
    va_end(args);
}

const char *ws_client_error(const struct ws_client *c)
{
    return c->error;
}

/* ---- bytes ---- */

/* What curl has to say of its failure. */
static const char *curl_words(const struct ws_client *c, CURLcode code)
{
    return c->curl_error[0] != '\0' ? c->curl_error : curl_easy_strerror(code);
}

/* Bytes read, or 0 when there are none for now or the connection is lost. */
static size_t receive(struct ws_client *c, void *out, size_t len)
{
    size_t n = 0;
    CURLcode code = curl_easy_recv(c->curl, out, len, &n);

    if (code == CURLE_AGAIN)
        return 0;
    if (code != CURLE_OK)
        lose(c, "the connection broke: %s", curl_words(c, code));
    else if (n == 0)
        lose(c, "the relay ended the connection without a word");
    c->heard_ms = clock_mono_ms();
    c->pinged = false;
    return c->lost ? 0 : n;
}

static size_t transmit(struct ws_client *c, const void *bytes, size_t len)
{
    size_t n = 0;
    CURLcode code = curl_easy_send(c->curl, bytes, len, &n);

    if (code == CURLE_AGAIN)
        return 0;
    if (code != CURLE_OK)
        lose(c, "the connection broke: %s", curl_words(c, code));
    return c->lost ? 0 : n;
}

/* Waits until the socket or also_fd is ready, at most timeout_ms (-1: for good). Returns whether
 * also_fd can be read. */
static bool wait_ready(struct ws_client *c, short events, int also_fd, int64_t timeout_ms)
{
    struct timespec t = {.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000};
    struct pollfd fds[] = {{.fd = c->fd, .events = events}, {.fd = also_fd, .events = POLLIN}};

    if (ppoll(fds, ARRAY_LEN(fds), timeout_ms < 0 ? NULL : &t, interrupt_mask()) < 0) {
        if (errno != EINTR)
            lose(c, "ppoll: %s", strerror(errno));
        return false;
    }
    return fds[1].revents != 0;
}

/* ---- the inbox ---- */

typedef uint32_t message_length;

static bool has_message(const struct ws_client *c)
{
    return c->first < c->partial;
}

static struct slice take_message(struct ws_client *c)
{
    message_length len;
    struct slice text;

    memcpy(&len, c->inbox.ptr + c->first, sizeof(len));
    text = slice_of(c->inbox.ptr + c->first + sizeof(len), len);
    c->first += sizeof(len) + len;
    return text;
}

/* Moves the message being received to the front, once those before it have been taken. */
static void compact(struct ws_client *c)
{
    if (c->first == 0 || has_message(c))
        return;
    c->inbox.len -= c->partial;
    memmove(c->inbox.ptr, c->inbox.ptr + c->partial, c->inbox.len);
    c->first = c->partial = 0;
}

/* ---- what wslay calls ---- */

static ssize_t on_recv(wslay_event_context_ptr ws, uint8_t *out, size_t len, int flags, void *user)
{
    struct ws_client *c = user;
    size_t n = c->early.len - c->early_read;

    (void)flags;
    if (n > 0) {
        n = n < len ? n : len;
        memcpy(out, c->early.ptr + c->early_read, n);
        c->early_read += n;
        return (ssize_t)n;
    }
    if (!c->lost && !has_message(c) && c->budget > 0)
        n = receive(c, out, len);
    if (n == 0) {
        wslay_event_set_error(ws, c->lost ? WSLAY_ERR_CALLBACK_FAILURE : WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    c->budget -= n < c->budget ? n : c->budget;
    return (ssize_t)n;
}

static ssize_t on_send(wslay_event_context_ptr ws, const uint8_t *bytes, size_t len, int flags,
                       void *user)
{
    struct ws_client *c = user;
    size_t n = c->lost ? 0 : transmit(c, bytes, len);

    (void)flags;
    if (n == 0) {
        wslay_event_set_error(ws, c->lost ? WSLAY_ERR_CALLBACK_FAILURE : WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    return (ssize_t)n;
}

static int on_genmask(wslay_event_context_ptr ws, uint8_t *out, size_t len, void *user)
{
    (void)ws, (void)user;
    return getrandom(out, len, 0) == (ssize_t)len ? 0 : -1;
}

static void on_frame_start(wslay_event_context_ptr ws,
                           const struct wslay_event_on_frame_recv_start_arg *arg, void *user)
{
    static const message_length unknown = 0;
    struct ws_client *c = user;

    (void)ws;
    c->frame = arg->opcode;
    if (wslay_is_ctrl_frame(arg->opcode))
        return;
    if (arg->opcode != WSLAY_CONTINUATION_FRAME) {
        c->announced = 0;
        c->n_fragments = 0;
        buf_add(&c->inbox, &unknown, sizeof(unknown));
    }
    if (arg->payload_length > WS_MAX_MESSAGE - c->announced)
        lose(c, "the relay sent a message above %zu bytes", WS_MAX_MESSAGE);
    else
        c->announced += (size_t)arg->payload_length;
    if (++c->n_fragments > MAX_FRAGMENTS)
        lose(c, "the relay sent a message in more than %d fragments", MAX_FRAGMENTS);
}

/* Kept here because wslay 1.1 takes the codes registered since RFC 6455, such as a restart's 1012,
 * for a breach of protocol and does not hand them on. */
static void add_farewell(struct ws_client *c, struct slice bytes)
{
    size_t room = sizeof(c->farewell) - c->farewell_len;
    size_t n = bytes.len < room ? bytes.len : room;

    memcpy(c->farewell + c->farewell_len, bytes.ptr, n);
    c->farewell_len += n;
}

static void on_frame_chunk(wslay_event_context_ptr ws,
                           const struct wslay_event_on_frame_recv_chunk_arg *arg, void *user)
{
    struct ws_client *c = user;

    (void)ws;
    if (c->frame == WSLAY_CONNECTION_CLOSE)
        add_farewell(c, slice_of((const char *)arg->data, arg->data_length));
    if (wslay_is_ctrl_frame(c->frame) || c->lost)
        return;
    buf_add(&c->inbox, arg->data, arg->data_length);
    if (c->inbox.failed)
        lose(c, "out of memory");
}

static void on_message(wslay_event_context_ptr ws, const struct wslay_event_on_msg_recv_arg *arg,
                       void *user)
{
    struct ws_client *c = user;
    message_length len;

    (void)ws;
    if (wslay_is_ctrl_frame(arg->opcode) || c->lost)
        return;
    if (arg->opcode != WSLAY_TEXT_FRAME) { /* Nostr has none; drop it */
        c->inbox.len = c->partial;
        return;
    }
    len = (message_length)(c->inbox.len - c->partial - sizeof(len));
    memcpy(c->inbox.ptr + c->partial, &len, sizeof(len));
    c->partial = c->inbox.len;
}

static const struct wslay_event_callbacks callbacks = {
    .recv_callback = on_recv,
    .send_callback = on_send,
    .genmask_callback = on_genmask,
    .on_frame_recv_start_callback = on_frame_start,
    .on_frame_recv_chunk_callback = on_frame_chunk,
    .on_msg_recv_callback = on_message,
};

/* ---- connecting ---- */

struct ws_client *ws_client_new(void)
{
    struct ws_client *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->fd = CURL_SOCKET_BAD;
    buf_init(&c->early, MAX_HEAD);
    buf_init(&c->inbox, WS_MAX_MESSAGE + 64 * KIB);
    if (wslay_event_context_client_init(&c->ws, &callbacks, c) != 0) {
        free(c);
        return NULL;
    }
    wslay_event_config_set_no_buffering(c->ws, 1);
    wslay_event_config_set_max_recv_msg_length(c->ws, UINT64_MAX); /* on_frame_start() looks */
    return c;
}

/* TCP, and TLS where the URL says so. A proxy named by the environment must let us through. */
static void open_connection(struct ws_client *c, const struct address *a, const struct options *o)
{
    CURLcode code;

    c->curl = http_handle(o, c->curl_error);
    if (!c->curl) {
        lose(c, "out of memory");
        return;
    }
    curl_easy_setopt(c->curl, CURLOPT_URL, a->base);
    curl_easy_setopt(c->curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(c->curl, CURLOPT_HTTPPROXYTUNNEL, 1L);
    code = curl_easy_perform(c->curl);
    if (code == CURLE_OK)
        code = curl_easy_getinfo(c->curl, CURLINFO_ACTIVESOCKET, &c->fd);
    if (code != CURLE_OK)
        lose(c, "%s", curl_words(c, code));
}

/* What is left until the deadline; 0, after giving up, when it has passed. */
static int64_t time_left(struct ws_client *c, uint64_t deadline)
{
    uint64_t now = clock_mono_ms();

    if (now < deadline)
        return (int64_t)(deadline - now);
    lose(c, "no answer in time");
    return 0;
}

static void send_all(struct ws_client *c, struct slice bytes, uint64_t deadline)
{
    while (bytes.len > 0 && !c->lost) {
        size_t n = transmit(c, bytes.ptr, bytes.len);

        bytes = slice_of(bytes.ptr + n, bytes.len - n);
        if (n == 0 && !c->lost)
            wait_ready(c, POLLOUT, -1, time_left(c, deadline));
    }
}

/* Reads until the empty line that ends the head; returns the head's length. */
static size_t receive_head(struct ws_client *c, uint64_t deadline)
{
    while (!c->lost) {
        const char *end =
            c->early.len > 0 ? memmem(c->early.ptr, c->early.len, "\r\n\r\n", 4) : NULL;
        char bytes[4096];
        size_t n;

        if (end)
            return (size_t)(end - c->early.ptr) + 4;
        n = receive(c, bytes, sizeof(bytes));
        buf_add(&c->early, bytes, n);
        if (c->early.failed)
            lose(c, "the answer to the handshake is too long");
        if (n == 0 && !c->lost)
            wait_ready(c, POLLIN, -1, time_left(c, deadline));
    }
    return 0;
}

static void shake_hands(struct ws_client *c, const struct address *a, uint64_t deadline)
{
    char key[WS_KEY_LETTERS + 1];
    const char *error;
    struct buf request;
    int status;

    ws_handshake_key(key);
    buf_init(&request, MAX_HEAD);
    ws_handshake_request(&request, a->host, a->path, key);
    if (request.failed)
        lose(c, "the URL is too long");
    send_all(c, buf_slice(&request), deadline);
    buf_deinit(&request);
    c->early_read = receive_head(c, deadline);
    if (c->lost || ws_handshake_check(slice_of(c->early.ptr, c->early_read), key, &status, &error))
        return;
    if (status > 0 && status != 101)
        lose(c, "%s (HTTP status %d)", error, status);
    lose(c, "%s", error);
}

enum err ws_client_connect(struct ws_client *c, const char *url, const struct options *o)
{
    uint64_t deadline = clock_mono_ms() + (uint64_t)o->timeout_seconds * 1000;
    struct address a;

    if (!address_parse(url, &a)) {
        lose(c, ADDRESS_EXPECTED);
        return ERR_INVALID;
    }
    open_connection(c, &a, o);
    if (!c->lost)
        shake_hands(c, &a, deadline);
    address_deinit(&a);
    return c->lost ? ERR_IO : OK;
}

/* ---- talking ---- */

/* Nothing more is to be read: the relay has closed, or wslay found fault with it. */
static void end(struct ws_client *c)
{
    const unsigned char *code = (const unsigned char *)c->farewell;
    struct slice words;

    if (c->farewell_len == 0 && !wslay_event_get_close_received(c->ws)) {
        lose(c, "the relay broke the WebSocket protocol");
    } else if (c->farewell_len < 2) {
        lose(c, "the relay closed the connection");
    } else {
        words = slice_of(c->farewell + 2, c->farewell_len - 2);
        lose(c, "the relay closed the connection with %d%s" SLICE_FMT, code[0] << 8 | code[1],
             words.len > 0 ? ": " : "", SLICE_ARG(words));
    }
}

/* One turn of reading and writing, without waiting. */
static void pump(struct ws_client *c)
{
    c->budget = READ_BUDGET;
    compact(c);
    if (wslay_event_recv(c->ws) != 0 || wslay_event_send(c->ws) != 0)
        lose(c, "out of memory"); /* unless a callback has said something better */
    else if (!wslay_event_want_read(c->ws))
        end(c);
    else if (ws_client_backlog(c) > WS_MAX_BACKLOG ||
             wslay_event_get_queued_msg_count(c->ws) > MAX_QUEUED)
        lose(c, "the relay does not read what it is sent");
}

/* Asks a silent peer whether it is still there. Returns how many milliseconds until this is due
 * again. */
static int64_t keep_alive(struct ws_client *c)
{
    uint64_t silent = clock_mono_ms() - c->heard_ms;

    if (silent >= SILENT_AFTER_MS) {
        lose(c, "the relay is silent and does not answer pings");
        return 0;
    }
    if (silent < PING_AFTER_MS)
        return (int64_t)(PING_AFTER_MS - silent);
    if (!c->pinged) {
        c->pinged = true;
        wslay_event_queue_msg(c->ws, &(struct wslay_event_msg){.opcode = WSLAY_PING});
    }
    return (int64_t)(SILENT_AFTER_MS - silent);
}

void ws_client_send(struct ws_client *c, struct slice text)
{
    const struct wslay_event_msg msg = {
        .opcode = WSLAY_TEXT_FRAME, .msg = (const uint8_t *)text.ptr, .msg_length = text.len};

    if (!c->lost && wslay_event_queue_msg(c->ws, &msg) == WSLAY_ERR_NOMEM)
        lose(c, "out of memory");
}

size_t ws_client_backlog(const struct ws_client *c)
{
    return wslay_event_get_queued_msg_length(c->ws);
}

/* Waits for the socket, also_fd, the deadline (-1: none) or the next ping, whichever is first.
 * Returns whether also_fd can be read. */
static bool wait_turn(struct ws_client *c, int also_fd, int64_t deadline)
{
    int64_t timeout = keep_alive(c);
    int64_t left = deadline < 0 ? timeout : deadline - (int64_t)clock_mono_ms();
    short events = POLLIN;

    if (c->lost)
        return false;
    if (left < timeout)
        timeout = left < 0 ? 0 : left;
    if (c->budget == 0)
        timeout = 0; /* TLS may hold bytes that the socket no longer shows */
    if (wslay_event_want_write(c->ws))
        events |= POLLOUT;
    return wait_ready(c, events, also_fd, timeout);
}

enum ws_result ws_client_next(struct ws_client *c, int also_fd, int timeout_ms,
                              struct slice *message)
{
    int64_t deadline = timeout_ms < 0 ? -1 : (int64_t)clock_mono_ms() + timeout_ms;

    for (;;) {
        if (!has_message(c) && !c->lost)
            pump(c);
        if (has_message(c)) {
            *message = take_message(c);
            return WS_MESSAGE;
        }
        if (c->lost)
            return WS_LOST;
        if (deadline >= 0 && (int64_t)clock_mono_ms() >= deadline)
            return WS_TIMEOUT;
        if (wait_turn(c, also_fd, deadline))
            return WS_INPUT;
        if (interrupt_seen())
            return WS_INTERRUPTED;
    }
}

static void say_goodbye(struct ws_client *c)
{
    uint64_t deadline = clock_mono_ms() + GOODBYE_MS;

    wslay_event_queue_close(c->ws, WSLAY_CODE_NORMAL_CLOSURE, NULL, 0);
    while (!c->lost && clock_mono_ms() < deadline) {
        c->first = c->partial; /* nobody takes messages any more */
        pump(c);
        if (!c->lost && c->budget > 0)
            wait_ready(c, POLLIN, -1, time_left(c, deadline));
    }
}

void ws_client_free(struct ws_client *c)
{
    if (!c)
        return;
    if (c->fd != CURL_SOCKET_BAD && !c->lost)
        say_goodbye(c);
    wslay_event_context_free(c->ws);
    curl_easy_cleanup(c->curl);
    buf_deinit(&c->early);
    buf_deinit(&c->inbox);
    free(c);
}
