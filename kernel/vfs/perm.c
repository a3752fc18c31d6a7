/* Permission checks. Entry points: inode_permission(), may_create(), may_delete(), cred_in_group(), cred_get(). */
#include "vfs/internal.h"

bool cred_in_group(const struct cred *c, u32 gid)
{
	if (c->fsgid == gid)
		return true;
	const struct group_list *g = c->groups;
	u32 lo = 0, hi = g ? g->n : 0;
	while (lo < hi) {
		u32 mid = (lo + hi) / 2;
		if (g->gid[mid] == gid)
			return true;
		if (g->gid[mid] < gid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

void cred_get(const struct cred *c) { atomic_inc((atomic_t *)&c->refs); }

static bool cred_capable_over(const struct cred *c, const struct inode *i, int cap)
{
	if (!(c->cap_effective >> cap & 1))
		return false;
	return likely(c->user_ns == &init_user_ns) || (uid_in(c->user_ns, i->uid) != NO_ID && gid_in(c->user_ns, i->gid) != NO_ID);
}

bool capable_over(const struct inode *i, int cap) { return cred_capable_over(current_cred(), i, cap); }

/* The bits of the mode that are about c, lowest; or mask itself, if an access list allows that. */
static u32 bits_about(const struct inode *i, u32 mode, u32 mask, const struct cred *c)
{
	if (c->fsuid == i->uid)
		return mode >> 6;
	if (unlikely(READ_ONCE(i->acl) != NULL) && (mode & S_IRWXG)) {
		int err = acl_permission(i, mask, c);
		if (err != -EAGAIN)
			return err ? 0 : mask;
	}
	return (mask & (mode ^ mode >> 3)) && cred_in_group(c, i->gid) ? mode >> 3 : mode;
}

/* Mode bits and capabilities. */
static int mode_permission(const struct inode *i, int mask, const struct cred *c)
{
	u32 mode = READ_ONCE(i->mode);
	if (!((u32)mask & ~bits_about(i, mode, (u32)mask, c) & 7))
		return 0;
	if (S_ISDIR(mode)) {
		if (!(mask & MAY_WRITE) && cred_capable_over(c, i, CAP_DAC_READ_SEARCH))
			return 0;
		return cred_capable_over(c, i, CAP_DAC_OVERRIDE) ? 0 : -EACCES;
	}
	if (mask == MAY_READ && cred_capable_over(c, i, CAP_DAC_READ_SEARCH))
		return 0;
	if ((!(mask & MAY_EXEC) || (mode & 0111)) && cred_capable_over(c, i, CAP_DAC_OVERRIDE))
		return 0;
	return -EACCES;
}

int inode_permission_cred(struct inode *i, int mask, const struct cred *c)
{
	if (unlikely(mask & MAY_WRITE) && (i->sb->flags & MS_RDONLY) && (S_ISREG(i->mode) || S_ISDIR(i->mode) || S_ISLNK(i->mode)))
		return -EROFS;
	if (unlikely(mask & MAY_WRITE) && inode_is_immutable(i))
		return -EPERM;
	int err = i->ops && unlikely(i->ops->permission) ? i->ops->permission(i, mask) : 0;
	return err ? min(err, 0) : mode_permission(i, mask & 7, c);
}

int inode_permission(struct inode *i, int mask) { return inode_permission_cred(i, mask, current_cred()); }

bool inode_owner_or_capable(const struct inode *i)
{
	const struct cred *c = current_cred();
	return c->fsuid == i->uid || ((c->cap_effective >> CAP_FOWNER & 1) && uid_in(c->user_ns, i->uid) != NO_ID);
}

int may_create(struct inode *dir)
{
	if (dir->dead)
		return -ENOENT;
	const struct cred *c = current_cred();
	if (uid_in(dir->sb->user_ns, c->fsuid) == NO_ID || gid_in(dir->sb->user_ns, c->fsgid) == NO_ID)
		return -EOVERFLOW;
	return inode_permission(dir, MAY_WRITE | MAY_EXEC);
}

int may_delete(struct inode *dir, struct inode *victim, bool isdir)
{
	int err = inode_permission(dir, MAY_WRITE | MAY_EXEC);
	if (err)
		return err;
	if (inode_is_append_only(dir) || inode_is_fixed(victim))
		return -EPERM;
	u32 fsuid = current_cred()->fsuid;
	if ((dir->mode & S_ISVTX) && fsuid != victim->uid && fsuid != dir->uid && !capable_over(victim, CAP_FOWNER))
		return -EPERM;
	if (isdir && !S_ISDIR(victim->mode))
		return -ENOTDIR;
	if (!isdir && S_ISDIR(victim->mode))
		return -EISDIR;
	return dir->dead ? -ENOENT : 0;
}

/* --- files that others have laid in wait --------------------------------------------------------------------------------------------------- */

u32 protected_symlinks = 1, protected_hardlinks = 1, protected_fifos, protected_regular;

int may_follow_link(const struct inode *dir, const struct inode *link, const struct cred *c)
{
	if (!READ_ONCE(protected_symlinks) || link->uid == c->fsuid || (dir->mode & (S_ISVTX | S_IWOTH)) != (S_ISVTX | S_IWOTH))
		return 0;
	return link->uid == dir->uid ? 0 : -EACCES;
}

/* Can nobody gain anything by another name for it? */
static bool safe_hardlink_source(struct inode *i)
{
	if (!S_ISREG(i->mode) || (i->mode & S_ISUID) || (i->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		return false;
	return inode_permission(i, MAY_READ | MAY_WRITE) == 0;
}

int may_hardlink(struct inode *i) { return !READ_ONCE(protected_hardlinks) || safe_hardlink_source(i) || inode_owner_or_capable(i) ? 0 : -EPERM; }

int may_create_in_sticky(const struct inode *dir, const struct inode *i)
{
	u32 level = S_ISFIFO(i->mode) ? READ_ONCE(protected_fifos) : S_ISREG(i->mode) ? READ_ONCE(protected_regular) : 1;
	if (!level || likely(!(dir->mode & S_ISVTX)) || i->uid == dir->uid || i->uid == current_cred()->fsuid)
		return 0;
	return (dir->mode & S_IWOTH) || ((dir->mode & S_IWGRP) && level >= 2) ? -EACCES : 0;
}
