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
#include "client/ws_client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include <curl/curl.h>
#include <wslay/wslay.h>

#include "base/buf.h"
#include "base/clock.h"
#include "client/address.h"
#include "client/address_scope.h"
#include "client/ws_handshake.h"

enum {
    MAX_HEAD = 16 * 1024,
    MAX_FRAGMENTS = 1024,
    READ_BUDGET = 256 * 1024, /* bytes in one step, so that no peer keeps us from the others */
    PING_AFTER_MS = 30 * 1000,
    SILENT_AFTER_MS = 75 * 1000,
    MAX_CONNECT_TICK_MS = 16, /* how often curl is asked how far connecting has come */
    MAX_QUEUED = 64 * 1024,   /* messages; an empty pong counts nothing in bytes */
};

enum phase { CONNECTING, ASKING, HEARING, OPEN };

struct ws_client {
    enum phase phase;
    uint64_t open_by_ms; /* the end of patience until then */
    int tick_ms;         /* while CONNECTING: how soon to look again */
    CURLM *multi;        /* of this one connection, so that curl has no other to clear away */
    CURL *curl;          /* stays in multi: curl_easy_recv() wants it so */
    curl_socket_t fd;
    struct address address;
    size_t max_message;
    struct buf request; /* of the handshake */
    size_t request_sent;
    char key[WS_KEY_LETTERS + 1];
    wslay_event_context_ptr ws;
    struct buf early; /* what came behind the handshake's answer */
    size_t early_read;
    struct buf inbox;
    size_t first, partial;
    size_t announced; /* bytes of the message being received, by its frames' headers */
    uint32_t n_fragments;
    size_t budget;
    uint64_t received;
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
    c->received += n;
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
    if (arg->payload_length > c->max_message - c->announced)
        lose(c, "the relay sent a message above %zu bytes", c->max_message);
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

/* Curl's CURLOPT_OPENSOCKETFUNCTION, for those who may reach the public internet only. */
static curl_socket_t open_public_socket(void *user, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct ws_client *c = user;

    (void)purpose;
    if (address_is_public(&a->addr))
        return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
    lose(c, "the relay's address is not public");
    return CURL_SOCKET_BAD;
}

static void set_options(struct ws_client *c, const struct ws_options *o)
{
    curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->curl_error);
    curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c->curl, CURLOPT_URL, c->address.base);
    curl_easy_setopt(c->curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(c->curl, CURLOPT_HTTPPROXYTUNNEL, 1L); /* a proxy must let us through */
    curl_easy_setopt(c->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(c->curl, CURLOPT_USERAGENT, o->user_agent);
    curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_ms);
    curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->curl, CURLOPT_QUICK_EXIT, 1L); /* do not wait for a resolver that hangs */
    if (o->ca)
        curl_easy_setopt(c->curl, CURLOPT_CAINFO, o->ca);
    if (o->proxy)
        curl_easy_setopt(c->curl, CURLOPT_PROXY, o->proxy);
    if (o->public_only && o->proxy[0] == '\0') {
        curl_easy_setopt(c->curl, CURLOPT_OPENSOCKETFUNCTION, open_public_socket);
        curl_easy_setopt(c->curl, CURLOPT_OPENSOCKETDATA, c);
    }
}

static void begin(struct ws_client *c, const char *url, const struct ws_options *o)
{
    assert(!o->public_only || o->proxy);
    assert(o->max_message <= WS_MAX_MESSAGE);
    if (!address_parse(url, &c->address)) {
        lose(c, ADDRESS_EXPECTED);
        return;
    }
    if (o->public_only && !address_host_may_be_public(c->address.name)) {
        lose(c, "the relay's address is not public");
        return;
    }
    ws_handshake_key(c->key);
    ws_handshake_request(&c->request, c->address.host, c->address.path, c->key, o->user_agent);
    if (c->request.failed)
        lose(c, "the URL is too long");
    set_options(c, o);
    if (curl_multi_add_handle(c->multi, c->curl) != CURLM_OK)
        lose(c, "out of memory");
}

struct ws_client *ws_client_open(const char *url, const struct ws_options *o)
{
    struct ws_client *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->fd = CURL_SOCKET_BAD;
    c->open_by_ms = clock_mono_ms() + o->connect_ms;
    c->max_message = o->max_message;
    buf_init(&c->request, MAX_HEAD);
    buf_init(&c->early, MAX_HEAD);
    buf_init(&c->inbox, o->max_message + 64 * KIB);
    c->multi = curl_multi_init();
    c->curl = curl_easy_init();
    if (!c->multi || !c->curl || wslay_event_context_client_init(&c->ws, &callbacks, c) != 0) {
        ws_client_free(c);
        return NULL;
    }
    wslay_event_config_set_no_buffering(c->ws, 1);
    wslay_event_config_set_max_recv_msg_length(c->ws, UINT64_MAX); /* on_frame_start() looks */
    begin(c, url, o);
    return c;
}

/* TCP, TLS and what a proxy wants. */
static void step_connecting(struct ws_client *c)
{
    const CURLMsg *message;
    CURLcode code;
    int n;

    c->tick_ms = c->tick_ms < MAX_CONNECT_TICK_MS / 2 ? 2 * c->tick_ms + 1 : MAX_CONNECT_TICK_MS;
    if (curl_multi_perform(c->multi, &n) != CURLM_OK) {
        lose(c, "out of memory");
        return;
    }
    message = curl_multi_info_read(c->multi, &n);
    if (!message)
        return;
    code = message->data.result;
    if (code == CURLE_OK)
        code = curl_easy_getinfo(c->curl, CURLINFO_ACTIVESOCKET, &c->fd);
    if (code != CURLE_OK)
        lose(c, "%s", curl_words(c, code)); /* unless a callback has said something better */
    c->phase = ASKING;
}

static void step_asking(struct ws_client *c)
{
    c->request_sent +=
        transmit(c, c->request.ptr + c->request_sent, c->request.len - c->request_sent);
    if (c->request_sent == c->request.len)
        c->phase = HEARING;
}

static void check_head(struct ws_client *c, size_t head_len)
{
    const char *error;
    int status;

    c->early_read = head_len;
    c->phase = OPEN;
    if (ws_handshake_check(slice_of(c->early.ptr, head_len), c->key, &status, &error))
        return;
    if (status > 0 && status != 101)
        lose(c, "%s (HTTP status %d)", error, status);
    lose(c, "%s", error);
}

/* Reads until the empty line that ends the head. */
static void step_hearing(struct ws_client *c)
{
    char bytes[4096];
    size_t n;

    while (c->phase == HEARING && (n = receive(c, bytes, sizeof(bytes))) > 0) {
        const char *end;

        buf_add(&c->early, bytes, n);
        end = memmem(c->early.ptr, c->early.len, "\r\n\r\n", 4);
        if (end)
            check_head(c, (size_t)(end - c->early.ptr) + 4);
        else if (c->early.failed)
            lose(c, "the answer to the handshake is too long");
    }
}

static void step_opening(struct ws_client *c)
{
    if (c->phase == CONNECTING)
        step_connecting(c);
    if (c->phase == ASKING && !c->lost)
        step_asking(c);
    if (c->phase == HEARING && !c->lost)
        step_hearing(c);
    if (c->phase != OPEN && clock_mono_ms() >= c->open_by_ms)
        lose(c, "no answer in time");
}

bool ws_client_is_open(const struct ws_client *c)
{
    return c->phase == OPEN;
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

/* One turn of reading and writing. */
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

static uint64_t silence(const struct ws_client *c)
{
    return clock_mono_ms() - c->heard_ms;
}

/* Asks a silent peer whether it is still there. */
static void keep_alive(struct ws_client *c)
{
    uint64_t silent = silence(c);

    if (silent >= SILENT_AFTER_MS)
        lose(c, "the relay is silent and does not answer pings");
    if (silent < PING_AFTER_MS || c->pinged)
        return;
    c->pinged = true;
    wslay_event_queue_msg(c->ws, &(struct wslay_event_msg){.opcode = WSLAY_PING});
}

enum ws_result ws_client_step(struct ws_client *c, struct slice *message)
{
    if (!c->lost && c->phase != OPEN) {
        step_opening(c);
    } else if (!c->lost && !has_message(c)) {
        keep_alive(c);
        pump(c);
    }
    if (has_message(c)) {
        *message = take_message(c);
        return WS_MESSAGE;
    }
    return c->lost ? WS_LOST : WS_WAITING;
}

static int min_ms(uint64_t a, uint64_t b)
{
    return (int)(a < b ? a : b);
}

struct pollfd ws_client_poll(const struct ws_client *c, int *timeout_ms)
{
    struct pollfd p = {.fd = c->phase == CONNECTING ? -1 : c->fd, .events = POLLIN};
    uint64_t now = clock_mono_ms();
    uint64_t due = c->pinged ? SILENT_AFTER_MS : PING_AFTER_MS;

    if (c->phase == ASKING || (c->phase == OPEN && wslay_event_want_write(c->ws)))
        p.events |= POLLOUT;
    if (c->lost || has_message(c) || (c->phase == OPEN && c->budget == 0))
        *timeout_ms = 0; /* c->early or TLS may hold bytes that the socket no longer shows */
    else if (c->phase != OPEN)
        *timeout_ms = min_ms(now < c->open_by_ms ? c->open_by_ms - now : 0,
                             c->phase == CONNECTING ? (uint64_t)c->tick_ms : INT32_MAX);
    else
        *timeout_ms = silence(c) < due ? (int)(due - silence(c)) : 0;
    return p;
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

uint64_t ws_client_received(const struct ws_client *c)
{
    return c->received;
}

void ws_client_close(struct ws_client *c)
{
    if (c->phase != OPEN)
        lose(c, "given up while connecting");
    else
        wslay_event_queue_close(c->ws, WSLAY_CODE_NORMAL_CLOSURE, NULL, 0);
}

void ws_client_free(struct ws_client *c)
{
    if (!c)
        return;
    if (c->phase == OPEN && !c->lost) {
        ws_client_close(c);
        wslay_event_send(c->ws);
    }
    if (c->ws)
        wslay_event_context_free(c->ws);
    if (c->multi && c->curl)
        curl_multi_remove_handle(c->multi, c->curl);
    curl_easy_cleanup(c->curl);
    curl_multi_cleanup(c->multi);
    address_deinit(&c->address);
    buf_deinit(&c->request);
    buf_deinit(&c->early);
    buf_deinit(&c->inbox);
    free(c);
}
