/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive doubly linked list: the link lives in the element, nothing is allocated.
 *
 * A head is a link that points to itself when the list is empty. Not thread-safe.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
        struct list *next;
        struct list *prev;
};

/* The struct that holds `link` as its member. */
#define list_item(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

#define list_each(link, head) for (struct list *link = (head)->next; link != (head); link = link->next)

static inline void list_init(struct list *head)
{
        head->next = head;
        head->prev = head;
}

static inline bool list_is_empty(const struct list *head)
{
        return head->next == head;
}

static inline void list_push_back(struct list *head, struct list *link)
{
        link->prev = head->prev;
        link->next = head;
        head->prev->next = link;
        head->prev = link;
}

/* Safe to call twice: a removed link is a list of its own. */
static inline void list_remove(struct list *link)
{
        link->prev->next = link->next;
        link->next->prev = link->prev;
        list_init(link);
}

/* The oldest element, removed, or NULL. */
static inline struct list *list_pop_front(struct list *head)
{
        if (list_is_empty(head))
                return NULL;
        struct list *link = head->next;
        list_remove(link);
        return link;
}

/* Moves all of `from` to the end of `to`. */
static inline void list_take_all(struct list *to, struct list *from)
{
        if (list_is_empty(from))
                return;
        from->next->prev = to->prev;
        to->prev->next = from->next;
        from->prev->next = to;
        to->prev = from->prev;
        list_init(from);
}

#endif
