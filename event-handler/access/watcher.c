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
#include "base/clock.h"
#include "config.h"
#include "metrics.h"
#include "ops/log.h"
#include "trust/trust_store.h"

enum { POLL_MS = 1000 };

struct watcher {
    struct watcher_setup setup;
    pthread_t thread;
    int stop_fd; /* readable when it is time to stop */
    /* The thread's own. */
    struct db db;
    struct db_target target;
    uint64_t generation;   /* of the Web of Trust in use */
    int64_t finished_unix; /* when it was computed */
};

struct control_head {
    uint64_t version, wot_generation;
};

/* ---- looking ---- */

static enum err read_head(struct db *db, struct control_head *head)
{
    PGresult *r;
    enum err err = db_exec(db, "control_head",
                           "SELECT version, wot_generation FROM control_head WHERE one", NULL, &r);

    if (err)
        return err;
    err = PQntuples(r) == 1 ? OK : ERR_INVALID;
    if (!err)
        *head =
            (struct control_head){(uint64_t)db_get_int8(r, 0, 0), (uint64_t)db_get_int8(r, 0, 1)};
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

/* ---- the Web of Trust ---- */

static enum wot_metric_people people_metric(const struct trust_entry *e)
{
    if (!e->trusted)
        return WOT_METRIC_OTHERS;
    return e->level <= 1 ? WOT_METRIC_TRUSTED : WOT_METRIC_KNOWN;
}

static void measure_trust(const struct trust_table *t)
{
    int64_t people[WOT_METRIC_OTHERS + 1] = {0};

    for (size_t i = 0; i < t->n; i++)
        people[people_metric(&t->entry[i])]++;
    for (unsigned i = 0; i < ARRAY_LEN(people); i++)
        metric_set(M_WOT_PEOPLE, i, people[i]);
    metric_set(M_WOT_GENERATION, 0, (int64_t)t->generation);
    metric_set(M_WOT_MEMORY, 0, (int64_t)trust_table_memory(t));
}

/* A generation that is gone already has a successor, which the next look finds. */
static void load_trust(struct watcher *w, uint64_t generation)
{
    struct trust_table *t;
    int64_t finished;

    if (trust_store_load(&w->db, generation, &t) != OK)
        return;
    measure_trust(t);
    finished = t->finished_unix;
    if (!access_set_trust(w->setup.access, t))
        return;
    w->generation = generation;
    w->finished_unix = finished;
    log_info("access", "web of trust in use", "generation=%llu", (unsigned long long)generation);
}

static void look(struct watcher *w)
{
    struct control_head head;

    if (db_ready(&w->db) == OK && read_head(&w->db, &head) == OK) {
        if (head.version != control_version())
            load_lists(w);
        if (w->setup.cfg->wot_enabled && head.wot_generation != w->generation)
            load_trust(w, head.wot_generation);
    }
    if (w->generation > 0)
        metric_set(M_WOT_AGE_SECONDS, 0, clock_unix() - w->finished_unix);
}

/* ---- waiting ---- */

/* Takes the notices that are there; were there any? */
static bool take_notices(struct db *db)
{
    PGnotify *notice;
    bool any = false;

    if (!db->conn)
        return false;
    PQconsumeInput(db->conn);
    while ((notice = PQnotifies(db->conn))) {
        PQfreemem(notice);
        any = true;
    }
    return any;
}

/* Until a notice comes, or for a second; false when it is time to stop. One that came along with
 * the answer to a query has been read from the socket by then: poll() would not tell of it. */
static bool wait_for_notice(struct watcher *w)
{
    struct pollfd fds[] = {{.fd = w->stop_fd, .events = POLLIN},
                           {.fd = w->db.conn ? PQsocket(w->db.conn) : -1, .events = POLLIN}};

    poll(fds, 2, take_notices(&w->db) ? 0 : POLL_MS);
    take_notices(&w->db);
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
