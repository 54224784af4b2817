#ifndef EVENT_HANDLER_ACCESS_CONTROL_H
#define EVENT_HANDLER_ACCESS_CONTROL_H
/*
 * The version of the moderation state that this process has loaded, as every live record carries it
 * (wire/live_wire.h): front ends that know an older one ask for the new state. It only grows. Any
 * thread.
 */
#include "base/base.h"

uint64_t control_version(void);
/* A lower version than the present one is ignored. */
void control_version_set(uint64_t version);

#endif
