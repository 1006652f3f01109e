/* base/list.h - a doubly linked list whose links lie inside its members.
 *
 * Pure; allocates nothing. A `struct list` serves both as the head and as the link in a member; a
 * member is reached from its link with LIST_ITEM. A link that is in no list points at itself, so
 * list_remove may be called twice. Head and members must stay where they are in memory.
 * Tests: list_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_BASE_LIST_H
#define POSTERN_BASE_LIST_H

#include <stdbool.h>

#include "base/macros.h"

struct list {
    struct list *prev, *next;
};

#define LIST_ITEM(link, type, member) CONTAINER_OF((link), type, member)

/* Walks the links; the member at `it` must stay in the list until the next step. The _safe form
 * allows it to be removed. */
#define LIST_EACH(it, head) for (struct list *it = (head)->next; it != (head); it = it->next)
#define LIST_EACH_SAFE(it, head)                                                                   \
    for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                      \
         it = it##_next, it##_next = it->next)

static inline void list_init(struct list *l)
{
    l->prev = l->next = l;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_add_after(struct list *place, struct list *link)
{
    link->prev = place;
    link->next = place->next;
    place->next->prev = link;
    place->next = link;
}

static inline void list_add_first(struct list *head, struct list *link)
{
    list_add_after(head, link);
}

static inline void list_add_last(struct list *head, struct list *link)
{
    list_add_after(head->prev, link);
}

static inline void list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/* The first link, or null. */
static inline struct list *list_first(struct list *head)
{
    return list_empty(head) ? NULL : head->next;
}

#endif
