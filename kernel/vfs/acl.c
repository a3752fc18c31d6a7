/*
 * POSIX access lists, on file systems that know them (super->has_acls): who beside the owner, the owners' group and all others may do what. The access list
 * of a file is asked by perm.c; a directory's default list is what its children begin with. A list that says no more than the mode does is not kept: it is the
 * mode. User space sees them as the attributes system.posix_acl_access and system.posix_acl_default. Entry points: acl_get, acl_set, acl_list, acl_load;
 * acl_permission; acl_chmod, acl_inherit, acl_umask, acl_free.
 *
 * A list belongs to its inode alone. Writers hold the inode's lock and acl_lock; readers hold one of the two.
 */
#include <linux/xattr.h>

#include "vfs/internal.h"

#define VERSION 2u
#define TAG_OWNER 1u
#define TAG_USER 2u
#define TAG_OWNERS_GROUP 4u
#define TAG_GROUP 8u
#define TAG_MASK 16u
#define TAG_OTHERS 32u
struct entry {
	u16 tag, perm;
	u32 id; /* kernel-wide, of TAG_USER and TAG_GROUP; in an attribute as its reader's user namespace counts */
};
struct acl {
	u32 n;
	struct entry e[];
};
static DEFINE_SPINLOCK(acl_lock, RANK_ACL);

bool acl_is_name(const char *name) { return !strcmp(name, XATTR_NAME_POSIX_ACL_ACCESS) || !strcmp(name, XATTR_NAME_POSIX_ACL_DEFAULT); }

static bool is_access(const char *name) { return !strcmp(name, XATTR_NAME_POSIX_ACL_ACCESS); }
static int supported(const struct inode *i) { return i->sb->has_acls && !S_ISLNK(i->mode) ? 0 : -EOPNOTSUPP; }
static size_t size_of(const struct acl *a) { return sizeof(*a) + a->n * sizeof(struct entry); }

static struct entry *find(struct acl *a, u16 tag)
{
	for (u32 k = 0; k < a->n; k++) {
		if (a->e[k].tag == tag)
			return &a->e[k];
	}
	return NULL;
}

/* Where the bits of the mode's group are: in the mask, if there is one. */
static struct entry *group_class(struct acl *a)
{
	struct entry *mask = find(a, TAG_MASK);
	return mask ? mask : find(a, TAG_OWNERS_GROUP);
}

/* What the mode says of a list. *more: the list says more than that. */
static u32 mode_of(struct acl *a, bool *more)
{
	*more = a->n > 3;
	return (u32)find(a, TAG_OWNER)->perm << 6 | (u32)group_class(a)->perm << 3 | find(a, TAG_OTHERS)->perm;
}

/* --- attributes ---------------------------------------------------------------------------------------------------------------------------------- */

/* *out: NULL for no entries. 0, -EINVAL, -EOPNOTSUPP (another version), -ENOMEM. */
static int parse(const u8 *value, size_t size, struct user_namespace *ns, struct acl **out)
{
	u32 version;
	*out = NULL;
	if (size < sizeof(version))
		return size ? -EINVAL : 0;
	memcpy(&version, value, sizeof(version));
	if (version != VERSION)
		return -EOPNOTSUPP;
	if ((size - sizeof(version)) % sizeof(struct entry))
		return -EINVAL;
	u32 n = (u32)((size - sizeof(version)) / sizeof(struct entry));
	if (!n)
		return 0;
	struct acl *a = kmalloc(sizeof(*a) + n * sizeof(struct entry));
	if (!a)
		return -ENOMEM;
	a->n = n;
	memcpy(a->e, value + sizeof(version), n * sizeof(struct entry));
	for (u32 k = 0; k < n; k++) {
		struct entry *e = &a->e[k];
		if (!e->tag || (e->tag & (e->tag - 1)) || e->tag > TAG_OTHERS) {
			kfree(a);
			return -EINVAL;
		}
		e->id = e->tag == TAG_USER ? make_uid(ns, e->id) : e->tag == TAG_GROUP ? make_gid(ns, e->id) : NO_ID;
	}
	*out = a;
	return 0;
}

/* In order: the owner, users, the owners' group, groups, a mask (there must be one if there are names), all others; ids that the file system can hold. */
static bool is_valid(const struct acl *a, struct user_namespace *ns)
{
	u32 last = 0;
	bool named = false, masked = false;
	for (u32 k = 0; k < a->n; k++) {
		const struct entry *e = &a->e[k];
		bool name = e->tag == TAG_USER || e->tag == TAG_GROUP;
		if ((e->perm & ~7u) || e->tag < last || (e->tag == last && !name))
			return false;
		if ((!last && e->tag != TAG_OWNER) || (e->tag > TAG_OWNERS_GROUP && last < TAG_OWNERS_GROUP))
			return false;
		if (name && (e->id == NO_ID || (e->tag == TAG_USER ? uid_in(ns, e->id) : gid_in(ns, e->id)) == NO_ID))
			return false;
		named |= name;
		masked |= e->tag == TAG_MASK;
		last = e->tag;
	}
	return last == TAG_OTHERS && (masked || !named);
}

int acl_get(struct inode *i, const char *name, void *buf, size_t size)
{
	const struct acl *a = is_access(name) ? i->acl : i->default_acl;
	int err = supported(i);
	if (err || !a)
		return err ? err : -ENODATA;
	size_t need = sizeof(u32) + a->n * sizeof(struct entry);
	if (!size || size < need)
		return size ? -ERANGE : (int)need;
	u32 version = VERSION;
	memcpy(buf, &version, sizeof(version));
	for (u32 k = 0; k < a->n; k++) {
		struct entry e = a->e[k];
		e.id = e.tag == TAG_USER ? uid_in(current_user_ns(), e.id) : e.tag == TAG_GROUP ? gid_in(current_user_ns(), e.id) : NO_ID;
		memcpy((u8 *)buf + sizeof(version) + k * sizeof(e), &e, sizeof(e));
	}
	return (int)need;
}

int acl_list(const struct inode *i, char *buf, size_t size)
{
	size_t n = 0;
	const struct {
		bool there;
		const char *name;
	} list[] = {
		{ i->acl, XATTR_NAME_POSIX_ACL_ACCESS },
		{ i->default_acl, XATTR_NAME_POSIX_ACL_DEFAULT },
	};
	for (u32 k = 0; k < ARRAY_SIZE(list); k++) {
		size_t len = strlen(list[k].name) + 1;
		if (!list[k].there)
			continue;
		if (size && n + len > size)
			return -ERANGE;
		if (size)
			memcpy(buf + n, list[k].name, len);
		n += len;
	}
	return (int)n;
}

/* Takes over a, which may be NULL. => inode lock, or nobody else knows i */
static void store(struct inode *i, bool access, struct acl *a)
{
	struct acl *old = access ? i->acl : i->default_acl;
	bool more = a;
	spin_lock(&acl_lock);
	if (access && a)
		WRITE_ONCE(i->mode, (i->mode & ~S_IRWXUGO) | mode_of(a, &more));
	WRITE_ONCE(*(access ? &i->acl : &i->default_acl), access && !more ? NULL : a);
	spin_unlock(&acl_lock);
	kfree(old);
	if (access && !more)
		kfree(a);
}

/* What is asked of current before a list is set or taken away. */
static int may_set(const struct path *p, bool access, const struct acl *a)
{
	const struct inode *i = p->dentry->inode;
	if (inode_is_fixed(i))
		return -EPERM;
	int err = supported(i);
	if (err)
		return err;
	if (!access && !S_ISDIR(i->mode))
		return a ? -EACCES : 0;
	if (!inode_owner_or_capable(i))
		return -EPERM;
	return a && !is_valid(a, i->sb->user_ns) ? -EINVAL : 0;
}

int acl_set(const struct path *p, const char *name, const void *value, size_t size)
{
	struct inode *i = p->dentry->inode;
	struct acl *a;
	bool access = is_access(name);
	int err = mount_want_write(p->mnt);
	if (!err)
		err = parse(value, size, current_user_ns(), &a);
	if (err)
		return err;
	err = may_set(p, access, a);
	if (err || (!access && !S_ISDIR(i->mode))) {
		kfree(a);
		return err;
	}
	store(i, access, a);
	if (access && !cred_in_group(current_cred(), i->gid) && !capable_over(i, CAP_FSETID))
		WRITE_ONCE(i->mode, i->mode & ~(u32)S_ISGID);
	i->ctime = file_now();
	return 0;
}

int acl_load(struct inode *i, const char *name, const void *value, size_t size)
{
	struct acl *a;
	int err = parse(value, size, i->sb->user_ns, &a);
	if (err || !a)
		return err;
	if (!is_valid(a, i->sb->user_ns)) {
		kfree(a);
		return -EINVAL;
	}
	store(i, is_access(name), a);
	return 0;
}

/* --- what they do -------------------------------------------------------------------------------------------------------------------------------- */

/* An entry for a name or a group holds within the mask. */
static bool within_mask(struct acl *a, const struct entry *e, u32 want)
{
	const struct entry *mask = find(a, TAG_MASK);
	return (e->perm & (mask ? mask->perm : 7u) & want) == want;
}

/* The user's own entry decides; then those of its groups, if there are any, of which one has to allow everything; then that of all others. */
static bool allows(struct acl *a, const struct inode *i, u32 want, const struct cred *c)
{
	bool member = false;
	for (u32 k = 0; k < a->n; k++) {
		const struct entry *e = &a->e[k];
		if (e->tag == TAG_USER && e->id == c->fsuid)
			return within_mask(a, e, want);
		if ((e->tag == TAG_OWNERS_GROUP && cred_in_group(c, i->gid)) || (e->tag == TAG_GROUP && cred_in_group(c, e->id))) {
			member = true;
			if ((e->perm & want) == want)
				return within_mask(a, e, want);
		}
		if (e->tag == TAG_OTHERS)
			return !member && (e->perm & want) == want;
	}
	return false;
}

int acl_permission(const struct inode *i, u32 want, const struct cred *c)
{
	spin_lock(&acl_lock);
	int err = !i->acl ? -EAGAIN : allows(i->acl, i, want, c) ? 0 : -EACCES;
	spin_unlock(&acl_lock);
	return err;
}

void acl_chmod(struct inode *i)
{
	spin_lock(&acl_lock);
	if (i->acl) {
		find(i->acl, TAG_OWNER)->perm = i->mode >> 6 & 7;
		group_class(i->acl)->perm = i->mode >> 3 & 7;
		find(i->acl, TAG_OTHERS)->perm = i->mode & 7;
	}
	spin_unlock(&acl_lock);
}

u32 acl_umask(const struct inode *dir) { return READ_ONCE(dir->default_acl) ? 0 : current_umask(); }

int acl_inherit(struct inode *i, const struct inode *dir)
{
	const struct acl *from = dir->default_acl;
	if (likely(!from) || S_ISLNK(i->mode))
		return 0;
	struct acl *a = kmalloc(size_of(from)), *own = S_ISDIR(i->mode) ? kmalloc(size_of(from)) : NULL;
	if (!a || (S_ISDIR(i->mode) && !own)) {
		kfree(a);
		kfree(own);
		return -ENOMEM;
	}
	memcpy(a, from, size_of(from));
	if (own)
		memcpy(own, from, size_of(from));
	/* The mode that its maker asks for takes away from the list. */
	find(a, TAG_OWNER)->perm &= i->mode >> 6 & 7;
	group_class(a)->perm &= i->mode >> 3 & 7;
	find(a, TAG_OTHERS)->perm &= i->mode & 7;
	store(i, true, a);
	store(i, false, own);
	return 0;
}

void acl_free(struct inode *i)
{
	kfree(i->acl);
	kfree(i->default_acl);
}
