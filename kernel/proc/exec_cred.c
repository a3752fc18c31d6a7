/*
 * The credentials of a new program: cred_for_exec(). Set-id bits, file capabilities (the xattr security.capability), the root rule, and what is taken away
 * again when somebody could abuse the gain. Rules: spec of execve, "Credentials"; P is the permitted, I the inheritable, f a file's set:
 *
 *   P' = (bounding & fP) | (I & fI) | ambient'      E' = P' if the file says effective, else ambient'
 */
#include <linux/prctl.h>
#include <linux/securebits.h>
#include <linux/stat.h>
#include <linux/xattr.h>

#include "lib/string.h"
#include "proc/internal.h"
#include "vfs/vfs.h"

/* What one file does to the capabilities of who runs it. */
struct file_caps {
	bool there, effective;
	u64 permitted, inheritable;
};

/* The user whose root is meant by a file's capabilities has to be root of current's user namespace or of one above it. */
static bool root_of_ours(u32 kid)
{
	for (const struct user_namespace *ns = current_user_ns();; ns = ns->parent) {
		if (uid_in(ns, kid) == 0)
			return true;
		if (!ns->parent)
			return false;
	}
}

/* 0 (there or not), -EINVAL for bytes that make no sense, or the file system's error. */
static int read_file_caps(struct inode *i, struct file_caps *out)
{
	struct vfs_ns_cap_data d = { 0 };
	*out = (struct file_caps){ 0 };
	if (likely(!i->has_caps))
		return 0;
	mutex_lock(&i->lock);
	int n = i->ops->getxattr(i, XATTR_NAME_CAPS, &d, sizeof(d));
	mutex_unlock(&i->lock);
	if (n == -ENODATA || n == -EOPNOTSUPP)
		return 0;
	if (n < 0)
		return n == -ERANGE ? -EINVAL : n;
	u32 revision = d.magic_etc & VFS_CAP_REVISION_MASK, words = 2, root = 0;
	if (n == XATTR_CAPS_SZ_1 && revision == VFS_CAP_REVISION_1)
		words = 1;
	else if (n == XATTR_CAPS_SZ_3 && revision == VFS_CAP_REVISION_3)
		root = d.rootid;
	else if (n != XATTR_CAPS_SZ_2 || revision != VFS_CAP_REVISION_2)
		return -EINVAL;
	root = make_uid(i->sb->user_ns, root);
	if (root == NO_ID || !root_of_ours(root))
		return 0;
	out->there = true;
	out->effective = d.magic_etc & VFS_CAP_FLAGS_EFFECTIVE;
	for (u32 w = 0; w < words; w++) {
		out->permitted |= (u64)d.data[w].permitted << (32 * w);
		out->inheritable |= (u64)d.data[w].inheritable << (32 * w);
	}
	out->permitted &= ALL_CAPS;
	out->inheritable &= ALL_CAPS;
	return 0;
}

/* The set-id bits, where they count. */
static void apply_set_id(struct cred *c, const struct inode *inode)
{
	/* Ids that the namespace has no name for are nobody here. */
	if (uid_in(c->user_ns, inode->uid) == NO_ID || gid_in(c->user_ns, inode->gid) == NO_ID)
		return;
	if (inode->mode & S_ISUID)
		c->euid = inode->uid;
	if ((inode->mode & (S_ISGID | 0010)) == (S_ISGID | 0010))
		c->egid = inode->gid;
}

/* -EPERM: a program that knows nothing of capabilities counts on one that it cannot have. */
static int apply_file_caps(struct cred *c, const struct cred *old, const struct file_caps *f)
{
	c->cap_permitted = (old->cap_bset & f->permitted) | (old->cap_inheritable & f->inheritable);
	return f->effective && (f->permitted & ~c->cap_permitted) ? -EPERM : 0;
}

/* The superuser has every capability that its bounding set leaves; not by a set-user-ID file that says itself what it needs. *effective: from the start. */
static void apply_root_rule(struct cred *c, const struct cred *old, u32 root, bool file_caps, bool *effective)
{
	if ((c->securebits & (1u << SECURE_NOROOT)) || root == NO_ID)
		return;
	if (file_caps && c->euid == root && c->uid != root)
		return;
	if (c->euid == root || c->uid == root)
		c->cap_permitted = old->cap_bset | old->cap_inheritable;
	if (c->euid == root)
		*effective = true;
}

/* Somebody else has a hand on this process: it gets no more than it had. */
static void refuse_gain(struct cred *c, const struct cred *old)
{
	if (!ns_capable(c->user_ns, CAP_SETUID) || task_no_new_privs(current)) {
		c->euid = c->uid;
		c->egid = c->gid;
	}
	c->cap_permitted &= old->cap_permitted;
}

/* Into c, a copy of old. */
static int compute(struct cred *c, const struct cred *old, struct inode *inode, bool nosuid, bool unsafe, bool *secure)
{
	struct file_caps f = { 0 };
	u32 root = make_uid(c->user_ns, 0);
	int err = nosuid ? 0 : read_file_caps(inode, &f);
	if (err)
		return err;
	if (!nosuid && !task_no_new_privs(current))
		apply_set_id(c, inode);
	err = apply_file_caps(c, old, &f);
	if (err)
		return err;
	bool effective = f.effective;
	apply_root_rule(c, old, root, f.there, &effective);
	bool ids_change = c->euid != old->uid || c->egid != old->gid;
	if ((ids_change || (c->cap_permitted & ~old->cap_permitted)) && (unsafe || task_no_new_privs(current)))
		refuse_gain(c, old);
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
	if (f.there || ids_change)
		c->cap_ambient = 0;
	c->cap_permitted |= c->cap_ambient;
	c->cap_effective = effective ? c->cap_permitted : c->cap_ambient;
	c->securebits &= ~(1u << SECURE_KEEP_CAPS);
	*secure = ids_change || (c->uid != root && (effective || (c->cap_permitted & ~c->cap_ambient)));
	return 0;
}

int cred_for_exec(struct inode *inode, bool nosuid, bool unsafe, struct cred **out, bool *secure)
{
	struct cred *c;
	int err = cred_prepare(&c);
	if (err)
		return err;
	err = compute(c, current->cred, inode, nosuid, unsafe, secure);
	if (err) {
		cred_put(c);
		return err;
	}
	*out = c;
	return 0;
}
