/*
 * POSIX access lists as extended attributes, on file systems that know them: only lists that say what the mode says, too. A file then has none, setting one is
 * a chmod, as on Linux; one with names of users or groups in it is refused, as by a file system without lists. Entry points: acl_is_name, acl_get, acl_set.
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
	u32 id;
};

bool acl_is_name(const char *name) { return !strcmp(name, XATTR_NAME_POSIX_ACL_ACCESS) || !strcmp(name, XATTR_NAME_POSIX_ACL_DEFAULT); }

static int supported(const struct inode *i) { return i->sb->has_acls && !S_ISLNK(i->mode) ? 0 : -EOPNOTSUPP; }

int acl_get(const struct inode *i)
{
	int err = supported(i);
	return err ? err : -ENODATA;
}

/* Where a kind of entry has its bits in the mode; a mask's do not count. */
static u32 shift_of(u16 tag) { return tag == TAG_OWNER ? 6 : tag == TAG_OWNERS_GROUP ? 3 : 0; }

/* A list in order: the owner, users, the owners' group, groups, a mask if there are names, all others. *mode: permission bits. 0, -EINVAL, -EOPNOTSUPP (it has names). */
static int parse(const u8 *value, size_t size, u32 *mode)
{
	u32 version, last = 0, named = 0;
	bool masked = false;
	if (size < sizeof(version) || (size - sizeof(version)) % sizeof(struct entry))
		return -EINVAL;
	memcpy(&version, value, sizeof(version));
	if (version != VERSION)
		return -EOPNOTSUPP;
	*mode = 0;
	for (size_t at = sizeof(version); at < size; at += sizeof(struct entry)) {
		struct entry e;
		memcpy(&e, value + at, sizeof(e));
		bool again = e.tag == last && (e.tag == TAG_USER || e.tag == TAG_GROUP);
		if ((e.perm & ~7u) || (e.tag & (e.tag - 1)) || !e.tag || e.tag > TAG_OTHERS || (e.tag <= last && !again))
			return -EINVAL;
		if ((!last && e.tag != TAG_OWNER) || (e.tag > TAG_OWNERS_GROUP && last < TAG_OWNERS_GROUP))
			return -EINVAL;
		last = e.tag;
		masked |= e.tag == TAG_MASK;
		named += e.tag == TAG_USER || e.tag == TAG_GROUP;
		if (e.tag & (TAG_OWNER | TAG_OWNERS_GROUP | TAG_OTHERS))
			*mode |= (u32)e.perm << shift_of(e.tag);
	}
	if (last != TAG_OTHERS || (named && !masked))
		return -EINVAL;
	return named || masked ? -EOPNOTSUPP : 0;
}

int acl_set(const struct path *p, const char *name, const void *value, size_t size)
{
	struct inode *i = p->dentry->inode;
	bool access = !strcmp(name, XATTR_NAME_POSIX_ACL_ACCESS), empty = size <= sizeof(u32);
	u32 mode = 0;
	if (size && size < sizeof(u32))
		return -EINVAL;
	int err = size ? parse(value, size, &mode) : 0;
	if (empty && err == -EINVAL)
		err = 0; /* no entries: no list */
	if (err == -EINVAL)
		return err;
	int may = mount_want_write(p->mnt);
	if (!may)
		may = supported(i);
	if (!may && !access && !S_ISDIR(i->mode))
		return empty ? 0 : -EACCES;
	if (!may && (inode_is_fixed(i) || !inode_owner_or_capable(i)))
		may = -EPERM;
	if (may || err || empty)
		return may ? may : err;
	if (!access)
		return -EOPNOTSUPP; /* what is made in a directory takes its mode from its maker alone */
	struct inode_attr a = { .valid = ATTR_MODE, .mode = (i->mode & 07000) | mode };
	if (!cred_in_group(current_cred(), i->gid) && !capable_over(i, CAP_FSETID))
		a.mode &= ~(u32)S_ISGID;
	return inode_setattr(i, &a);
}
