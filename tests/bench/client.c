#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SCRATCH_BYTES = 4 * 1024 * 1024, /* also the largest frame that can be read */
    EVENTS_PER_TURN = 256,
    CLIENTS_PER_ADDRESS = 16000, /* an address has about 28,000 ports for its clients */
};

enum opcode { OP_TEXT = 1, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };

struct target {
    struct sockaddr_in address;
    const char *authority; /* "127.0.0.1:8008/path": Host is the part before the slash */
    const char *path;
};

/* ---- connecting ---- */

static struct target read_url(const char *url)
{
    static const char scheme[] = "ws://";
    struct target t = {.address.sin_family = AF_INET};
    char host[INET_ADDRSTRLEN] = "";
    unsigned port = 0;

    if (strncmp(url, scheme, strlen(scheme)) != 0)
        bench_die("%s: a URL is ws://127.0.0.1:PORT[/PATH]", url);
    t.authority = url + strlen(scheme);
    t.path = t.authority + strcspn(t.authority, "/");
    if (sscanf(t.authority, "%15[0-9.]:%u", host, &port) != 2 || port == 0 || port > 65535 ||
        inet_pton(AF_INET, host, &t.address.sin_addr) != 1)
        bench_die("%s: a URL is ws://127.0.0.1:PORT[/PATH]", url);
    if (ntohl(t.address.sin_addr.s_addr) >> 24 != 127)
        bench_die("%s: only relays on the loopback interface are measured", url);
    t.address.sin_port = htons((uint16_t)port);
    return t;
}

/*
 * Each run comes from loopback addresses of its own (127.64.0.0/10, chosen by process id), so that
 * ports which an earlier run left in TIME_WAIT do not stand in its way.
 */
static struct sockaddr_in source_address(size_t index)
{
    uint32_t run = ((uint32_t)getpid() & 0x3ffff) << 4;
    uint32_t host = (run + 1 + (uint32_t)(index / CLIENTS_PER_ADDRESS)) & 0x3fffff;
    struct sockaddr_in a = {.sin_family = AF_INET};

    a.sin_addr.s_addr = htonl(UINT32_C(0x7f400000) | host);
    return a;
}

static int connect_socket(const struct target *t, size_t index)
{
    struct sockaddr_in source = source_address(index);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0)
        bench_die("connection %zu: %s (raise ulimit -n?)", index, strerror(errno));
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&source, sizeof source) != 0 ||
        connect(fd, (const struct sockaddr *)&t->address, sizeof t->address) != 0)
        bench_die("connection %zu to %s: %s", index, t->authority, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

/* The opening handshake, blocking. What the relay sent behind it stays in c->rest. */
static void shake_hands(struct client *c, const struct target *t)
{
    char text[8192];
    size_t have = 0;
    const char *end = NULL;
    int n = snprintf(text, sizeof text,
                     "GET %s HTTP/1.1\r\nHost: %.*s\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: cmVsYXlfYmVuY2ggMDAwMQ==\r\n\r\n",
                     *t->path != '\0' ? t->path : "/", (int)(t->path - t->authority), t->authority);

    if (n >= (int)sizeof text || send(c->fd, text, (size_t)n, MSG_NOSIGNAL) != n)
        bench_die("%s: cannot send the handshake", t->authority);
    while (end == NULL && have < sizeof text) {
        ssize_t got = recv(c->fd, text + have, sizeof text - have, 0);

        if (got <= 0)
            bench_die("connection %zu to %s: no answer to the handshake", c->index, t->authority);
        have += (size_t)got;
        end = memmem(text, have, "\r\n\r\n", 4);
    }
    if (end == NULL || strncmp(text, "HTTP/1.1 101", 12) != 0)
        bench_die("connection %zu to %s: %.60s", c->index, t->authority, text);
    end += 4;
    buf_add(&c->rest, end, have - (size_t)(end - text));
}

static void client_open(struct pool *p, struct client *c, const struct target *t, size_t index)
{
    struct epoll_event interest = {.events = EPOLLIN, .data.ptr = c};

    c->index = index;
    buf_init(&c->out, 256 * MIB);
    buf_init(&c->rest, SCRATCH_BYTES);
    buf_init(&c->fragments, 16 * MIB);
    c->fd = connect_socket(t, index);
    shake_hands(c, t);
    c->open = true;
    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0 ||
        epoll_ctl(p->epoll, EPOLL_CTL_ADD, c->fd, &interest) != 0)
        bench_die("connection %zu: %s", index, strerror(errno));
}

void pool_open(struct pool *p, const struct options *o, size_t n, pool_text_fn *on_text)
{
    struct target target[BENCH_MAX_URLS];

    if (o->n_urls == 0)
        bench_die("--url is missing");
    for (size_t i = 0; i < o->n_urls; i++)
        target[i] = read_url(o->url[i]);
    *p = (struct pool){.n = n, .on_text = on_text, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    p->client = bench_calloc(n, sizeof *p->client);
    p->scratch = bench_calloc(1, SCRATCH_BYTES);
    for (size_t i = 0; i < n; i++)
        client_open(p, &p->client[i], &target[i % o->n_urls], i);
}

static void lose(struct pool *p, struct client *c, struct slice why)
{
    if (p->lost++ == 0)
        snprintf(p->farewell, sizeof p->farewell, "connection %zu: " SLICE_FMT, c->index,
                 SLICE_ARG(why));
    c->open = false;
    epoll_ctl(p->epoll, EPOLL_CTL_DEL, c->fd, NULL);
}

void pool_close(struct pool *p)
{
    for (size_t i = 0; i < p->n; i++) {
        struct client *c = &p->client[i];

        close(c->fd);
        buf_deinit(&c->out);
        buf_deinit(&c->rest);
        buf_deinit(&c->fragments);
    }
    close(p->epoll);
    free(p->client);
    free(p->scratch);
}

/* ---- writing ---- */

/* RFC 6455, 5.2: a whole message in one frame, masked with zero. */
static void add_frame_head(struct buf *out, enum opcode op, size_t len)
{
    unsigned char head[14] = {(unsigned char)(0x80 | op)};
    size_t extended = len < 126 ? 0 : len <= UINT16_MAX ? 2 : 8;

    head[1] = (unsigned char)(0x80 | (extended == 0 ? len : extended == 2 ? 126 : 127));
    for (size_t i = 0; i < extended; i++)
        head[2 + i] = (unsigned char)((uint64_t)len >> (8 * (extended - 1 - i)));
    buf_add(out, head, 2 + extended + 4);
}

static void check_out(const struct client *c)
{
    if (c->out.failed)
        bench_die("connection %zu: the relay does not read what it is sent", c->index);
}

void client_queue(struct client *c, struct slice head, struct slice body, struct slice tail)
{
    add_frame_head(&c->out, OP_TEXT, head.len + body.len + tail.len);
    buf_add_slice(&c->out, head);
    buf_add_slice(&c->out, body);
    buf_add_slice(&c->out, tail);
    check_out(c);
}

static void want_write(struct pool *p, struct client *c, bool wanted)
{
    struct epoll_event interest = {.events = EPOLLIN, .data.ptr = c};

    if (c->wants_write == wanted)
        return;
    c->wants_write = wanted;
    if (wanted)
        interest.events |= EPOLLOUT;
    epoll_ctl(p->epoll, EPOLL_CTL_MOD, c->fd, &interest);
}

void client_flush(struct pool *p, struct client *c)
{
    while (c->open && c->written < c->out.len) {
        ssize_t n = send(c->fd, c->out.ptr + c->written, c->out.len - c->written, MSG_NOSIGNAL);

        if (n > 0) {
            c->written += (size_t)n;
        } else if (errno == EAGAIN) {
            want_write(p, c, true);
            return;
        } else if (errno != EINTR) {
            lose(p, c, slice_str(strerror(errno)));
            return;
        }
    }
    buf_reset(&c->out);
    c->written = 0;
    if (c->open)
        want_write(p, c, false);
}

void client_send(struct pool *p, struct client *c, struct slice text)
{
    client_queue(c, text, SLICE(""), SLICE(""));
    client_flush(p, c);
}

/* ---- reading ---- */

struct frame {
    bool last; /* FIN */
    unsigned op;
    struct slice payload;
    size_t size; /* header and payload */
};

/* False while the frame has not arrived whole. */
static bool frame_read(const char *bytes, size_t n, struct frame *f)
{
    const unsigned char *h = (const unsigned char *)bytes;
    size_t head = 2;
    uint64_t len;

    if (n < head)
        return false;
    len = h[1] & 0x7f;
    if (len >= 126) {
        size_t extended = len == 126 ? 2 : 8;

        head += extended;
        if (n < head)
            return false;
        len = 0;
        for (size_t i = 0; i < extended; i++)
            len = len << 8 | h[2 + i];
    }
    if (len > SCRATCH_BYTES - head)
        bench_die("the relay sent a frame of %llu bytes", (unsigned long long)len);
    if (n - head < len)
        return false;
    *f = (struct frame){h[0] & 0x80, h[0] & 0x0f, slice_of(bytes + head, (size_t)len),
                        head + (size_t)len};
    if ((h[0] & 0x70) != 0 || (h[1] & 0x80) != 0)
        bench_die("the relay sent a frame with reserved bits or a mask");
    return true;
}

static void on_data_frame(struct pool *p, struct client *c, const struct frame *f)
{
    if (f->last && c->fragments.len == 0) {
        p->on_text(p, c, f->payload);
        return;
    }
    buf_add_slice(&c->fragments, f->payload);
    if (c->fragments.failed)
        bench_die("the relay sent a message over %zu bytes", c->fragments.cap);
    if (f->last) {
        p->on_text(p, c, buf_slice(&c->fragments));
        buf_reset(&c->fragments);
    }
}

static void on_close_frame(struct pool *p, struct client *c, struct slice payload)
{
    char why[140] = "closed without a code";

    if (payload.len >= 2)
        snprintf(why, sizeof why, "closed with %d %.*s",
                 (unsigned char)payload.ptr[0] << 8 | (unsigned char)payload.ptr[1],
                 (int)payload.len - 2, payload.ptr + 2);
    lose(p, c, slice_str(why));
}

static void on_frame(struct pool *p, struct client *c, const struct frame *f)
{
    switch (f->op) {
    case OP_CLOSE:
        on_close_frame(p, c, f->payload);
        break;
    case OP_PING:
        add_frame_head(&c->out, OP_PONG, f->payload.len);
        buf_add_slice(&c->out, f->payload);
        check_out(c);
        client_flush(p, c);
        break;
    case OP_PONG:
        break;
    default:
        on_data_frame(p, c, f);
    }
}

static void on_readable(struct pool *p, struct client *c)
{
    size_t have = c->rest.len, used = 0;
    struct frame f;
    ssize_t got;

    if (have > 0)
        memcpy(p->scratch, c->rest.ptr, have);
    got = recv(c->fd, p->scratch + have, SCRATCH_BYTES - have, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        lose(p, c, got == 0 ? SLICE("closed without a farewell") : slice_str(strerror(errno)));
        return;
    }
    have += (size_t)got;
    while (c->open && frame_read(p->scratch + used, have - used, &f)) {
        on_frame(p, c, &f);
        used += f.size;
    }
    buf_reset(&c->rest);
    buf_add(&c->rest, p->scratch + used, have - used);
}

bool pool_turn(struct pool *p, int timeout_ms)
{
    struct epoll_event ready[EVENTS_PER_TURN];
    int n = epoll_wait(p->epoll, ready, EVENTS_PER_TURN, timeout_ms);

    for (int i = 0; i < n; i++) {
        struct client *c = ready[i].data.ptr;

        if (ready[i].events & EPOLLOUT)
            client_flush(p, c);
        if (c->open && (ready[i].events & ~(uint32_t)EPOLLOUT))
            on_readable(p, c);
    }
    return n != 0; /* an interrupted wait has not been quiet either */
}

bool pool_run(struct pool *p, const bool *done, int quiet_ms)
{
    while (!*done && p->lost == 0)
        if (!pool_turn(p, quiet_ms))
            return false;
    return *done;
}
