/* Red-black tree, intrusive. The caller walks down to find the place; rb_insert links and rebalances. Pure. */
#ifndef PANDO_LIB_RBTREE_H
#define PANDO_LIB_RBTREE_H

#include "lib/types.h"

struct rb_node {
	struct rb_node *parent, *left, *right;
	u8 red;
	u8 linked; /* 1 while in a tree */
};
struct rb_root {
	struct rb_node *node;
	struct rb_node *leftmost; /* cached minimum */
};
#define RB_ROOT { 0, 0 }

typedef bool (*rb_less_fn)(const struct rb_node *a, const struct rb_node *b);

/* Inserts n; equal keys go after those already there. */
void rb_insert(struct rb_root *root, struct rb_node *n, rb_less_fn less);
/* Removes n, which must be in this tree; clears n->linked. */
void rb_erase(struct rb_root *root, struct rb_node *n);
struct rb_node *rb_next(const struct rb_node *n);
static inline struct rb_node *rb_first(const struct rb_root *root) { return root->leftmost; }
#define rb_entry(ptr, type, member) container_of(ptr, type, member)

#endif
