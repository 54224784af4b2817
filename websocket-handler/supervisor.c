#include "supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "config.h"
#include "conn/listener.h"
#include "metrics.h"
#include "ops/backoff.h"
#include "ops/log.h"

enum {
    MAX_WORKERS = 64,
    RESTART_FIRST_MS = 100,
    RESTART_MOST_MS = 10000,
    HEALTHY_MS = 30000, /* a worker that lived this long starts over with short pauses */
    STOP_MS = 10000,    /* then a worker that still has not stopped is killed */
    OTHER_FILES = 256,  /* descriptors that are no clients */
};

struct worker {
    pid_t pid; /* 0: not running */
    uint64_t started_ms;
    uint64_t start_at_ms; /* when not running */
    struct backoff backoff;
    int public_fd;
};

struct supervisor {
    struct config *cfg;
    worker_fn *run;
    struct worker workers[MAX_WORKERS];
    unsigned n;
    int metrics_fd; /* -1: not served */
    sigset_t waited, before;
};

/* As many open files as the system allows. Too few are a reason to say so, never to give up. */
static void raise_file_limit(const struct config *cfg)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)cfg->max_connections + OTHER_FILES;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < wanted)
        log_warn("supervisor", "fewer open files allowed than WS_MAX_CONNECTIONS needs",
                 "allowed=%llu needed=%llu", (unsigned long long)limit.rlim_cur,
                 (unsigned long long)wanted);
}

static enum err bind_sockets(struct supervisor *s)
{
    int fds[MAX_WORKERS];
    enum err err = listener_bind(s->cfg->ws_host, s->cfg->ws_port, fds, s->n);

    if (err)
        return err;
    for (unsigned i = 0; i < s->n; i++)
        s->workers[i].public_fd = fds[i];
    s->metrics_fd = -1;
    if (s->cfg->metrics_port == 0)
        return OK;
    return listener_bind(s->cfg->ws_host, s->cfg->metrics_port, &s->metrics_fd, 1);
}

static int run_worker(struct supervisor *s, unsigned i)
{
    metrics_attach(i);
    return s->run(s->cfg, i, s->workers[i].public_fd, i == 0 ? s->metrics_fd : -1);
}

/* ---- several workers ---- */

/* In the child: keeps only what is its own. */
_Noreturn static void become_worker(struct supervisor *s, unsigned i, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(EX_OK); /* the parent died before it could be watched */
    for (unsigned other = 0; other < s->n; other++) {
        if (other != i)
            close(s->workers[other].public_fd);
    }
    if (i != 0 && s->metrics_fd >= 0)
        close(s->metrics_fd);
    sigprocmask(SIG_SETMASK, &s->before, NULL);
    exit(run_worker(s, i));
}

static void start_worker(struct supervisor *s, unsigned i)
{
    struct worker *w = &s->workers[i];
    pid_t parent = getpid();
    pid_t pid = fork();

    if (pid == 0)
        become_worker(s, i, parent);
    if (pid < 0) {
        log_error("supervisor", "cannot start a worker", "worker=%u errno=%d", i, errno);
        w->start_at_ms = clock_mono_ms() + backoff_next(&w->backoff);
        return;
    }
    w->pid = pid;
    w->started_ms = clock_mono_ms();
    log_info("supervisor", "worker started", "worker=%u pid=%d", i, (int)pid);
}

static struct worker *find_worker(struct supervisor *s, pid_t pid)
{
    for (unsigned i = 0; i < s->n; i++) {
        if (s->workers[i].pid == pid)
            return &s->workers[i];
    }
    return NULL;
}

static void on_worker_ended(struct supervisor *s, struct worker *w, int status)
{
    uint64_t now = clock_mono_ms();

    if (now - w->started_ms >= HEALTHY_MS)
        backoff_reset(&w->backoff);
    w->pid = 0;
    w->start_at_ms = now + backoff_next(&w->backoff);
    metric_add(M_WORKER_RESTARTS, 0, 1);
    log_error("supervisor", "a worker died and will be replaced",
              "worker=%d exit=%d signal=%d wait_ms=%llu", (int)(w - s->workers),
              WIFEXITED(status) ? WEXITSTATUS(status) : -1,
              WIFSIGNALED(status) ? WTERMSIG(status) : 0,
              (unsigned long long)(w->start_at_ms - now));
}

/* Reaps without waiting; returns how many workers still run. */
static unsigned reap(struct supervisor *s, bool stopping)
{
    unsigned running = 0;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct worker *w = find_worker(s, pid);

        if (w && stopping)
            w->pid = 0;
        else if (w)
            on_worker_ended(s, w, status);
    }
    for (unsigned i = 0; i < s->n; i++)
        running += s->workers[i].pid != 0;
    return running;
}

/* Starts what is due; returns the milliseconds until the next start. */
static uint64_t start_due_workers(struct supervisor *s)
{
    uint64_t wait_ms = 60000;

    for (unsigned i = 0; i < s->n; i++) {
        struct worker *w = &s->workers[i];
        uint64_t now = clock_mono_ms();

        if (w->pid == 0 && w->start_at_ms <= now)
            start_worker(s, i);
        if (w->pid == 0 && w->start_at_ms - now < wait_ms)
            wait_ms = w->start_at_ms - now;
    }
    return wait_ms;
}

/* The next signal, or 0 after ms. */
static int wait_signal(struct supervisor *s, uint64_t ms)
{
    struct timespec limit = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    int signum = sigtimedwait(&s->waited, NULL, &limit);

    return signum > 0 ? signum : 0;
}

static void signal_all(struct supervisor *s, int signum)
{
    for (unsigned i = 0; i < s->n; i++) {
        if (s->workers[i].pid)
            kill(s->workers[i].pid, signum);
    }
}

/* The sockets that the parent holds would go on taking clients that nobody serves. */
static void close_sockets(struct supervisor *s)
{
    for (unsigned i = 0; i < s->n; i++)
        close(s->workers[i].public_fd);
    if (s->metrics_fd >= 0)
        close(s->metrics_fd);
}

static void stop_workers(struct supervisor *s)
{
    uint64_t end_ms = clock_mono_ms() + STOP_MS;

    close_sockets(s);
    signal_all(s, SIGTERM);
    while (reap(s, true) > 0 && clock_mono_ms() < end_ms)
        wait_signal(s, 200);
    signal_all(s, SIGKILL);
}

/* Workers read their settings again, and those that are started later begin with the new ones. */
static void reload(struct supervisor *s)
{
    if (config_reload(s->cfg))
        log_set_levels(s->cfg->shared.log_levels);
    signal_all(s, SIGHUP);
}

static int run_workers(struct supervisor *s)
{
    sigemptyset(&s->waited);
    sigaddset(&s->waited, SIGTERM);
    sigaddset(&s->waited, SIGINT);
    sigaddset(&s->waited, SIGCHLD);
    sigaddset(&s->waited, SIGHUP);
    sigprocmask(SIG_BLOCK, &s->waited, &s->before);
    metrics_attach(0);
    for (;;) {
        uint64_t wait_ms = start_due_workers(s);
        int signum = wait_signal(s, wait_ms);

        if (signum == SIGTERM || signum == SIGINT)
            break;
        if (signum == SIGHUP)
            reload(s);
        reap(s, false);
    }
    log_info("supervisor", "stopping the workers", "n=%u", s->n);
    stop_workers(s);
    return EX_OK;
}

int supervisor_run(struct config *cfg, worker_fn *run)
{
    static struct supervisor s;

    s.cfg = cfg;
    s.run = run;
    s.n = (unsigned)cfg->workers;
    static_assert(MAX_WORKERS == 64, "as WS_WORKERS' maximum in config.c");
    for (unsigned i = 0; i < s.n; i++)
        backoff_init(&s.workers[i].backoff, RESTART_FIRST_MS, RESTART_MOST_MS);
    raise_file_limit(cfg);
    if (bind_sockets(&s) != OK)
        return EX_UNAVAILABLE;
    return s.n == 1 ? run_worker(&s, 0) : run_workers(&s);
}
