/*
 * Red-black tree. Entry points: rb_insert(), rb_erase(), rb_next(). Pure.
 * Invariants: a red node has a black parent; every way from the root down to a missing child passes the same number of black nodes.
 * root->leftmost is always the minimum.
 */
#include "lib/rbtree.h"

/* Makes `to` the child of from's parent in from's place. `to` may be NULL. */
static void replace_child(struct rb_root *root, struct rb_node *from, struct rb_node *to)
{
	struct rb_node *p = from->parent;
	if (!p)
		root->node = to;
	else if (p->left == from)
		p->left = to;
	else
		p->right = to;
	if (to)
		to->parent = p;
}

static void rotate_left(struct rb_root *root, struct rb_node *x)
{
	struct rb_node *y = x->right;
	x->right = y->left;
	if (y->left)
		y->left->parent = x;
	replace_child(root, x, y);
	y->left = x;
	x->parent = y;
}

static void rotate_right(struct rb_root *root, struct rb_node *x)
{
	struct rb_node *y = x->left;
	x->left = y->right;
	if (y->right)
		y->right->parent = x;
	replace_child(root, x, y);
	y->right = x;
	x->parent = y;
}

static void fix_insert(struct rb_root *root, struct rb_node *n)
{
	struct rb_node *p;
	while ((p = n->parent) && p->red) {
		struct rb_node *g = p->parent;
		bool left = p == g->left;
		struct rb_node *uncle = left ? g->right : g->left;
		if (uncle && uncle->red) {
			p->red = uncle->red = 0;
			g->red = 1;
			n = g;
			continue;
		}
		if (n == (left ? p->right : p->left)) {
			left ? rotate_left(root, p) : rotate_right(root, p);
			p = n;
		}
		p->red = 0;
		g->red = 1;
		left ? rotate_right(root, g) : rotate_left(root, g);
		break;
	}
	root->node->red = 0;
}

void rb_insert(struct rb_root *root, struct rb_node *n, rb_less_fn less)
{
	struct rb_node **link = &root->node, *parent = NULL;
	bool leftmost = true;
	while (*link) {
		parent = *link;
		if (less(n, parent)) {
			link = &parent->left;
		} else {
			link = &parent->right;
			leftmost = false;
		}
	}
	n->parent = parent;
	n->left = n->right = NULL;
	n->red = 1;
	n->linked = 1;
	*link = n;
	if (leftmost)
		root->leftmost = n;
	if (!parent || parent->red)
		fix_insert(root, n);
}

/* x (maybe NULL), child of p, carries one black too few. */
static void fix_erase(struct rb_root *root, struct rb_node *x, struct rb_node *p)
{
	while (p && (!x || !x->red)) {
		bool left = x == p->left;
		struct rb_node *s = left ? p->right : p->left;
		if (s->red) {
			s->red = 0;
			p->red = 1;
			left ? rotate_left(root, p) : rotate_right(root, p);
			s = left ? p->right : p->left;
		}
		struct rb_node *near = left ? s->left : s->right, *far = left ? s->right : s->left;
		if (!(near && near->red) && !(far && far->red)) {
			s->red = 1;
			x = p;
			p = x->parent;
			continue;
		}
		if (!(far && far->red)) {
			near->red = 0;
			s->red = 1;
			left ? rotate_right(root, s) : rotate_left(root, s);
			s = left ? p->right : p->left;
			far = left ? s->right : s->left;
		}
		s->red = p->red;
		p->red = 0;
		far->red = 0;
		left ? rotate_left(root, p) : rotate_right(root, p);
		return;
	}
	if (x)
		x->red = 0;
}

void rb_erase(struct rb_root *root, struct rb_node *n)
{
	struct rb_node *child, *parent;
	bool red;
	if (root->leftmost == n)
		root->leftmost = rb_next(n);
	if (n->left && n->right) {
		/* The successor moves into n's place and takes its colour; the hole is where the successor was. */
		struct rb_node *s = n->right;
		while (s->left)
			s = s->left;
		child = s->right;
		parent = s->parent == n ? s : s->parent;
		red = s->red;
		replace_child(root, s, child);
		replace_child(root, n, s);
		s->left = n->left;
		s->left->parent = s;
		s->right = n->right;
		if (s->right)
			s->right->parent = s;
		s->red = n->red;
	} else {
		child = n->left ? n->left : n->right;
		parent = n->parent;
		red = n->red;
		replace_child(root, n, child);
	}
	n->linked = 0;
	if (!red)
		fix_erase(root, child, parent);
}

struct rb_node *rb_next(const struct rb_node *n)
{
	if (n->right) {
		n = n->right;
		while (n->left)
			n = n->left;
		return (struct rb_node *)n;
	}
	const struct rb_node *p = n->parent;
	while (p && n == p->right) {
		n = p;
		p = p->parent;
	}
	return (struct rb_node *)p;
}
