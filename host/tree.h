/*
 * An image as a tree in memory: names, attributes, and where each file's data lies in the spool. Pure: no file is touched here, and
 * whatever a path says ("..", absolute, through symbolic links), it stays inside the tree.
 */
#ifndef HOST_TREE_H
#define HOST_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What hard links share. */
struct inode {
	mode_t mode; /* type and permissions */
	uint32_t uid, gid;
	uint32_t mtime;
	uint32_t rdev_major, rdev_minor;
	char *target;  /* of a symbolic link */
	uint64_t data; /* offset in the spool */
	uint64_t size;
	uint32_t links;  /* nodes that point here */
	uint32_t number; /* given by the writer; 0: not written yet */
};

struct node {
	char *name;
	struct node *parent; /* the root's is NULL */
	struct inode *inode;
	struct node **child; /* sorted by name */
	size_t children, room;
	unsigned layer; /* that named it last */
};

struct tree {
	struct node *root;
	unsigned layer; /* being applied */
};

/* An empty tree: a root folder. Exits with a message when out of memory, as all of these do. */
struct tree *tree_new(void);
void tree_free(struct tree *t);

/*
 * Adds or replaces what `path` names, with a copy of *meta (target is copied too). A folder over a folder keeps its content; missing
 * parents are made. Returns 0, or a short reason if the path cannot be used.
 */
const char *tree_add(struct tree *t, const char *path, const struct inode *meta, struct inode **made);
/* Makes `path` another name of `target`. Returns as tree_add(). */
const char *tree_link(struct tree *t, const char *path, const char *target, struct inode **made);
/* Removes what `path` names, if it comes from an earlier layer (a whiteout). */
void tree_whiteout(struct tree *t, const char *path);
/* Removes what earlier layers put into the folder `path` (an opaque folder). */
void tree_opaque(struct tree *t, const char *path);
/* Finds a node. `follow`: also if the last part is a symbolic link. Returns NULL if there is none. */
struct node *tree_find(const struct tree *t, const char *path, bool follow);
/* Removes a node and everything below it. */
void tree_remove(struct node *n);

#endif
