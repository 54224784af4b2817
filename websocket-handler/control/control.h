#ifndef WEBSOCKET_HANDLER_CONTROL_CONTROL_H
#define WEBSOCKET_HANDLER_CONTROL_CONTROL_H
/*
 * Keeps the front end's picture of the relay's moderation (control_state.h) up to date: GET
 * /v1/control at start, whenever the live feed names a newer version, and now and then. What
 * follows from a new picture is the owner's to do.
 *
 * The picture only moves forward: an event handler that is a moment behind cannot bring a ban back
 * up. It survives every outage. Loop thread only.
 */
#include <uv.h>

#include "control/control_state.h"

struct control;
struct handler_client;

/* Embedded by the owner. */
struct control_watch {
    /* A new picture is in force; it may differ in any part. */
    void (*changed)(struct control_watch *watch, const struct control_state *state);
};

/* Asks at once. NULL without memory. client and watch must outlive it. */
struct control *control_start(uv_loop_t *loop, struct handler_client *client,
                              struct control_watch *watch);
/* Never NULL; of version 0 until the first answer. Valid until the loop runs again. */
const struct control_state *control_current(const struct control *c);
/* An event handler has version loaded. */
void control_heard(struct control *c, uint64_t version);
/* The database was restored: versions begin anew. What is in force stays so until the answer. */
void control_restarted(struct control *c);
/* Has it ever had an answer? If not, *reason is a static sentence for /readyz. */
bool control_ready(const struct control *c, const char **reason);
/* Memory goes when the loop has run its close callback. NULL is fine. */
void control_stop(struct control *c);

#endif
