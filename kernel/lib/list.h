/* Intrusive circular doubly linked list. A node that is in no list points at itself (list_init). Pure. */
#ifndef PANDO_LIB_LIST_H
#define PANDO_LIB_LIST_H

#include "lib/types.h"

struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD_INIT(name) { &(name), &(name) }
#define LIST_HEAD(name) struct list_head name = LIST_HEAD_INIT(name)

static inline void list_init(struct list_head *h) { h->next = h->prev = h; }
static inline bool list_empty(const struct list_head *h) { return READ_ONCE(h->next) == h; }
static inline void list_insert_(struct list_head *n, struct list_head *prev, struct list_head *next)
{
	next->prev = n;
	n->next = next;
	n->prev = prev;
	WRITE_ONCE(prev->next, n);
}
/* Right after the head (a stack). */
static inline void list_add(struct list_head *n, struct list_head *h) { list_insert_(n, h, h->next); }
/* Right before the head (a queue). */
static inline void list_add_tail(struct list_head *n, struct list_head *h) { list_insert_(n, h->prev, h); }
/* Unlinks and leaves the node pointing at itself, so that a second list_del is harmless and list_empty(node) tells. */
static inline void list_del(struct list_head *n)
{
	n->next->prev = n->prev;
	WRITE_ONCE(n->prev->next, n->next);
	list_init(n);
}
static inline void list_move_tail(struct list_head *n, struct list_head *h) { list_del(n); list_add_tail(n, h); }
/* Moves all of `from` to the end of `to`; `from` is empty afterwards. */
static inline void list_splice_tail(struct list_head *from, struct list_head *to)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first(h, type, member) list_entry((h)->next, type, member)
#define list_last(h, type, member) list_entry((h)->prev, type, member)
#define list_next(pos, member) list_entry((pos)->member.next, __typeof__(*(pos)), member)
#define list_for_each(pos, h, member)                                                                                  \
	for (pos = list_entry((h)->next, __typeof__(*pos), member); &pos->member != (h);                                  \
	     pos = list_entry(pos->member.next, __typeof__(*pos), member))
/* pos may be unlinked or freed by the body. */
#define list_for_each_safe(pos, tmp, h, member)                                                                        \
	for (pos = list_entry((h)->next, __typeof__(*pos), member),                                                       \
	    tmp = list_entry(pos->member.next, __typeof__(*pos), member);                                                 \
	     &pos->member != (h); pos = tmp, tmp = list_entry(tmp->member.next, __typeof__(*tmp), member))

#endif
