#include "healthcheck.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/cidr.h"
#include "config.h"

enum { TIMEOUT_SECONDS = 3 };

/* An address that means "all of them" is reached over loopback. */
static const char *reachable(const char *host)
{
    if (host[0] == '\0' || strcmp(host, "0.0.0.0") == 0)
        return "127.0.0.1";
    return strcmp(host, "::") == 0 ? "::1" : host;
}

static int connect_to(const char *host, int64_t port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *address;
    struct timeval limit = {.tv_sec = TIMEOUT_SECONDS};
    char service[24];
    int fd;

    snprintf(service, sizeof(service), "%lld", (long long)port);
    if (getaddrinfo(host, service, &hints, &address) != 0)
        return -1;
    fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)); /* bounds connect() too */
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        if (connect(fd, address->ai_addr, address->ai_addrlen) < 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(address);
    return fd;
}

/* Where this machine is a trusted proxy too, we must speak like one. */
static bool needs_announcement(const struct config *cfg, int fd)
{
    struct sockaddr_storage own = {0};
    socklen_t len = sizeof(own);
    struct cidr_list proxies;
    struct buf error;
    struct ip ip;
    bool needs;

    if (!cfg->proxy_protocol || getsockname(fd, (struct sockaddr *)&own, &len) < 0)
        return false;
    ip = ip_of_sockaddr((const struct sockaddr *)&own);
    buf_init(&error, KIB);
    needs = cidr_list_parse(slice_str(cfg->trusted_proxies), &proxies, &error) &&
            cidr_list_has(&proxies, &ip);
    cidr_list_deinit(&proxies);
    buf_deinit(&error);
    return needs;
}

static bool send_text(int fd, const char *text)
{
    size_t n = strlen(text);

    return send(fd, text, n, MSG_NOSIGNAL) == (ssize_t)n;
}

bool healthcheck(const struct config *cfg)
{
    static const char wanted[] = "HTTP/1.1 200 ";
    char answer[sizeof(wanted) - 1];
    int fd = connect_to(reachable(cfg->ws_host), cfg->ws_port);
    bool healthy;

    if (fd < 0) {
        fprintf(stderr, "healthcheck: cannot connect: %s\n", strerror(errno));
        return false;
    }
    healthy = (!needs_announcement(cfg, fd) || send_text(fd, "PROXY UNKNOWN\r\n")) &&
              send_text(fd, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n") &&
              recv(fd, answer, sizeof(answer), MSG_WAITALL) == (ssize_t)sizeof(answer) &&
              memcmp(answer, wanted, sizeof(answer)) == 0;
    if (!healthy)
        fprintf(stderr, "healthcheck: no healthy answer\n");
    close(fd);
    return healthy;
}
