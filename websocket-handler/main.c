/*
 * The front end: WebSocket clients on one side, event handlers and Redis on the other.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "config.h"
#include "gateway.h"
#include "healthcheck.h"
#include "metrics.h"
#include "ops/log.h"
#include "otel/otel.h"
#include "supervisor.h"

#ifndef TANDEM_VERSION
#define TANDEM_VERSION "0.0.0"
#endif

static int print(void (*write)(struct buf *))
{
    struct buf out;

    buf_init(&out, 1 * MIB);
    write(&out);
    fwrite(out.ptr, 1, out.len, stdout);
    buf_deinit(&out);
    return EX_OK;
}

static void write_help(struct buf *out)
{
    buf_add_str(out, "Usage: websocket-handler [option]\n\n"
                     "Tandem's front end: serves Nostr clients over WebSocket.\n\n"
                     "  --check-config      check the settings and exit\n"
                     "  --config-markdown   print the settings as docs/CONFIG.md has them\n"
                     "  --healthcheck       ask the relay on this machine whether it is alive\n"
                     "  --help              this text\n"
                     "  --version           print the version\n\n");
    config_help(out);
}

/* One worker process, from the start of its loop to the end. */
static int serve(struct config *cfg, unsigned worker, int public_fd, int metrics_fd)
{
    struct gateway gateway;

    if (!otel_start(
            &(struct otel_options){.endpoint = cfg->shared.otel_endpoint,
                                   .headers = cfg->shared.otel_headers,
                                   .service = "websocket-handler",
                                   .port = cfg->ws_port,
                                   .sample_ratio = cfg->shared.otel_ratio,
                                   .metric_interval_ms = cfg->shared.otel_metric_interval_ms,
                                   .with_metrics = worker == 0}))
        return EX_UNAVAILABLE;
    if (gateway_start(&gateway, cfg, public_fd, metrics_fd) != OK)
        return EX_UNAVAILABLE;
    gateway_run(&gateway);
    gateway_stop(&gateway);
    otel_stop();
    return EX_OK;
}

static int run(const char *option)
{
    struct config cfg;
    int status = EX_OK;

    signal(SIGHUP, SIG_IGN); /* until there is somebody who reads the settings again */
    if (config_load(&cfg) != OK)
        return EXIT_BAD_CONFIG;
    if (strcmp(option, "--check-config") == 0) {
        puts("The settings are fine.");
    } else if (strcmp(option, "--healthcheck") == 0) {
        status = healthcheck(&cfg) ? EX_OK : 1;
    } else {
        log_open("websocket-handler", cfg.shared.log_levels,
                 (enum log_format)cfg.shared.log_format);
        websocket_handler_metrics_open((unsigned)cfg.workers);
        private_kinds_configure(cfg.shared.private_kinds);
        status = supervisor_run(&cfg, serve);
    }
    config_free(&cfg);
    return status;
}

int main(int argc, char **argv)
{
    const char *option = argc > 1 ? argv[1] : "";

    if (strcmp(option, "--help") == 0)
        return print(write_help);
    if (strcmp(option, "--config-markdown") == 0)
        return print(config_markdown);
    if (strcmp(option, "--version") == 0)
        return puts("websocket-handler " TANDEM_VERSION) < 0;
    if (argc > 2 || (argc == 2 && strcmp(option, "--check-config") != 0 &&
                     strcmp(option, "--healthcheck") != 0)) {
        fprintf(stderr, "websocket-handler: unknown option; see --help\n");
        return EX_USAGE;
    }
    return run(option);
}
