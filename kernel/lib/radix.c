/*
 * Radix tree of 64-slot nodes. Entry points: radix_get(), radix_set(), radix_del(), radix_next(). Pure but for radix_node_alloc/free.
 * height is the number of node levels: a tree of height h holds indexes below 64^h; with height 0 the root is the item at index 0 itself.
 */
#include "lib/radix.h"

#include "lib/errno.h"

#define RADIX_BITS 6
#define RADIX_SLOTS 64
#define RADIX_MAX_HEIGHT 11 /* 11 * 6 >= 64 bits */

struct radix_node {
	void *slot[RADIX_SLOTS];
	u64 used; /* one bit per slot that is not NULL */
};

static inline bool fits(u32 height, u64 index) { return height >= RADIX_MAX_HEIGHT || index >> (height * RADIX_BITS) == 0; }
static inline u32 slot_of(u64 index, u32 level) { return index >> (level * RADIX_BITS) & (RADIX_SLOTS - 1); }

void *radix_get(const struct radix_tree *t, u64 index)
{
	if (!fits(t->height, index))
		return NULL;
	void *p = t->root;
	for (u32 level = t->height; p && level--;)
		p = ((struct radix_node *)p)->slot[slot_of(index, level)];
	return p;
}

u32 radix_get_run(const struct radix_tree *t, u64 index, u32 n, void **out)
{
	void *p = t->root;
	if (!t->height) {
		out[0] = index ? NULL : p;
		return 1;
	}
	for (u32 level = t->height; p && level > 1;)
		p = fits(t->height, index) ? ((struct radix_node *)p)->slot[slot_of(index, --level)] : NULL;
	if (!fits(t->height, index))
		p = NULL;
	u32 first = slot_of(index, 0), run = RADIX_SLOTS - first < n ? RADIX_SLOTS - first : n;
	for (u32 i = 0; i < run; i++)
		out[i] = p ? ((struct radix_node *)p)->slot[first + i] : NULL;
	return run;
}

/* Adds levels above until index fits. */
static int grow(struct radix_tree *t, u64 index)
{
	while (!fits(t->height, index)) {
		if (t->root) {
			struct radix_node *n = radix_node_alloc(sizeof(*n));
			if (!n)
				return -ENOMEM;
			n->slot[0] = t->root;
			n->used = 1;
			t->root = n;
		}
		t->height++;
	}
	return 0;
}

/* Frees the nodes of index's path that hold nothing, from `level` up. path[level ..] are the nodes, the root last. */
static void trim(struct radix_tree *t, u64 index, struct radix_node **path, u32 level)
{
	for (; level < t->height; level++) {
		if (path[level]->used)
			return;
		radix_node_free(path[level], sizeof(struct radix_node));
		if (level + 1 < t->height) {
			u32 s = slot_of(index, level + 1);
			path[level + 1]->slot[s] = NULL;
			path[level + 1]->used &= ~(1UL << s);
		}
	}
	t->root = NULL;
	t->height = 0;
}

int radix_set(struct radix_tree *t, u64 index, void *item)
{
	struct radix_node *path[RADIX_MAX_HEIGHT];
	if (grow(t, index))
		return -ENOMEM;
	void **link = &t->root;
	for (u32 level = t->height; level--;) {
		if (!*link) {
			struct radix_node *n = radix_node_alloc(sizeof(*n));
			if (!n) {
				trim(t, index, path, level + 1);
				return -ENOMEM;
			}
			*link = n;
			if (level + 1 < t->height)
				path[level + 1]->used |= 1UL << slot_of(index, level + 1);
		}
		path[level] = *link;
		link = &path[level]->slot[slot_of(index, level)];
	}
	if (!*link)
		t->count++;
	*link = item;
	if (t->height)
		path[0]->used |= 1UL << slot_of(index, 0);
	return 0;
}

void *radix_del(struct radix_tree *t, u64 index)
{
	struct radix_node *path[RADIX_MAX_HEIGHT];
	if (!fits(t->height, index))
		return NULL;
	void *p = t->root;
	for (u32 level = t->height; p && level--;) {
		path[level] = p;
		p = path[level]->slot[slot_of(index, level)];
	}
	if (!p)
		return NULL;
	t->count--;
	if (t->height) {
		u32 s = slot_of(index, 0);
		path[0]->slot[s] = NULL;
		path[0]->used &= ~(1UL << s);
	}
	trim(t, index, path, 0);
	return p;
}

void *radix_next(const struct radix_tree *t, u64 *index)
{
	u64 i = *index;
	if (!t->height) {
		if (i || !t->root)
			return NULL;
		return t->root;
	}
	while (fits(t->height, i)) {
		void *p = t->root;
		u32 level = t->height;
		while (p && level) {
			struct radix_node *n = p;
			u32 s = slot_of(i, --level);
			u64 rest = n->used & (~0UL << s);
			if (!rest) {
				p = NULL;
				break;
			}
			u32 found = (u32)__builtin_ctzl(rest);
			if (found != s) {
				u64 below = (1UL << (level * RADIX_BITS)) - 1;
				u64 mask = (u64)(RADIX_SLOTS - 1) << (level * RADIX_BITS);
				i = (i & ~(mask | below)) | (u64)found << (level * RADIX_BITS);
			}
			p = n->slot[found];
		}
		if (p && !level) {
			*index = i;
			return p;
		}
		if (!p && !t->root)
			return NULL;
		/* Nothing at or after i inside the node at `level`: go on behind the span of that node. */
		if ((level + 1) * RADIX_BITS >= 64)
			return NULL;
		u64 span = 1UL << ((level + 1) * RADIX_BITS);
		u64 next = (i | (span - 1)) + 1;
		if (!next)
			return NULL;
		i = next;
	}
	return NULL;
}
