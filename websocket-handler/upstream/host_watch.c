#include "upstream/host_watch.h"

#include <stdlib.h>
#include <string.h>

#include "ops/log.h"

enum {
    LOOK_AGAIN_MS = 2000,
    RETRY_MS = 500, /* while the name is not known */
    LOG_EVERY_MS = 10000,
};

struct host_watch {
    uv_loop_t *loop;
    uv_timer_t timer;
    uv_getaddrinfo_t request;
    bool resolving;
    bool closing, closed; /* asked to; and the timer is */
    host_found_fn *found;
    void *owner;
    struct log_gate gate;
    char host[];
};

static void look(uv_timer_t *timer);

static void free_when_closed(struct host_watch *hw)
{
    if (hw->closed && !hw->resolving)
        free(hw);
}

static bool has(const struct ip *list, unsigned n, const struct ip *ip)
{
    for (unsigned i = 0; i < n; i++)
        if (ip_eq(&list[i], ip))
            return true;
    return false;
}

/* Adds the addresses of one family, each once; returns how many there are then. */
static unsigned collect(const struct addrinfo *answer, int family, struct ip *list)
{
    unsigned n = 0;

    for (; answer && n < HOST_ADDRESSES; answer = answer->ai_next) {
        struct ip ip = ip_of_sockaddr(answer->ai_addr);

        if (answer->ai_family == family && !has(list, n, &ip))
            list[n++] = ip;
    }
    return n;
}

static void complain(struct host_watch *hw, int status)
{
    uint32_t suppressed;

    if (log_gate_open(&hw->gate, LOG_EVERY_MS, &suppressed))
        log_warn("upstream", "the event handler's name is not known",
                 "host=%s reason=\"%s\" suppressed=%u", hw->host,
                 status ? uv_strerror(status) : "no address", (unsigned)suppressed);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *answer)
{
    struct host_watch *hw = request->data;
    struct ip list[HOST_ADDRESSES];
    unsigned n = collect(answer, AF_INET, list);

    if (n == 0)
        n = collect(answer, AF_INET6, list);
    uv_freeaddrinfo(answer);
    hw->resolving = false;
    if (hw->closing) {
        free_when_closed(hw);
        return;
    }
    uv_timer_start(&hw->timer, look, n > 0 ? LOOK_AGAIN_MS : RETRY_MS, 0);
    if (n > 0)
        hw->found(hw->owner, list, n);
    else
        complain(hw, status);
}

static void look(uv_timer_t *timer)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct host_watch *hw = timer->data;
    int status = uv_getaddrinfo(hw->loop, &hw->request, on_resolved, hw->host, NULL, &hints);

    hw->resolving = status == 0;
    if (status == 0)
        return;
    complain(hw, status);
    uv_timer_start(&hw->timer, look, RETRY_MS, 0);
}

struct host_watch *host_watch_new(uv_loop_t *loop, const char *host, host_found_fn *found,
                                  void *owner)
{
    size_t n = strlen(host) + 1;
    struct host_watch *hw = calloc(1, sizeof *hw + n);

    if (!hw)
        return NULL;
    memcpy(hw->host, host, n);
    hw->loop = loop;
    hw->found = found;
    hw->owner = owner;
    uv_timer_init(loop, &hw->timer);
    hw->timer.data = hw->request.data = hw;
    uv_timer_start(&hw->timer, look, 0, 0);
    return hw;
}

static void on_closed(uv_handle_t *handle)
{
    struct host_watch *hw = handle->data;

    hw->closed = true;
    free_when_closed(hw);
}

void host_watch_close(struct host_watch *hw)
{
    if (!hw)
        return;
    hw->closing = true;
    if (hw->resolving)
        uv_cancel((uv_req_t *)&hw->request);
    uv_close((uv_handle_t *)&hw->timer, on_closed);
}
