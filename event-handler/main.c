/*
 * The event handler, from start to stop. Signals are taken by this thread alone: every other thread
 * starts with them blocked, and waiting for one is also how this thread sleeps.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "access/access.h"
#include "access/control.h"
#include "access/mod_lists_store.h"
#include "access/relay_key.h"
#include "access/watcher.h"
#include "api/server.h"
#include "config.h"
#include "ingest/ingest.h"
#include "limits/limits.h"
#include "manage/manage.h"
#include "metrics.h"
#include "nostr/verify.h"
#include "ops/backoff.h"
#include "ops/log.h"
#include "otel/otel.h"
#include "query/query.h"
#include "store/migrate.h"
#include "trust/trust_builder.h"
#include "trust/trust_store.h"

enum {
    RETRY_FIRST_MS = 100,
    RETRY_MOST_MS = 2000,
    DRAIN_MS = 3000,  /* for requests in progress; then */
    FLUSH_MS = 3000,  /* for events that were taken in */
    STOP_SECONDS = 9, /* for all of it, whatever hangs */
};

struct event_handler {
    struct config cfg;            /* of the start */
    const struct config *current; /* with what SIGHUP has changed since */
    struct config **reloaded;     /* all that SIGHUP has made */
    size_t n_reloaded;
    struct access *access;
    struct limits *limits;
    struct relay_key *relay_key;
    struct watcher *watcher;
    struct trust_builder *trust;
    struct api *api;
    struct ingest *ingest;
    struct query_pool *queries;
    struct manage *manage;
};

/* ---- signals ---- */

static sigset_t stop_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

static void set_up_signals(void)
{
    sigset_t set = stop_signals();

    signal(SIGPIPE, SIG_IGN);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Reads the settings again. Those before stay in memory, since whoever judges an event right now
 * may still look at them. */
static void reload(struct event_handler *eh)
{
    struct config *fresh = config_reload(eh->current), **grown;

    if (!fresh) {
        log_error("settings", "not read: they stay as they were", "");
        return;
    }
    grown = realloc(eh->reloaded, (eh->n_reloaded + 1) * sizeof(struct config *));
    if (!grown || !access_set_config(eh->access, fresh)) {
        log_error("settings", "not enough memory: they stay as they were", "");
        eh->reloaded = grown ? grown : eh->reloaded;
        config_free(fresh);
        free(fresh);
        return;
    }
    eh->reloaded = grown;
    eh->reloaded[eh->n_reloaded++] = fresh;
    eh->current = fresh;
    log_set_levels(fresh->shared.log_levels);
}

static void wait_for_stop(struct event_handler *eh)
{
    sigset_t set = stop_signals();
    int which = 0;

    sigaddset(&set, SIGHUP);
    while (sigwait(&set, &which) != 0 || which == SIGHUP) {
        if (which == SIGHUP)
            reload(eh);
    }
    log_info("main", "stopping", "signal=%d", which);
}

static void free_reloaded(struct event_handler *eh)
{
    for (size_t i = 0; i < eh->n_reloaded; i++) {
        config_free(eh->reloaded[i]);
        free(eh->reloaded[i]);
    }
    free(eh->reloaded);
}

/* Sleeps; true when it is time to stop. */
static bool stop_within(uint32_t ms)
{
    sigset_t set = stop_signals();
    struct timespec patience = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    return sigtimedwait(&set, NULL, &patience) > 0;
}

/* ---- the schema ---- */

enum schema_state { SCHEMA_READY, SCHEMA_STOPPED, SCHEMA_UNUSABLE };

/* The last good generation serves from the start. */
static enum err load_trust(struct event_handler *eh, struct db *db)
{
    struct trust_table *t = NULL;
    uint64_t generation;
    enum err err = trust_store_newest(db, &generation);

    if (!err && generation > 0)
        err = trust_store_load(db, generation, &t);
    if (err || !t)
        return err;
    return access_set_trust(eh->access, t) ? OK : ERR_NOMEM;
}

/* What must be known before anything is served: nobody is to see for a moment what is banned. */
static enum err load_access(struct event_handler *eh, struct db *db)
{
    struct mod_lists *lists;
    uint64_t version;
    enum err err = db_ready(db);

    if (!err && !eh->relay_key)
        err = relay_key_load(db, eh->cfg.relay_secret_key, &eh->relay_key);
    if (!err)
        err = mod_lists_load(db, &lists);
    if (err)
        return err;
    access_set_relay(eh->access, eh->relay_key);
    version = lists->version;
    if (!access_set_lists(eh->access, lists))
        return ERR_NOMEM;
    control_version_set(version);
    return eh->cfg.wot_enabled ? load_trust(eh, db) : OK;
}

/* Waits for the database, and brings its schema up to date. */
static enum schema_state prepare_schema(struct event_handler *eh)
{
    struct db_target target = config_write_target(&eh->cfg, "migrate");
    struct backoff backoff;
    struct db db;
    enum err err;

    backoff_init(&backoff, RETRY_FIRST_MS, RETRY_MOST_MS);
    db_init(&db, &target, NULL);
    while (((err = migrate(&db)) != OK || (err = load_access(eh, &db)) != OK) &&
           err != ERR_CONFIG && !stop_within(backoff_next(&backoff)))
        continue;
    db_deinit(&db);
    if (err == ERR_CONFIG)
        return SCHEMA_UNUSABLE;
    return err ? SCHEMA_STOPPED : SCHEMA_READY;
}

/* ---- boot and stop ---- */

static struct manage *start_manage(struct event_handler *eh)
{
    return manage_start(&(struct manage_setup){&eh->cfg, eh->access, eh->ingest});
}

static void on_control(void *ctx)
{
    struct event_handler *eh = ctx;

    ingest_beat(eh->ingest);
}

static struct watcher *start_watcher(struct event_handler *eh)
{
    return watcher_start(&(struct watcher_setup){&eh->cfg, eh->access, on_control, eh});
}

static bool start_trust(struct event_handler *eh)
{
    struct access_view *view = access_acquire(eh->access);
    bool lacks_admin = access_lacks_admin(view);

    access_release(view);
    if (lacks_admin)
        log_error("main",
                  "all writes are refused: set ADMIN_PUBKEY to your public key, or "
                  "WOT_ENABLED=False",
                  "");
    if (!eh->cfg.wot_enabled || lacks_admin)
        return true;
    eh->trust = trust_builder_start(&eh->cfg, eh->access);
    return eh->trust != NULL;
}

static int serve(struct event_handler *eh)
{
    if (limits_start(&eh->cfg, &eh->limits) == OK)
        eh->ingest = ingest_start(&eh->cfg, eh->access, eh->limits);
    eh->queries = eh->ingest ? query_pool_start(&eh->cfg, eh->access) : NULL;
    eh->manage = eh->queries ? start_manage(eh) : NULL;
    eh->watcher = eh->manage ? start_watcher(eh) : NULL;
    if (!eh->watcher || !start_trust(eh)) {
        log_error("main", "cannot start threads", "");
        return EXIT_FAILURE;
    }
    api_open(eh->api, &(struct api_parts){eh->access, eh->ingest, eh->queries, eh->manage});
    log_info("main", "ready", "version=%s port=%d", TANDEM_VERSION, (int)eh->cfg.port);
    wait_for_stop(eh);
    return EXIT_SUCCESS;
}

/* A database that hangs holds its threads. Nothing acknowledged is lost by not waiting for them. */
static void on_overdue(int signal)
{
    static const char line[] = "event-handler: something hangs; stopped without waiting for it\n";

    (void)signal;
    (void)!write(STDERR_FILENO, line, sizeof line - 1);
    _exit(EXIT_FAILURE);
}

static void stop(struct event_handler *eh)
{
    signal(SIGALRM, on_overdue);
    alarm(STOP_SECONDS);
    api_drain(eh->api, DRAIN_MS);
    if (eh->queries)
        query_pool_stop(eh->queries);
    if (!trust_builder_stop(eh->trust, FLUSH_MS) || !watcher_stop(eh->watcher, FLUSH_MS) ||
        !manage_stop(eh->manage, FLUSH_MS) || (eh->ingest && !ingest_stop(eh->ingest, FLUSH_MS)))
        _exit(EXIT_FAILURE); /* requests wait for it for ever: MHD could not be stopped */
    manage_free(eh->manage);
    watcher_free(eh->watcher);
    trust_builder_free(eh->trust);
    api_stop(eh->api);
    limits_stop(eh->limits);
    access_free(eh->access);
    relay_key_free(eh->relay_key);
    free_reloaded(eh);
}

static int run(struct event_handler *eh)
{
    int status = EXIT_SUCCESS;

    eh->current = &eh->cfg;
    log_open("event-handler", eh->cfg.shared.log_levels,
             (enum log_format)eh->cfg.shared.log_format);
    event_handler_metrics_open();
    private_kinds_configure(eh->cfg.shared.private_kinds);
    verify_setup();
    if (!otel_start(
            &(struct otel_options){.endpoint = eh->cfg.shared.otel_endpoint,
                                   .headers = eh->cfg.shared.otel_headers,
                                   .service = "event-handler",
                                   .port = eh->cfg.port,
                                   .sample_ratio = eh->cfg.shared.otel_ratio,
                                   .metric_interval_ms = eh->cfg.shared.otel_metric_interval_ms,
                                   .with_metrics = true}))
        return EXIT_FAILURE;
    eh->access = access_new(&eh->cfg);
    eh->api = eh->access ? api_start(&eh->cfg) : NULL;
    if (!eh->api)
        return EXIT_FAILURE;
    switch (prepare_schema(eh)) {
    case SCHEMA_READY:
        status = serve(eh);
        break;
    case SCHEMA_STOPPED:
        break;
    case SCHEMA_UNUSABLE:
        status = EXIT_FAILURE;
        break;
    }
    stop(eh);
    otel_stop();
    log_info("main", "stopped", "status=%d", status);
    return status;
}

/* ---- the command line ---- */

static int print(void (*write)(struct buf *))
{
    struct buf out;

    buf_init(&out, MIB);
    write(&out);
    fwrite(out.ptr, 1, out.len, stdout);
    buf_deinit(&out);
    return EXIT_SUCCESS;
}

static void write_help(struct buf *out)
{
    buf_add_str(out,
                "Usage: event-handler [option]\n\n"
                "Tandem's event handler: checks, stores and finds the events of a relay.\n\n"
                "  --check-config      check the settings and exit\n"
                "  --config-markdown   print the settings as docs/CONFIG.md has them\n"
                "  --healthcheck       ask the event handler on this machine whether it is alive\n"
                "  --help              this text\n"
                "  --version           print the version\n\n");
    config_help(out);
}

enum mode { MODE_RUN, MODE_CHECK, MODE_HEALTHCHECK };

static int with_config(enum mode mode)
{
    struct event_handler eh = {0};
    int status = EXIT_SUCCESS;

    if (mode == MODE_RUN)
        set_up_signals(); /* reading the settings may take seconds: SIGHUP waits for it */
    if ((mode == MODE_HEALTHCHECK ? config_load_plain(&eh.cfg) : config_load(&eh.cfg)) != OK)
        status = EXIT_BAD_CONFIG; /* which names the setting */
    else if (mode == MODE_CHECK)
        puts("the settings are good");
    else if (mode == MODE_HEALTHCHECK)
        status = api_healthcheck(&eh.cfg) ? EXIT_SUCCESS : EXIT_FAILURE;
    else
        status = run(&eh);
    config_free(&eh.cfg);
    return status;
}

int main(int argc, char **argv)
{
    const char *option = argc == 2 ? argv[1] : "";

    if (argc == 1)
        return with_config(MODE_RUN);
    if (strcmp(option, "--help") == 0)
        return print(write_help);
    if (strcmp(option, "--version") == 0)
        return puts("event-handler " TANDEM_VERSION) < 0;
    if (strcmp(option, "--config-markdown") == 0)
        return print(config_markdown);
    if (strcmp(option, "--check-config") == 0)
        return with_config(MODE_CHECK);
    if (strcmp(option, "--healthcheck") == 0)
        return with_config(MODE_HEALTHCHECK);
    fprintf(stderr, "event-handler: unknown arguments, try --help\n");
    return 64;
}
