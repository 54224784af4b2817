#ifndef WEBSOCKET_HANDLER_HEALTHCHECK_H
#define WEBSOCKET_HANDLER_HEALTHCHECK_H
/*
 * --healthcheck, for containers: asks the relay that runs on this machine under the same settings
 * whether it is alive. Blocking.
 */
#include "base/base.h"

struct config;

/* True when GET /healthz answered 200 within a few seconds; else a line on stderr says why not. */
bool healthcheck(const struct config *cfg);

#endif
