#include "ws_wait.h"

#include "base/clock.h"
#include "interrupt.h"

enum { GOODBYE_MS = 1000 };

/* Waits until the client's socket or also_fd is ready, something is due, or the deadline (-1: none)
 * has come. Returns whether also_fd can be read. */
static bool wait_turn(const struct ws_client *c, int also_fd, int64_t deadline)
{
    int64_t left = deadline < 0 ? INT64_MAX : deadline - (int64_t)clock_mono_ms();
    int timeout;
    struct pollfd fds[] = {ws_client_poll(c, &timeout), {.fd = also_fd, .events = POLLIN}};
    struct timespec t;

    if (left < timeout)
        timeout = left < 0 ? 0 : (int)left;
    t = (struct timespec){.tv_sec = timeout / 1000, .tv_nsec = timeout % 1000 * 1000000L};
    return ppoll(fds, ARRAY_LEN(fds), &t, interrupt_mask()) > 0 && fds[1].revents != 0;
}

bool ws_wait_open(struct ws_client *c)
{
    struct slice none;

    while (!ws_client_is_open(c) && !interrupt_seen()) {
        if (ws_client_step(c, &none) == WS_LOST)
            return false;
        if (!ws_client_is_open(c))
            wait_turn(c, -1, -1);
    }
    return true; /* whoever is interrupted will hear of it when he waits for a message */
}

enum wait_result ws_wait_message(struct ws_client *c, int also_fd, int timeout_ms,
                                 struct slice *message)
{
    int64_t deadline = timeout_ms < 0 ? -1 : (int64_t)clock_mono_ms() + timeout_ms;

    for (;;) {
        enum ws_result result = ws_client_step(c, message);

        if (result != WS_WAITING)
            return result == WS_MESSAGE ? WAIT_MESSAGE : WAIT_LOST;
        if (deadline >= 0 && (int64_t)clock_mono_ms() >= deadline)
            return WAIT_TIMEOUT;
        if (wait_turn(c, also_fd, deadline))
            return WAIT_INPUT;
        if (interrupt_seen())
            return WAIT_INTERRUPTED;
    }
}

void ws_wait_close(struct ws_client *c)
{
    int64_t deadline = (int64_t)clock_mono_ms() + GOODBYE_MS;
    enum ws_result result = WS_WAITING;
    struct slice unread;

    if (!c)
        return;
    ws_client_close(c);
    while (result != WS_LOST && (int64_t)clock_mono_ms() < deadline) {
        result = ws_client_step(c, &unread);
        if (result == WS_WAITING)
            wait_turn(c, -1, deadline);
    }
    ws_client_free(c);
}
