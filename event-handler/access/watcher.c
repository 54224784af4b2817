#include "access/watcher.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "access/access.h"
#include "access/control.h"
#include "access/mod_lists_store.h"
#include "config.h"

enum { POLL_MS = 1000 };

struct watcher {
    struct watcher_setup setup;
    pthread_t thread;
    int stop_fd; /* readable when it is time to stop */
    /* The thread's own. */
    struct db db;
    struct db_target target;
};

struct control_head {
    uint64_t version;
};

/* ---- looking ---- */

static enum err read_head(struct db *db, struct control_head *head)
{
    PGresult *r;
    enum err err =
        db_exec(db, "control_head", "SELECT version FROM control_head WHERE one", NULL, &r);

    if (err)
        return err;
    err = PQntuples(r) == 1 ? OK : ERR_INVALID;
    if (!err)
        head->version = (uint64_t)db_get_int8(r, 0, 0);
    PQclear(r);
    return err;
}

static void load_lists(struct watcher *w)
{
    struct mod_lists *lists;
    uint64_t version;

    if (mod_lists_load(&w->db, &lists) != OK)
        return;
    version = lists->version;
    if (!access_set_lists(w->setup.access, lists))
        return;
    control_version_set(version);
    w->setup.on_control(w->setup.ctx);
}

static void look(struct watcher *w)
{
    struct control_head head;

    if (db_ready(&w->db) == OK && read_head(&w->db, &head) == OK &&
        head.version > control_version())
        load_lists(w);
}

/* ---- waiting ---- */

static void drop_notices(struct db *db)
{
    PGnotify *notice;

    if (!db->conn)
        return;
    PQconsumeInput(db->conn);
    while ((notice = PQnotifies(db->conn)))
        PQfreemem(notice);
}

/* Until a notice comes, or for a second; false when it is time to stop. */
static bool wait_for_notice(struct watcher *w)
{
    struct pollfd fds[] = {{.fd = w->stop_fd, .events = POLLIN},
                           {.fd = w->db.conn ? PQsocket(w->db.conn) : -1, .events = POLLIN}};

    poll(fds, 2, POLL_MS);
    drop_notices(&w->db);
    return !(fds[0].revents & POLLIN);
}

static void *run(void *arg)
{
    struct watcher *w = arg;

    do
        look(w);
    while (wait_for_notice(w));
    return NULL;
}

/* ---- life ---- */

struct watcher *watcher_start(const struct watcher_setup *setup)
{
    struct watcher *w = calloc(1, sizeof *w);

    if (!w)
        return NULL;
    w->setup = *setup;
    w->target = config_write_target(setup->cfg, "watch");
    db_init(&w->db, &w->target, "LISTEN tandem_control");
    w->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (w->stop_fd >= 0 && pthread_create(&w->thread, NULL, run, w) == 0)
        return w;
    watcher_free(w);
    return NULL;
}

bool watcher_stop(struct watcher *w, uint64_t deadline_ms)
{
    struct timespec until;

    if (!w)
        return true;
    eventfd_write(w->stop_fd, 1);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)(deadline_ms / 1000) + 1;
    return pthread_timedjoin_np(w->thread, NULL, &until) == 0;
}

void watcher_free(struct watcher *w)
{
    if (!w)
        return;
    db_deinit(&w->db);
    if (w->stop_fd >= 0)
        close(w->stop_fd);
    free(w);
}
