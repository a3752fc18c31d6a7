/* Map from u64 index to pointer: a radix tree of 64-slot nodes. No locking of its own. Pure but for the node allocator below. */
#ifndef PANDO_LIB_RADIX_H
#define PANDO_LIB_RADIX_H

#include "lib/types.h"

struct radix_tree {
	void *root;  /* a node, or with height 0 the item at index 0 */
	u32 height;
	u64 count;   /* items stored */
};
#define RADIX_INIT { 0, 0, 0 }

void *radix_get(const struct radix_tree *t, u64 index);
/* The items at index, index + 1, ... into out (NULL where there is none), at most n and no further than one node reaches; returns how many, at least 1. */
u32 radix_get_run(const struct radix_tree *t, u64 index, u32 n, void **out);
/* Stores item (not NULL) at index, replacing what was there. 0 or -ENOMEM. */
int radix_set(struct radix_tree *t, u64 index, void *item);
/* Removes and returns the item, or NULL. Frees emptied nodes. */
void *radix_del(struct radix_tree *t, u64 index);
/* The first item at index >= *index; sets *index to where it is. NULL at the end. */
void *radix_next(const struct radix_tree *t, u64 *index);
/* Node memory; sleeping is not allowed in either. Defined by mm (kernel) or the test. radix_node_alloc returns zeroed memory or NULL. */
void *radix_node_alloc(size_t size);
void radix_node_free(void *node, size_t size);

#endif
