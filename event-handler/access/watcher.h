#ifndef EVENT_HANDLER_ACCESS_WATCHER_H
#define EVENT_HANDLER_ACCESS_WATCHER_H
/*
 * Keeps the access view up to date: one thread with a connection of its own waits for
 * NOTIFY tandem_control, looks at control_head once a second besides, and loads what has changed.
 */
#include "base/base.h"

struct access;
struct config;
struct watcher;

struct watcher_setup {
    const struct config *cfg; /* borrowed */
    struct access *access;    /* borrowed; nobody else puts views in place */
    /* A newer state is in place. On the watcher's thread. */
    void (*on_control)(void *ctx);
    void *ctx;
};

/* NULL without a thread or memory. */
struct watcher *watcher_start(const struct watcher_setup *setup);
/* Ends the thread. False when it hangs in the database: then nothing may be freed. */
NODISCARD bool watcher_stop(struct watcher *w, uint64_t deadline_ms);
void watcher_free(struct watcher *w); /* NULL is fine */

#endif
