#ifndef COMMON_BASE_LIST_H
#define COMMON_BASE_LIST_H
/*
 * Intrusive doubly linked list: the link lives in the element, container_of() finds the element.
 * A head is a link that points to itself when the list is empty. Unsynchronised.
 */
#include "base/base.h"

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

/* Links item at the end of the list. */
static inline void list_push(struct list *head, struct list *item)
{
    item->prev = head->prev;
    item->next = head;
    head->prev->next = item;
    head->prev = item;
}

/* Takes item out of whatever list it is in; harmless on an unlinked, initialised item. */
static inline void list_remove(struct list *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    list_init(item);
}

/* The first item, unlinked, or NULL. */
static inline struct list *list_pop(struct list *head)
{
    struct list *item = head->next;

    if (item == head)
        return NULL;
    list_remove(item);
    return item;
}

#endif
