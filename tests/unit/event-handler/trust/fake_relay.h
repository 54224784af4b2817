#ifndef TESTS_UNIT_EVENT_HANDLER_TRUST_FAKE_RELAY_H
#define TESTS_UNIT_EVENT_HANDLER_TRUST_FAKE_RELAY_H
/*
 * Relays for the crawler to meet: a thread each, on a free port of 127.0.0.1, that speaks by a
 * script. A script talks over one connection and returns; then the next connection is taken.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/ws_handshake.h"
#include "event-handler/sign.h"
#include "nostr/filter.h"
#include "nostr/message.h"

struct fake_event {
    struct event ev;
    char *json; /* the truth, or whatever a test makes of it */
};

struct fake_relay {
    void (*script)(struct fake_relay *r, int fd);
    bool raw; /* the script does the handshake too */
    const struct fake_event *stored;
    size_t n_stored;
    size_t max_authors; /* a REQ with more is refused; 0: none is */
    size_t page;        /* most events in an answer; 0: no limit */

    int listener;
    char url[64];
    char port[8];
    pthread_t thread;
    atomic_bool stopping;
    atomic_int n_connections;
    atomic_int n_questions;
    atomic_int most_authors; /* in one question that was answered */
    char heard[256];         /* whatever the script keeps */
};

/* ---- events ---- */

static inline struct pubkey fake_pubkey(unsigned author)
{
    secp256k1_keypair pair = sign_keypair(author);
    secp256k1_xonly_pubkey pub;
    struct pubkey pk;

    if (!secp256k1_keypair_xonly_pub(sign_context(), &pub, NULL, &pair) ||
        !secp256k1_xonly_pubkey_serialize(sign_context(), pk.b, &pub))
        abort();
    return pk;
}

static inline char *fake_json(const struct event *ev)
{
    struct buf out;

    buf_init(&out, 64 * MIB);
    event_write(ev, &out);
    buf_add_char(&out, '\0');
    assert(!out.failed);
    return out.ptr;
}

/* With one tag, unless name is NULL. Names and values must live on. */
static inline struct fake_event fake_event(unsigned author, int kind, int64_t created_at,
                                           const char *name, const char *value)
{
    struct fake_event f = {.ev = {.kind = kind, .created_at = created_at, .content = SLICE("")}};

    if (name) {
        f.ev.tag = calloc(1, sizeof(*f.ev.tag));
        f.ev.tag->item = calloc(2, sizeof(*f.ev.tag->item));
        f.ev.tag->item[0] = slice_str(name);
        f.ev.tag->item[1] = slice_str(value);
        f.ev.tag->n = 2;
        f.ev.n_tags = 1;
    }
    sign_event(&f.ev, author);
    f.json = fake_json(&f.ev);
    return f;
}

static inline void fake_event_free(struct fake_event *f)
{
    if (f->ev.tag)
        free(f->ev.tag->item);
    free(f->ev.tag);
    free(f->json);
}

/* ---- frames ---- */

static inline bool fake_send(int fd, const void *bytes, size_t len)
{
    const char *p = bytes;

    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

/* first is FIN and opcode (0x81: a whole text message); the length is as announced. */
static inline bool fake_head(int fd, uint8_t first, uint64_t announced)
{
    uint8_t head[10] = {first, 127};

    for (int i = 0; i < 8; i++)
        head[2 + i] = (uint8_t)(announced >> (56 - 8 * i));
    if (announced < 126) {
        head[1] = (uint8_t)announced;
        return fake_send(fd, head, 2);
    }
    if (announced < 65536) {
        head[1] = 126;
        head[2] = (uint8_t)(announced >> 8);
        head[3] = (uint8_t)announced;
        return fake_send(fd, head, 4);
    }
    return fake_send(fd, head, 10);
}

static inline bool fake_frame(int fd, uint8_t first, const char *bytes, size_t len)
{
    return fake_head(fd, first, len) && fake_send(fd, bytes, len);
}

static inline bool fake_say(int fd, const char *text)
{
    return fake_frame(fd, 0x81, text, strlen(text));
}

static inline bool fake_receive(int fd, void *out, size_t len)
{
    return len == 0 || recv(fd, out, len, MSG_WAITALL) == (ssize_t)len;
}

/* The next text message, terminated; NULL when there will be none. */
static inline char *fake_read(int fd)
{
    for (;;) {
        uint8_t head[2], more[8], mask[4];
        uint64_t len;
        char *text;

        if (!fake_receive(fd, head, 2))
            return NULL;
        len = head[1] & 0x7f;
        if (len >= 126) {
            size_t n = len == 126 ? 2 : 8;

            if (!fake_receive(fd, more, n))
                return NULL;
            len = 0;
            for (size_t i = 0; i < n; i++)
                len = len << 8 | more[i];
        }
        text = calloc(1, len + 1);
        if (!fake_receive(fd, mask, 4) || !fake_receive(fd, text, len) || (head[0] & 15) == 8) {
            free(text);
            return NULL;
        }
        for (size_t i = 0; i < len; i++)
            text[i] ^= (char)mask[i % 4];
        if ((head[0] & 15) == 1)
            return text;
        free(text);
    }
}

static inline bool fake_shake_hands(int fd)
{
    char head[4096] = "", accept[WS_ACCEPT_LETTERS + 1], key[WS_KEY_LETTERS + 1];
    char answer[512];
    size_t n = 0;
    const char *found;

    while (!strstr(head, "\r\n\r\n")) {
        if (n + 1 >= sizeof(head) || recv(fd, head + n, 1, 0) != 1)
            return false;
        head[++n] = '\0';
    }
    found = strstr(head, "Sec-WebSocket-Key: ");
    if (!found)
        return false;
    memcpy(key, found + 19, WS_KEY_LETTERS);
    key[WS_KEY_LETTERS] = '\0';
    ws_handshake_accept(key, accept);
    snprintf(answer, sizeof(answer),
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: %s\r\n\r\n",
             accept);
    return fake_send(fd, answer, strlen(answer));
}

/* ---- Nostr ---- */

struct fake_question {
    struct arena arena;
    char *text;
    char sub_id[65];
    struct filter *filter;
};

static inline void fake_question_deinit(struct fake_question *q)
{
    arena_deinit(&q->arena);
    free(q->text);
}

/* The next REQ; false when there will be none. fake_question_deinit() after true. */
static inline bool fake_ask(struct fake_relay *r, int fd, struct fake_question *q)
{
    const struct filter_limits limits = {.max_values = 100000, .max_search_bytes = 100};
    struct client_message m;
    const char *error;
    bool unsupported;
    size_t n;

    while ((q->text = fake_read(fd)) != NULL) {
        arena_init(&q->arena, 64 * MIB);
        if (message_parse(slice_str(q->text), &q->arena, &m, &error) == MESSAGE_OK &&
            m.verb == VERB_REQ &&
            filter_list_parse(m.body, &limits, 1, &q->arena, &q->filter, &n, &error,
                              &unsupported)) {
            snprintf(q->sub_id, sizeof(q->sub_id), SLICE_FMT, SLICE_ARG(m.sub_id));
            atomic_fetch_add(&r->n_questions, 1);
            return true;
        }
        fake_question_deinit(q);
    }
    return false;
}

static inline bool fake_say_event(int fd, const char *sub_id, const char *json)
{
    size_t room = strlen(json) + strlen(sub_id) + 32;
    char *text = malloc(room);
    bool ok;

    snprintf(text, room, "[\"EVENT\",\"%s\",%s]", sub_id, json);
    ok = fake_say(fd, text);
    free(text);
    return ok;
}

/* Says a message of two strings. */
static inline bool fake_say2(int fd, const char *verb, const char *sub_id)
{
    char text[256];

    snprintf(text, sizeof(text), "[\"%s\",\"%s\"]", verb, sub_id);
    return fake_say(fd, text);
}

/* What is stored and matches, in the order it is stored in: newest first. */
static inline void fake_answer(struct fake_relay *r, int fd, const struct fake_question *q)
{
    size_t most = r->page ? r->page : SIZE_MAX, n = 0;

    if ((q->filter->has & FILTER_LIMIT) && (size_t)q->filter->limit < most)
        most = (size_t)q->filter->limit;
    for (size_t i = 0; i < r->n_stored && n < most; i++) {
        if (filter_match(q->filter, &r->stored[i].ev) && ++n)
            fake_say_event(fd, q->sub_id, r->stored[i].json);
    }
    if ((int)q->filter->n_authors > atomic_load(&r->most_authors))
        atomic_store(&r->most_authors, (int)q->filter->n_authors);
    fake_say2(fd, "EOSE", q->sub_id);
}

/* A relay as it should be. */
static inline void fake_honest(struct fake_relay *r, int fd)
{
    struct fake_question q;

    while (fake_ask(r, fd, &q)) {
        if (r->max_authors > 0 && q.filter->n_authors > r->max_authors) {
            char text[160];

            snprintf(text, sizeof(text), "[\"CLOSED\",\"%s\",\"error: too many authors\"]",
                     q.sub_id);
            fake_say(fd, text);
        } else {
            fake_answer(r, fd, &q);
        }
        fake_question_deinit(&q);
    }
}

/* ---- the server ---- */

/* Until the other end has gone or the test is over. */
static inline void fake_linger(struct fake_relay *r, int fd)
{
    char bytes[4096];

    while (!atomic_load(&r->stopping)) {
        struct pollfd p = {.fd = fd, .events = POLLIN};

        if (poll(&p, 1, 20) > 0 && recv(fd, bytes, sizeof(bytes), 0) <= 0)
            return;
    }
}

static inline void *fake_run(void *arg)
{
    struct fake_relay *r = arg;

    while (!atomic_load(&r->stopping)) {
        struct pollfd p = {.fd = r->listener, .events = POLLIN};
        struct timeval patience = {.tv_sec = 20};
        int fd;

        if (poll(&p, 1, 20) <= 0)
            continue;
        fd = accept(r->listener, NULL, NULL);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        atomic_fetch_add(&r->n_connections, 1);
        if (r->raw || fake_shake_hands(fd))
            r->script(r, fd);
        close(fd);
    }
    return NULL;
}

static inline void fake_start(struct fake_relay *r)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);

    if (!r->script)
        r->script = fake_honest;
    r->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(r->listener, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(r->listener, 8) != 0 ||
        getsockname(r->listener, (struct sockaddr *)&a, &len) != 0)
        abort();
    snprintf(r->port, sizeof(r->port), "%d", ntohs(a.sin_port));
    snprintf(r->url, sizeof(r->url), "ws://127.0.0.1:%s", r->port);
    if (pthread_create(&r->thread, NULL, fake_run, r) != 0)
        abort();
}

static inline void fake_stop(struct fake_relay *r)
{
    atomic_store(&r->stopping, true);
    pthread_join(r->thread, NULL);
    close(r->listener);
}

#endif
