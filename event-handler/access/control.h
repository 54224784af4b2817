#ifndef EVENT_HANDLER_ACCESS_CONTROL_H
#define EVENT_HANDLER_ACCESS_CONTROL_H
/*
 * The version of the moderation state that this process has loaded, as every live record carries it
 * (wire/live_wire.h): front ends that know an older one ask for the new state. It only grows. Any
 * thread.
 */
#include "wire/live_wire.h"

uint64_t control_version(void);
/* A lower version than the present one is ignored. */
void control_version_set(uint64_t version);
/* The head of a live record that is made now. */
void control_head_write(struct buf *out, uint64_t prev, uint64_t seq);

#endif
