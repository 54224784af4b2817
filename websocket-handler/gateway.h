#ifndef WEBSOCKET_HANDLER_GATEWAY_H
#define WEBSOCKET_HANDLER_GATEWAY_H
/*
 * One worker process: owns the loop and all that lives on it. Start, run until SIGTERM or SIGINT,
 * drain, stop.
 *
 *   SERVING
 *      | SIGTERM or SIGINT
 *   UNREADY     for WS_UNREADY_SECONDS
 *      |
 *   CLOSING     until all clients have been told, spread over WS_SHUTDOWN_SECONDS; each of them is
 *      |        served until its turn comes, and then gets the OKs that it waits for
 *   LEAVING     until all are gone; then run returns
 *
 * From UNREADY on /readyz says no, so that a balancer stops sending clients here while those whom
 * it still sends are served. From CLOSING on nobody is accepted. The way from the signal to the end
 * takes less than 10 seconds, whatever the clients do.
 */
#include <uv.h>

#include "conn/listener.h"
#include "conn/plain_http.h"
#include "control/control.h"
#include "live/live.h"

struct config;
struct limits;
struct upstream;

enum gateway_phase {
    GATEWAY_SERVING,
    GATEWAY_UNREADY,
    GATEWAY_CLOSING,
    GATEWAY_LEAVING,
};

struct gateway {
    uv_loop_t loop;
    struct config *cfg;
    struct site site;
    struct upstream *upstream;
    struct live *live;
    struct limits *limits;
    struct live_watch live_watch;
    struct control *control;
    struct control_watch control_watch;
    struct listener public, metrics;
    uv_signal_t on_term, on_int, on_hup;
    uv_timer_t drain_clock;
    enum gateway_phase phase;
    uint64_t drain_began_ms;
    uint64_t closing_began_ms;
    size_t to_dismiss, dismissed; /* clients, in CLOSING */
};

/* Takes over both sockets; metrics_fd is -1 where another worker serves the metrics. Logs what
 * fails. cfg must outlive the gateway. */
NODISCARD enum err gateway_start(struct gateway *g, struct config *cfg, int public_fd,
                                 int metrics_fd);
void gateway_run(struct gateway *g);
void gateway_stop(struct gateway *g);

#endif
