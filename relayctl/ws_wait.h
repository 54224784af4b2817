#ifndef RELAYCTL_WS_WAIT_H
#define RELAYCTL_WS_WAIT_H
/* Waiting for one WebSocket client, which itself never does (client/ws_client.h), in a program that
 * may end on Ctrl-C (interrupt.h). One thread. */
#include "client/ws_client.h"

enum wait_result {
    WAIT_MESSAGE, /* *message is good until the next call */
    WAIT_INPUT,   /* also_fd can be read */
    WAIT_TIMEOUT,
    WAIT_INTERRUPTED,
    WAIT_LOST, /* ws_client_error() tells why */
};

/* Waits until the connection stands; false when it does not, which ws_client_error() explains. */
NODISCARD bool ws_wait_open(struct ws_client *c);
/* Sends what is queued and waits for the first of the above. also_fd may be -1, timeout_ms -1. */
enum wait_result ws_wait_message(struct ws_client *c, int also_fd, int timeout_ms,
                                 struct slice *message);
/* Says goodbye, waits a second at most for the relay's, and frees c. NULL is fine. */
void ws_wait_close(struct ws_client *c);

#endif
