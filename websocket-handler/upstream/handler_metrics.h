#ifndef WEBSOCKET_HANDLER_UPSTREAM_HANDLER_METRICS_H
#define WEBSOCKET_HANDLER_UPSTREAM_HANDLER_METRICS_H
/*
 * The metrics of an event handler for the status page, which a browser cannot fetch from there
 * itself. They are asked for when somebody looks, once a second at most. Loop thread only.
 */
#include "base/base.h"
#include "base/slice.h"
#include "upstream/handler_client.h"

struct handler_metrics;

/* NULL without memory. */
struct handler_metrics *handler_metrics_new(struct handler_client *client);
/* NULL is fine. */
void handler_metrics_free(struct handler_metrics *m);
/* What came last (valid until the loop runs again; empty when nothing has, or nothing lately), and
 * asks for news. */
struct slice handler_metrics_look(struct handler_metrics *m);

#endif
