#include "conn/timer_wheel.h"

void timer_wheel_init(struct timer_wheel *w, uint64_t now)
{
    for (size_t i = 0; i < TIMER_WHEEL_SLOTS; i++)
        list_init(&w->slots[i]);
    w->now = now;
}

void timer_init(struct timer *t)
{
    list_init(&t->link);
    t->due = 0;
}

void timer_arm(struct timer_wheel *w, struct timer *t, uint64_t due)
{
    t->due = due > w->now ? due : w->now + 1;
    list_remove(&t->link);
    list_push(&w->slots[t->due % TIMER_WHEEL_SLOTS], &t->link);
}

void timer_cancel(struct timer *t)
{
    list_remove(&t->link);
}

/* Moves the slot's timers that are due to the ready list. */
static void collect(struct list *slot, uint64_t now, struct list *ready)
{
    struct list *next;

    for (struct list *item = slot->next; item != slot; item = next) {
        next = item->next;
        if (container_of(item, struct timer, link)->due <= now) {
            list_remove(item);
            list_push(ready, item);
        }
    }
}

void timer_wheel_advance(struct timer_wheel *w, uint64_t now, timer_fn *fn)
{
    /* After a long sleep of the process one round sees every slot. */
    uint64_t steps = now > w->now ? now - w->now : 0;
    uint64_t from = w->now + 1;
    struct list ready, *item;

    if (steps == 0)
        return;
    if (steps > TIMER_WHEEL_SLOTS)
        steps = TIMER_WHEEL_SLOTS;
    list_init(&ready);
    for (uint64_t i = 0; i < steps; i++)
        collect(&w->slots[(from + i) % TIMER_WHEEL_SLOTS], now, &ready);
    w->now = now;
    /* The ready list is detached, so that what fn arms anew waits for a later tick. */
    while ((item = list_pop(&ready)))
        fn(container_of(item, struct timer, link));
}
