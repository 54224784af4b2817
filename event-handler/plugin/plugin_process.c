#include "plugin/plugin_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "config.h"

enum {
    READ_BYTES = 4096,
    SAID_BYTES = 1024,
    SAID_GATE_MS = 100, /* ten lines of standard error in a second */
    POLL_END_MS = 5,
};

static const char mod[] = "plugin";

void plugin_process_init(struct plugin_process *p, const char *command, int stop_fd)
{
    *p = (struct plugin_process){
        .command = command, .stop_fd = stop_fd, .in = -1, .out = -1, .err = -1};
    buf_init(&p->lines, PLUGIN_LINE_MOST + READ_BYTES);
}

void plugin_process_deinit(struct plugin_process *p)
{
    buf_deinit(&p->lines);
}

/* ---- the file behind a command ---- */

static bool names_file(const char *command)
{
    return strchr(command, '/') && !strpbrk(command, " \t\n'\"$;|&<>()`\\*?");
}

bool plugin_check_command(const char *command, struct buf *error)
{
    struct stat st;

    if (!names_file(command))
        return true;
    if (stat(command, &st) == 0 && S_ISREG(st.st_mode) && access(command, X_OK) == 0)
        return true;
    buf_printf(error, "\"%s\" is not a file that can be run", command);
    return false;
}

static struct timespec read_modified(const struct plugin_process *p)
{
    struct stat st;

    if (!names_file(p->command) || stat(p->command, &st) != 0)
        return (struct timespec){0};
    return st.st_mtim;
}

bool plugin_process_outdated(const struct plugin_process *p)
{
    struct timespec now = read_modified(p);

    /* While it is away somebody is replacing it. */
    return now.tv_sec != 0 &&
           (now.tv_sec != p->modified.tv_sec || now.tv_nsec != p->modified.tv_nsec);
}

/* ---- starting ---- */

/* Our environment without secrets: a plugin is somebody else's program. NULL without memory. */
static char **make_environment(void)
{
    size_t n = 0, kept = 0;
    char **copy;

    while (environ[n])
        n++;
    copy = calloc(n + 1, sizeof *copy);
    for (size_t i = 0; copy && i < n; i++) {
        if (!config_is_secret(slice_of(environ[i], strcspn(environ[i], "="))))
            copy[kept++] = environ[i];
    }
    return copy;
}

/* A shell that has nothing else to do makes room for the program. NULL without memory. */
static char *make_line(const char *command)
{
    char *line;

    return asprintf(&line, "%s%s", names_file(command) ? "exec " : "", command) < 0 ? NULL : line;
}

struct pipes {
    int in[2], out[2], err[2]; /* reading end, writing end */
};

static void close_pipe(int fds[2])
{
    for (int i = 0; i < 2; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
}

static void close_pipes(struct pipes *pipes)
{
    close_pipe(pipes->in);
    close_pipe(pipes->out);
    close_pipe(pipes->err);
}

static bool open_pipes(struct pipes *pipes)
{
    *pipes = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}};
    if (pipe2(pipes->in, O_CLOEXEC) == 0 && pipe2(pipes->out, O_CLOEXEC) == 0 &&
        pipe2(pipes->err, O_CLOEXEC) == 0 && fcntl(pipes->in[1], F_SETFL, O_NONBLOCK) == 0 &&
        fcntl(pipes->out[0], F_SETFL, O_NONBLOCK) == 0 &&
        fcntl(pipes->err[0], F_SETFL, O_NONBLOCK) == 0)
        return true;
    close_pipes(pipes);
    return false;
}

static int set_actions(posix_spawn_file_actions_t *actions, const struct pipes *pipes)
{
    int err = posix_spawn_file_actions_adddup2(actions, pipes->in[0], STDIN_FILENO);

    if (!err)
        err = posix_spawn_file_actions_adddup2(actions, pipes->out[1], STDOUT_FILENO);
    if (!err)
        err = posix_spawn_file_actions_adddup2(actions, pipes->err[1], STDERR_FILENO);
    if (!err) /* libraries open descriptors of which we know nothing */
        err = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
    return err;
}

/* A group of its own, and signals as a program expects them. */
static int set_attributes(posix_spawnattr_t *attr)
{
    sigset_t none, all;
    int err;

    sigemptyset(&none);
    sigfillset(&all);
    err = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                             POSIX_SPAWN_SETSIGDEF);
    if (!err)
        err = posix_spawnattr_setpgroup(attr, 0);
    if (!err)
        err = posix_spawnattr_setsigmask(attr, &none);
    if (!err)
        err = posix_spawnattr_setsigdefault(attr, &all);
    return err;
}

static int spawn(struct plugin_process *p, const struct pipes *pipes)
{
    char shell[] = "sh", option[] = "-c", *line = make_line(p->command);
    char *argv[] = {shell, option, line, NULL}, **environment = make_environment();
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int err = line && environment ? 0 : ENOMEM;

    if (!err && (err = posix_spawn_file_actions_init(&actions)) == 0) {
        if ((err = posix_spawnattr_init(&attr)) == 0) {
            err = set_actions(&actions, pipes);
            if (!err)
                err = set_attributes(&attr);
            if (!err)
                err = posix_spawn(&p->pid, "/bin/sh", &actions, &attr, argv, environment);
            posix_spawnattr_destroy(&attr);
        }
        posix_spawn_file_actions_destroy(&actions);
    }
    free(environment);
    free(line);
    return err;
}

/* Ours is the other end of each. */
static void keep_ends(struct plugin_process *p, struct pipes *pipes)
{
    p->in = pipes->in[1];
    p->out = pipes->out[0];
    p->err = pipes->err[0];
    pipes->in[1] = pipes->out[0] = pipes->err[0] = -1;
}

enum err plugin_process_start(struct plugin_process *p)
{
    struct pipes pipes;
    int err;

    buf_reset(&p->lines);
    p->taken = 0;
    p->modified = read_modified(p);
    err = open_pipes(&pipes) ? spawn(p, &pipes) : errno;
    if (err) {
        p->pid = 0;
        log_error(mod, "cannot be started", "why=\"%s\"", strerror(err));
    } else {
        keep_ends(p, &pipes);
        log_info(mod, "started", "pid=%d", (int)p->pid);
    }
    close_pipes(&pipes);
    return err ? ERR_IO : OK;
}

/* ---- stopping ---- */

static bool has_ended(const struct plugin_process *p, uint64_t deadline_ms, int *status)
{
    while (waitpid(p->pid, status, WNOHANG) == 0) {
        if (clock_mono_ms() >= deadline_ms)
            return false;
        poll(NULL, 0, POLL_END_MS);
    }
    return true;
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void plugin_process_stop(struct plugin_process *p, uint32_t grace_ms)
{
    int status = 0;

    if (p->pid == 0)
        return;
    close_end(&p->in);
    if (grace_ms > 0)
        kill(-p->pid, SIGTERM);
    if (grace_ms == 0 || !has_ended(p, clock_mono_ms() + grace_ms, &status)) {
        kill(-p->pid, SIGKILL);
        while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
            continue;
    }
    kill(-p->pid, SIGKILL); /* what it has started itself, if anything is left of it */
    close_end(&p->out);
    close_end(&p->err);
    log_info(mod, "ended", "pid=%d exit=%d signal=%d", (int)p->pid,
             WIFEXITED(status) ? WEXITSTATUS(status) : -1,
             WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    p->pid = 0;
}

/* ---- talking ---- */

/* Reads what it has written to standard error, which must never fill up, into the log. */
static void listen_aside(struct plugin_process *p)
{
    char bytes[SAID_BYTES], quoted[SAID_BYTES];
    ssize_t n = read(p->err, bytes, sizeof bytes);
    uint32_t suppressed;

    if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
            close_end(&p->err);
        return;
    }
    for (size_t at = 0, len; at < (size_t)n; at += len + 1) {
        const char *end = memchr(bytes + at, '\n', (size_t)n - at);

        len = end ? (size_t)(end - bytes) - at : (size_t)n - at;
        if (len > 0 && log_gate_open(&p->said, SAID_GATE_MS, &suppressed))
            log_warn(mod, "says", "text=%s suppressed=%u",
                     log_quote(bytes + at, len, quoted, sizeof quoted), (unsigned)suppressed);
    }
}

static int time_left(uint64_t deadline_ms)
{
    uint64_t now = clock_mono_ms();

    if (deadline_ms == UINT64_MAX)
        return -1;
    return now < deadline_ms ? (int)(deadline_ms - now) : 0;
}

/* Waits for events on fd, which is one of its pipes or wake_fd; listens to standard error
 * meanwhile. */
static enum plugin_io wait_for(struct plugin_process *p, int fd, short events, int also,
                               uint64_t deadline_ms)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = p->stop_fd, .events = POLLIN},
                               {.fd = p->err, .events = POLLIN},
                               {.fd = fd, .events = events},
                               {.fd = also, .events = POLLIN}};
        int n = poll(fds, ARRAY_LEN(fds), time_left(deadline_ms));

        if (n > 0 && fds[0].revents)
            return PLUGIN_IO_STOP;
        if (n > 0 && fds[1].revents)
            listen_aside(p);
        if (n > 0 && (fds[2].revents || fds[3].revents))
            return PLUGIN_IO_OK;
        if (clock_mono_ms() >= deadline_ms)
            return PLUGIN_IO_TIMEOUT;
    }
}

enum plugin_io plugin_process_send(struct plugin_process *p, struct slice text,
                                   uint64_t deadline_ms)
{
    while (text.len > 0) {
        ssize_t n = write(p->in, text.ptr, text.len);
        enum plugin_io result;

        if (n > 0) {
            text = slice_of(text.ptr + n, text.len - (size_t)n);
            continue;
        }
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return PLUGIN_IO_GONE;
        result = wait_for(p, p->in, POLLOUT, -1, deadline_ms);
        if (result != PLUGIN_IO_OK)
            return result;
    }
    return PLUGIN_IO_OK;
}

/* Reads more of its standard output. */
static enum plugin_io read_more(struct plugin_process *p)
{
    char *room = buf_reserve(&p->lines, READ_BYTES);
    ssize_t n;

    if (!room)
        return PLUGIN_IO_OVERLONG;
    n = read(p->out, room, READ_BYTES);
    if (n > 0)
        p->lines.len += (size_t)n;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        return PLUGIN_IO_GONE;
    return PLUGIN_IO_OK;
}

static void drop_taken(struct plugin_process *p)
{
    if (p->taken == 0)
        return;
    p->lines.len -= p->taken;
    memmove(p->lines.ptr, p->lines.ptr + p->taken, p->lines.len);
    p->taken = 0;
}

/* A whole line of what has been read, from `from` on. */
static bool find_line(struct plugin_process *p, size_t from, struct slice *line)
{
    const char *end =
        p->lines.len > from ? memchr(p->lines.ptr + from, '\n', p->lines.len - from) : NULL;

    if (!end)
        return false;
    *line = slice_of(p->lines.ptr, (size_t)(end - p->lines.ptr));
    p->taken = line->len + 1;
    return true;
}

enum plugin_io plugin_process_line(struct plugin_process *p, int wake_fd, uint64_t deadline_ms,
                                   struct slice *line)
{
    struct pollfd awake = {.fd = wake_fd, .events = POLLIN};
    size_t searched = 0;

    drop_taken(p);
    while (!find_line(p, searched, line)) {
        enum plugin_io result = PLUGIN_IO_OVERLONG;

        searched = p->lines.len;
        if (searched <= PLUGIN_LINE_MOST)
            result = wait_for(p, p->out, POLLIN, wake_fd, deadline_ms);
        if (result == PLUGIN_IO_OK && wake_fd >= 0 && poll(&awake, 1, 0) > 0)
            return PLUGIN_IO_WOKEN;
        if (result == PLUGIN_IO_OK)
            result = read_more(p);
        if (result != PLUGIN_IO_OK)
            return result;
    }
    return PLUGIN_IO_OK;
}
