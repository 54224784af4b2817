#include "gateway.h"

#include <signal.h>

#include "config.h"
#include "conn/conns.h"
#include "limit/limits.h"
#include "live/fanout.h"
#include "live/live.h"
#include "manage/manage_proxy.h"
#include "ops/log.h"
#include "session/session.h"
#include "upstream/handler_metrics.h"
#include "upstream/upstream.h"

enum {
    DRAIN_TICK_MS = 50,
    SETTLE_MS = 1500, /* at most this long for the event handler's last verdicts */
    CATCH_UP = 2,    /* after a stall: times as many clients per tick as planned, not all at once */
    DRAIN_MS = 9000, /* then whoever is left is cut */
};

/* ---- /readyz ---- */

static enum health probe_process(const struct gateway *g, const char **reason)
{
    if (g->phase == GATEWAY_SERVING)
        return HEALTH_OK;
    *reason = "shutting down";
    return HEALTH_DOWN;
}

static enum health probe_event_handler(const struct gateway *g, const char **reason)
{
    return upstream_ready(g->upstream, reason) ? HEALTH_OK : HEALTH_DOWN;
}

static enum health probe_live(const struct gateway *g, const char **reason)
{
    if (!live_ready(g->live, reason))
        return HEALTH_DOWN;
    return *reason ? HEALTH_DEGRADED : HEALTH_OK;
}

static enum health probe_control(const struct gateway *g, const char **reason)
{
    if (!control_ready(g->control, reason))
        return HEALTH_DOWN;
    *reason = control_contradicts(control_current(g->control), &g->cfg->shared);
    return *reason ? HEALTH_DEGRADED : HEALTH_OK;
}

static const struct health_check checks[] = {
    {"process", probe_process},
    {"upstream", probe_event_handler},
    {"live", probe_live},
    {"control", probe_control},
};

static struct slice look_at_handler_metrics(const struct gateway *g)
{
    return handler_metrics_look(g->upstream->metrics);
}

/* ---- moderation ---- */

static void on_control_heard(struct live_watch *watch, uint64_t version)
{
    control_heard(container_of(watch, struct gateway, live_watch)->control, version);
}

static void on_restarted(struct live_watch *watch)
{
    control_restarted(container_of(watch, struct gateway, live_watch)->control);
}

static void on_control_changed(struct control_watch *watch, const struct control_state *state)
{
    struct gateway *g = container_of(watch, struct gateway, control_watch);
    const char *contradiction = control_contradicts(state, &g->cfg->shared);

    if (contradiction)
        log_warn("control", contradiction, "");
    site_set_control(&g->site, state);
    fanout_set_control(live_fanout(g->live), state);
    session_set_control(state);
}

/* ---- draining ---- */

static void enter(struct gateway *g, enum gateway_phase phase)
{
    static const char *const names[] = {"serving", "unready", "closing", "leaving"};

    assert(phase == g->phase + 1);
    g->phase = phase;
    log_info("gateway", "phase", "name=%s clients=%zu", names[phase], conns_clients());
}

static void stop_taking(struct gateway *g, uint64_t now)
{
    if (now - g->drain_began_ms < (uint64_t)g->cfg->unready_seconds * 1000)
        return;
    enter(g, GATEWAY_CLOSING);
    g->closing_began_ms = now;
    g->to_dismiss = conns_clients();
    listener_close(&g->public);
    conns_drain();
}

/* How many more clients should go now, so that they come back spread over the same time. */
static size_t clients_due(const struct gateway *g, uint64_t passed_ms, uint64_t spread_ms)
{
    size_t due, most;

    if (spread_ms == 0 || passed_ms >= spread_ms + SETTLE_MS)
        return g->to_dismiss - g->dismissed;
    due = passed_ms < spread_ms ? (size_t)(g->to_dismiss * passed_ms / spread_ms) : g->to_dismiss;
    most = (size_t)(g->to_dismiss * DRAIN_TICK_MS * CATCH_UP / spread_ms) + 1;
    return due - g->dismissed < most ? due - g->dismissed : most;
}

static void close_clients(struct gateway *g, uint64_t now)
{
    uint64_t spread_ms = (uint64_t)g->cfg->shutdown_spread_seconds * 1000;
    uint64_t passed_ms = now - g->closing_began_ms;
    size_t due = clients_due(g, passed_ms, spread_ms);

    conns_dismiss(due);
    g->dismissed += due;
    conns_close_dismissed(passed_ms >= spread_ms + SETTLE_MS);
    if (conns_clients() == 0)
        enter(g, GATEWAY_LEAVING);
}

/* What was taken from clients that have gone since is sent nevertheless. */
static bool may_leave(const struct gateway *g)
{
    return g->phase == GATEWAY_LEAVING && conns_count() == 0 && upstream_idle(g->upstream);
}

static void on_drain_clock(uv_timer_t *timer)
{
    struct gateway *g = timer->data;
    uint64_t now = uv_now(&g->loop);

    if (g->phase == GATEWAY_UNREADY)
        stop_taking(g, now);
    if (g->phase == GATEWAY_CLOSING)
        close_clients(g, now);
    if (may_leave(g) || now - g->drain_began_ms > DRAIN_MS)
        uv_stop(&g->loop);
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct gateway *g = handle->data;

    if (g->phase != GATEWAY_SERVING)
        return;
    log_info("gateway", "draining", "signal=%d", signum);
    enter(g, GATEWAY_UNREADY);
    g->drain_began_ms = uv_now(&g->loop);
    uv_timer_start(&g->drain_clock, on_drain_clock, 0, DRAIN_TICK_MS);
}

/* ---- start and stop ---- */

static enum err listen_on(struct listener *l, struct gateway *g, int fd, enum http_port port)
{
    enum err err = listener_open(l, &g->loop, fd, port);

    if (err)
        log_error("gateway", "cannot serve a port", "fd=%d", fd);
    return err;
}

/* Settings that are looked at whenever they matter change by themselves; the information document
 * is written anew. */
static void on_hangup(uv_signal_t *handle, int signum)
{
    struct gateway *g = handle->data;

    (void)signum;
    if (!config_reload(g->cfg)) {
        log_error("settings", "not read: they stay as they were", "");
        return;
    }
    log_set_levels(g->cfg->shared.log_levels);
    site_set_control(&g->site, control_current(g->control));
}

static void watch_signals(struct gateway *g)
{
    signal(SIGPIPE, SIG_IGN);
    uv_signal_init(&g->loop, &g->on_term);
    uv_signal_init(&g->loop, &g->on_int);
    uv_signal_init(&g->loop, &g->on_hup);
    uv_timer_init(&g->loop, &g->drain_clock);
    g->on_term.data = g->on_int.data = g->on_hup.data = g->drain_clock.data = g;
    uv_signal_start(&g->on_term, on_signal, SIGTERM);
    uv_signal_start(&g->on_int, on_signal, SIGINT);
    uv_signal_start(&g->on_hup, on_hangup, SIGHUP);
}

enum err gateway_start(struct gateway *g, struct config *cfg, int public_fd, int metrics_fd)
{
    enum err err;

    *g = (struct gateway){.cfg = cfg};
    if (uv_loop_init(&g->loop) != 0)
        return ERR_NOMEM;
    watch_signals(g);
    err = site_init(&g->site, cfg, g, checks, ARRAY_LEN(checks));
    if (err)
        return err;
    conn_set_ops(&session_conn_ops);
    err = conns_open(&g->loop, &g->site);
    if (err)
        return err;
    g->upstream = upstream_start(&g->loop, cfg);
    if (!g->upstream)
        return ERR_NOMEM;
    g->live_watch = (struct live_watch){.control = on_control_heard, .restarted = on_restarted};
    g->live = live_start(&g->loop, cfg, g->upstream->client, &g->live_watch);
    if (!g->live)
        return ERR_NOMEM;
    g->site.handler_metrics = look_at_handler_metrics;
    g->control_watch.changed = on_control_changed;
    g->control = control_start(&g->loop, g->upstream->client, &g->control_watch);
    if (!g->control)
        return ERR_NOMEM;
    err = limits_start(&g->loop, cfg, &g->limits);
    if (err)
        return err;
    conns_set_limits(g->limits);
    manage_proxy_open(g->upstream->client);
    conn_set_rpc_ops(&manage_proxy_ops);
    session_setup(&(struct session_env){
        .limits = g->limits, .cfg = cfg, .upstream = g->upstream, .live = g->live});
    err = listen_on(&g->public, g, public_fd, HTTP_PUBLIC);
    if (!err && metrics_fd >= 0)
        err = listen_on(&g->metrics, g, metrics_fd, HTTP_METRICS);
    return err;
}

void gateway_run(struct gateway *g)
{
    log_info("gateway", "serving", "host=%s port=%lld", g->cfg->ws_host,
             (long long)g->cfg->ws_port);
    uv_run(&g->loop, UV_RUN_DEFAULT);
}

void gateway_stop(struct gateway *g)
{
    listener_close(&g->public);
    listener_close(&g->metrics);
    conns_close();
    manage_proxy_close();
    limits_stop(g->limits);
    live_stop(g->live);
    control_stop(g->control);
    upstream_stop(g->upstream);
    session_teardown();
    uv_close((uv_handle_t *)&g->on_term, NULL);
    uv_close((uv_handle_t *)&g->on_int, NULL);
    uv_close((uv_handle_t *)&g->on_hup, NULL);
    uv_close((uv_handle_t *)&g->drain_clock, NULL);
    uv_run(&g->loop, UV_RUN_DEFAULT); /* the close callbacks */
    conns_deinit();
    site_deinit(&g->site);
    uv_loop_close(&g->loop);
    log_info("gateway", "stopped", "clients=%zu", conns_clients());
}
