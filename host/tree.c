/* Images as trees; see tree.h. */
#include "tree.h"

#include "complain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_LINKS 40 /* symbolic links followed on one path, as Linux does */
#define MAX_PATH 4096

static void *must(void *p)
{
	if (!p) {
		complain("out of memory");
		exit(EXIT_PANDO);
	}
	return p;
}

static struct node *node_new(const char *name, size_t len, struct inode *inode)
{
	struct node *n = must(calloc(1, sizeof(*n)));

	n->name = must(strndup(name, len));
	n->inode = inode;
	inode->links++;
	return n;
}

static struct inode *inode_new(const struct inode *meta)
{
	struct inode *i = must(malloc(sizeof(*i)));

	*i = *meta;
	i->links = 0;
	i->number = 0;
	i->target = meta->target ? must(strdup(meta->target)) : NULL;
	return i;
}

static void inode_put(struct inode *i)
{
	if (--i->links > 0)
		return;
	free(i->target);
	free(i);
}

static void node_free(struct node *n)
{
	size_t i;

	for (i = 0; i < n->children; i++)
		node_free(n->child[i]);
	free(n->child);
	inode_put(n->inode);
	free(n->name);
	free(n);
}

struct tree *tree_new(void)
{
	struct inode folder = { .mode = S_IFDIR | 0755 };
	struct tree *t = must(calloc(1, sizeof(*t)));

	t->root = node_new("", 0, inode_new(&folder));
	return t;
}

void tree_free(struct tree *t)
{
	if (!t)
		return;
	node_free(t->root);
	free(t);
}

/* Where `name` is, or would be, among a folder's children. Returns true if it is there. */
static bool child_index(const struct node *dir, const char *name, size_t len, size_t *index)
{
	size_t low = 0, high = dir->children;

	while (low < high) {
		size_t mid = (low + high) / 2;
		int c = strncmp(dir->child[mid]->name, name, len);

		if (c == 0 && dir->child[mid]->name[len])
			c = 1;
		if (c == 0) {
			*index = mid;
			return true;
		}
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*index = low;
	return false;
}

static void insert_child(struct node *dir, size_t index, struct node *n)
{
	if (dir->children == dir->room) {
		dir->room = dir->room ? dir->room * 2 : 8;
		dir->child = must(realloc(dir->child, dir->room * sizeof(*dir->child)));
	}
	memmove(dir->child + index + 1, dir->child + index, (dir->children - index) * sizeof(*dir->child));
	dir->child[index] = n;
	dir->children++;
	n->parent = dir;
}

void tree_remove(struct node *n)
{
	struct node *dir = n->parent;
	size_t index;

	if (!dir)
		return;
	if (child_index(dir, n->name, strlen(n->name), &index)) {
		dir->children--;
		memmove(dir->child + index, dir->child + index + 1, (dir->children - index) * sizeof(*dir->child));
	}
	node_free(n);
}

/* A walk over a path: where it is, what is left to do. */
struct walk {
	struct tree *t;
	struct node *at;
	bool make; /* missing folders are made, and what is in the way of one is replaced */
	int links; /* symbolic links followed so far */
};

static struct node *walk_path(struct walk *w, const char *path, bool follow_last);

/* One part of a path that must be a folder (or lead to one). Returns it or NULL. */
static struct node *walk_into(struct walk *w, struct node *dir, const char *name, size_t len)
{
	struct inode folder = { .mode = S_IFDIR | 0755 };
	struct node *n;
	size_t index;

	if (child_index(dir, name, len, &index)) {
		n = dir->child[index];
		if (S_ISLNK(n->inode->mode)) {
			if (++w->links > MAX_LINKS)
				return NULL;
			w->at = n->inode->target[0] == '/' ? w->t->root : dir;
			n = walk_path(w, n->inode->target, true);
			if (!n || S_ISDIR(n->inode->mode) || !w->make)
				return n;
		}
		if (S_ISDIR(n->inode->mode) || !w->make)
			return n;
		/* A file is in the way. */
		inode_put(n->inode);
		n->inode = inode_new(&folder);
		n->inode->links = 1;
		n->layer = w->t->layer;
		return n;
	}
	if (!w->make)
		return NULL;
	n = node_new(name, len, inode_new(&folder));
	n->layer = w->t->layer;
	insert_child(dir, index, n);
	return n;
}

/* Walks all of `path` from w->at. With follow_last, or w->make, the last part is entered like the others. */
static struct node *walk_path(struct walk *w, const char *path, bool follow_last)
{
	struct node *dir = w->at;
	size_t len, index;

	for (;;) {
		const char *next;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 0)
			return dir;
		next = path + len;
		if (len == 2 && path[0] == '.' && path[1] == '.') {
			if (dir->parent)
				dir = dir->parent;
		} else if (!(len == 1 && path[0] == '.')) {
			if (!S_ISDIR(dir->inode->mode))
				return NULL;
			if (!follow_last && next[strspn(next, "/")] == '\0')
				return child_index(dir, path, len, &index) ? dir->child[index] : NULL;
			dir = walk_into(w, dir, path, len);
			if (!dir)
				return NULL;
		}
		path = next;
	}
}

struct node *tree_find(const struct tree *t, const char *path, bool follow)
{
	struct walk w = { .t = (struct tree *)t, .at = t->root };

	return walk_path(&w, path, follow);
}

/*
 * Splits `path` lexically into a folder and a last name ("..", "." and empty parts taken out, never above the root) and finds or makes
 * the folder. *name is "" for the root itself. Returns NULL, or the reason why not.
 */
static const char *locate(struct tree *t, const char *path, bool make, struct node **dir, char name[256])
{
	struct walk w = { .t = t, .at = t->root, .make = make };
	char clean[MAX_PATH];
	size_t len = 0, part;
	char *slash;

	clean[0] = '\0';
	for (; *path; path += part) {
		path += strspn(path, "/");
		part = strcspn(path, "/");
		if (part == 0)
			break;
		if (part == 1 && path[0] == '.')
			continue;
		if (part == 2 && path[0] == '.' && path[1] == '.') {
			slash = strrchr(clean, '/');
			len = slash ? (size_t)(slash - clean) : 0;
			clean[len] = '\0';
			continue;
		}
		if (part > 255)
			return "a part of its name is longer than 255 bytes";
		if (len + part + 2 > sizeof(clean))
			return "its name is longer than 4095 bytes";
		clean[len++] = '/';
		memcpy(clean + len, path, part);
		len += part;
		clean[len] = '\0';
	}
	slash = strrchr(clean, '/');
	snprintf(name, 256, "%s", slash ? slash + 1 : "");
	if (slash)
		*slash = '\0';
	*dir = walk_path(&w, clean, true);
	if (!*dir || !S_ISDIR((*dir)->inode->mode))
		return "its folder is a loop of symbolic links or missing";
	return NULL;
}

/* Puts `inode` at dir/name. */
static void place(struct tree *t, struct node *dir, const char *name, struct inode *inode)
{
	size_t index, len = strlen(name);
	struct node *n;

	if (!child_index(dir, name, len, &index)) {
		n = node_new(name, len, inode);
		n->layer = t->layer;
		insert_child(dir, index, n);
		return;
	}
	n = dir->child[index];
	while (n->children > 0 && !S_ISDIR(inode->mode))
		tree_remove(n->child[n->children - 1]);
	inode->links++;
	inode_put(n->inode);
	n->inode = inode;
	n->layer = t->layer;
}

const char *tree_add(struct tree *t, const char *path, const struct inode *meta, struct inode **made)
{
	char name[256];
	struct node *dir;
	struct inode *inode;
	const char *why = locate(t, path, true, &dir, name);

	if (why)
		return why;
	if (!name[0] && !S_ISDIR(meta->mode))
		return "it would replace the root folder";
	inode = inode_new(meta);
	if (made)
		*made = inode;
	if (name[0]) {
		place(t, dir, name, inode);
	} else {
		inode->links = 1;
		inode_put(t->root->inode);
		t->root->inode = inode;
	}
	return NULL;
}

const char *tree_link(struct tree *t, const char *path, const char *target, struct inode **made)
{
	char name[256];
	struct node *dir, *to;
	const char *why = locate(t, target, false, &dir, name);
	size_t index;

	if (why || !name[0] || !child_index(dir, name, strlen(name), &index))
		return "it is a hard link to a file that is not in the image";
	to = dir->child[index];
	if (S_ISDIR(to->inode->mode))
		return "it is a hard link to a folder";
	*made = to->inode;
	to->inode->links++; /* held while the old name may go away */
	why = locate(t, path, true, &dir, name);
	if (!why && !name[0])
		why = "it would replace the root folder";
	if (!why)
		place(t, dir, name, *made);
	inode_put(*made);
	return why;
}

/* Removes what is from earlier layers, folders only when nothing of this layer is left in them. Returns true if `n` itself may go. */
static bool prune(const struct tree *t, struct node *n)
{
	size_t i = n->children;

	while (i-- > 0)
		if (prune(t, n->child[i]))
			tree_remove(n->child[i]);
	return n->children == 0 && n->layer < t->layer;
}

void tree_whiteout(struct tree *t, const char *path)
{
	struct node *dir;
	char name[256];
	size_t index;

	if (locate(t, path, false, &dir, name) || !name[0] || !child_index(dir, name, strlen(name), &index))
		return;
	if (prune(t, dir->child[index]))
		tree_remove(dir->child[index]);
}

void tree_opaque(struct tree *t, const char *path)
{
	struct node *dir = tree_find(t, path, true);
	size_t i;

	if (!dir || !S_ISDIR(dir->inode->mode))
		return;
	for (i = dir->children; i-- > 0;)
		if (prune(t, dir->child[i]))
			tree_remove(dir->child[i]);
}
