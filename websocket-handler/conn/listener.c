#include "conn/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn/conns.h"
#include "metrics.h"
#include "ops/log.h"

enum {
    BACKLOG = 4096,         /* clients come back all at once after a restart */
    ACCEPTS_PER_TURN = 128, /* and must not keep those who are there already from being served */
    GATE_MS = 10000,
};

static enum err resolve(const char *host, int64_t port, struct addrinfo **out)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    char service[24];
    int rc;

    snprintf(service, sizeof(service), "%lld", (long long)port);
    rc = getaddrinfo(host[0] ? host : NULL, service, &hints, out);
    if (rc == 0)
        return OK;
    log_error("listener", "host is not an address", "host=%s error=\"%s\"", host, gai_strerror(rc));
    return ERR_CONFIG;
}

static int bind_one(const struct addrinfo *address, bool shared)
{
    int on = 1, off = 0;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (shared)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (address->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* accepted sockets inherit it */
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    close(fd);
    return -1;
}

/*
 * Sockets that share a port would also share it, silently, with another relay that was started by
 * mistake. So the first one is tried alone.
 */
static bool bind_all(const struct addrinfo *address, int *fds, size_t n)
{
    int probe = bind_one(address, false);

    if (probe < 0 || n == 1) {
        fds[0] = probe;
        return probe >= 0;
    }
    close(probe);
    for (size_t i = 0; i < n; i++) {
        fds[i] = bind_one(address, true);
        if (fds[i] >= 0)
            continue;
        while (i-- > 0)
            close(fds[i]);
        return false;
    }
    return true;
}

enum err listener_bind(const char *host, int64_t port, int *fds, size_t n)
{
    struct addrinfo *addresses;
    enum err err = resolve(host, port, &addresses);
    bool bound;

    if (err)
        return err;
    bound = bind_all(addresses, fds, n);
    if (!bound)
        log_error("listener", "cannot listen", "host=%s port=%lld error=\"%s\"", host,
                  (long long)port, strerror(errno));
    freeaddrinfo(addresses);
    return bound ? OK : ERR_CONFIG;
}

static int open_spare(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/*
 * No descriptor is left. Left in the backlog, a client would wait without an answer, and the loop
 * would be woken for it for ever. So the spare descriptor makes room to take it and turn it away.
 */
static bool turn_away(struct listener *l)
{
    uint32_t suppressed;
    int fd;

    if (l->spare_fd >= 0)
        close(l->spare_fd);
    fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        close(fd);
    l->spare_fd = open_spare();
    if (fd < 0)
        return false; /* nobody is waiting */
    metric_add(M_CONNECTIONS_REFUSED, REFUSED_FILES, 1);
    if (log_gate_open(&l->gate, GATE_MS, &suppressed))
        log_error("listener", "out of file descriptors, turning clients away", "suppressed=%u",
                  suppressed);
    return true;
}

static void on_connection(uv_poll_t *handle, int status, int events)
{
    struct listener *l = container_of(handle, struct listener, poll);

    (void)events;
    if (status < 0) {
        log_error("listener", "the listening socket failed", "error=\"%s\"", uv_strerror(status));
        return;
    }
    for (int i = 0; i < ACCEPTS_PER_TURN && l->open; i++) {
        int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0)
            conns_accept(fd, l->port);
        else if (errno == EMFILE || errno == ENFILE ? !conns_make_room() && !turn_away(l)
                                                    : errno != ECONNABORTED)
            return;
    }
}

enum err listener_open(struct listener *l, uv_loop_t *loop, int fd, enum http_port port)
{
    *l = (struct listener){.fd = fd, .spare_fd = open_spare(), .port = port, .open = true};
    if (uv_poll_init(loop, &l->poll, fd) != 0)
        return ERR_IO;
    return uv_poll_start(&l->poll, UV_READABLE, on_connection) == 0 ? OK : ERR_IO;
}

void listener_close(struct listener *l)
{
    if (!l->open)
        return;
    l->open = false;
    uv_close((uv_handle_t *)&l->poll, NULL);
    close(l->fd);
    if (l->spare_fd >= 0)
        close(l->spare_fd);
}
