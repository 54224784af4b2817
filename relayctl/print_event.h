#ifndef RELAYCTL_PRINT_EVENT_H
#define RELAYCTL_PRINT_EVENT_H
/* Prints the events that a relay sends, after checking them. One thread. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

struct event_printer {
    struct arena arena;
    struct buf text;
    bool all_good; /* every event so far was valid */
};

void event_printer_init(struct event_printer *p);
void event_printer_deinit(struct event_printer *p);
/* One line of canonical JSON on stdout; or, when its form, id or signature is wrong, a complaint.
 */
void event_printer_put(struct event_printer *p, struct slice json);

#endif
