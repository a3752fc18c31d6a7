/* Extended attributes kept in memory. Entry points: tmpfs_xattr_get/set/list/remove. */
#include "fs/tmpfs_xattr.h"

#include <linux/limits.h>
#include <linux/xattr.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/cred.h"

struct xattr {
	struct list_head node;
	size_t size, name_len;
	char *name; /* behind the value */
	u8 value[];
};

void tmpfs_xattrs_init(struct tmpfs_xattrs *x)
{
	list_init(&x->list);
	x->names = 0;
}

static struct xattr *find(const struct tmpfs_xattrs *x, const char *name)
{
	struct xattr *a;
	list_for_each(a, &x->list, node) {
		if (!strcmp(a->name, name))
			return a;
	}
	return NULL;
}

static void drop(struct tmpfs_xattrs *x, struct xattr *a)
{
	list_del(&a->node);
	x->names -= a->name_len + 1;
	kfree(a);
}

void tmpfs_xattrs_free(struct tmpfs_xattrs *x)
{
	while (!list_empty(&x->list))
		drop(x, list_first(&x->list, struct xattr, node));
}

int tmpfs_xattr_get(const struct tmpfs_xattrs *x, const char *name, void *buf, size_t size)
{
	struct xattr *a = find(x, name);
	if (!a)
		return -ENODATA;
	if (size && size < a->size)
		return -ERANGE;
	if (size)
		memcpy(buf, a->value, a->size);
	return (int)a->size;
}

int tmpfs_xattr_list(const struct tmpfs_xattrs *x, char *buf, size_t size)
{
	struct xattr *a;
	size_t n = 0;
	list_for_each(a, &x->list, node) {
		/* trusted.* is not even named to others. */
		if (str_starts(a->name, XATTR_TRUSTED_PREFIX) && !capable(CAP_SYS_ADMIN))
			continue;
		size_t len = a->name_len + 1;
		if (size && n + len > size)
			return -ERANGE;
		if (size)
			memcpy(buf + n, a->name, len);
		n += len;
	}
	return n > XATTR_LIST_MAX ? -E2BIG : (int)n;
}

int tmpfs_xattr_set(struct tmpfs_xattrs *x, const char *name, const void *value, size_t size, int flags)
{
	struct xattr *old = find(x, name);
	if (old && (flags & XATTR_CREATE))
		return -EEXIST;
	if (!old && (flags & XATTR_REPLACE))
		return -ENODATA;
	size_t len = strlen(name);
	if (!old && x->names + len + 1 > XATTR_LIST_MAX)
		return -ENOSPC;
	struct xattr *a = kmalloc(sizeof(*a) + size + len + 1);
	if (!a)
		return -ENOMEM;
	a->size = size;
	a->name_len = len;
	a->name = (char *)a->value + size;
	memcpy(a->value, value, size);
	memcpy(a->name, name, len + 1);
	if (old)
		drop(x, old);
	list_add_tail(&a->node, &x->list);
	x->names += len + 1;
	return 0;
}

int tmpfs_xattr_remove(struct tmpfs_xattrs *x, const char *name)
{
	struct xattr *a = find(x, name);
	if (!a)
		return -ENODATA;
	drop(x, a);
	return 0;
}
