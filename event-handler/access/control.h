#ifndef EVENT_HANDLER_ACCESS_CONTROL_H
#define EVENT_HANDLER_ACCESS_CONTROL_H
/*
 * The version of the moderation state that this process has loaded, as every live record carries it
 * (wire/live_wire.h): front ends that know an older one ask for the new state. It is what the
 * database says, so it falls when that was restored. Any thread.
 */
#include "wire/live_wire.h"

/* SQL of the next version. A clock, so that a database restored from a backup gives no change a
 * number that was another one's: processes that know that one would miss the change. */
#define CONTROL_NEXT_VERSION                                                                       \
    "greatest(version + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)"

uint64_t control_version(void);
void control_version_set(uint64_t version);
/* The head of a live record that is made now. */
void control_head_write(struct buf *out, uint64_t prev, uint64_t seq);

#endif
