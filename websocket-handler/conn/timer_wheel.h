#ifndef WEBSOCKET_HANDLER_CONN_TIMER_WHEEL_H
#define WEBSOCKET_HANDLER_CONN_TIMER_WHEEL_H
/*
 * Many coarse deadlines at the cost of one clock: a ring of lists, one per tick. A timer lies in
 * the list of its tick modulo the ring's size; those of a later round are passed over. Arming and
 * cancelling cost a few pointers, a tick costs the timers in its list. Knows no clock: the owner
 * says what tick it is. Loop thread only.
 */
#include "base/list.h"

enum { TIMER_WHEEL_SLOTS = 256 };

struct timer {
    struct list link;
    uint64_t due; /* tick */
};

struct timer_wheel {
    struct list slots[TIMER_WHEEL_SLOTS];
    uint64_t now; /* the newest tick that has been dealt with */
};

typedef void timer_fn(struct timer *t);

void timer_wheel_init(struct timer_wheel *w, uint64_t now);
/* Before first use of a timer. */
void timer_init(struct timer *t);
/* Arms or re-arms t. A tick that is past is taken as the next one. */
void timer_arm(struct timer_wheel *w, struct timer *t, uint64_t due);
/* Harmless when it is not armed. */
void timer_cancel(struct timer *t);
/* Calls fn for each timer that is due at now or before, disarmed; fn may arm and cancel any timer
 * and free its own. */
void timer_wheel_advance(struct timer_wheel *w, uint64_t now, timer_fn *fn);

#endif
