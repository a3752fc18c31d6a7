/*
 * Mounting in steps: a configuration in a file (fsopen, fspick), filled by fsconfig, made a mount that is nowhere yet by fsmount. Entry points: sys_fsopen,
 * sys_fspick, sys_fsconfig, sys_fsmount. The mounts themselves: mount_tree.c.
 *
 * A configuration goes through phases: parameters are taken, the superblock is made (or failed), a mount waits to be taken out, and from then on (or from
 * fspick on) parameters for a change are taken. What a call finds in another phase is EBUSY.
 */
#include <linux/magic.h>

#include "gen/sys_protos.h"
#include "lib/format.h"
#include "vfs/internal.h"

#ifndef FSCONFIG_CMD_CREATE_EXCL
#define FSCONFIG_CMD_CREATE_EXCL 8 /* 6.6 */
#endif
#define STRING_MAX 256
#define DATA_MAX (PAGE_SIZE - 2)

enum phase { TAKES_PARAMS, AWAITS_MOUNT, AWAITS_CHANGE, TAKES_CHANGES, FAILED };
struct fs_config {
	struct mutex lock;        /* RANK_MOUNT_CONFIG: all below */
	enum phase phase;
	const struct fs_type *type; /* constant */
	char *source;             /* NULL: none was named */
	char *data;               /* "key=value,key": what the type is to be told; NULL: nothing yet */
	size_t len;
	u32 sb_flags, sb_mask;    /* MS_RDONLY, as far as it was named */
	struct super *sb;         /* counted: once made, or picked */
};

static void config_free(struct fs_config *c)
{
	if (c->sb)
		super_put(c->sb);
	kfree(c->source);
	kfree(c->data);
	kfree(c);
}

static void config_release(struct file *f) { config_free(f->private); }
/* Messages for the caller: there are none. */
static ssize_t config_read(struct file *f, struct iter *to, u64 *pos) { return -ENODATA; }
static const struct file_ops config_fops = { .read = config_read, .release = config_release };

/* A file for c, which it takes over. The descriptor or -errno. */
static long config_fd(struct fs_config *c, bool cloexec)
{
	struct file *f;
	int err = file_create_anon("anon_inode:[fscontext]", 0600, &config_fops, c, O_RDWR, &f);
	if (err) {
		config_free(c);
		return err;
	}
	return fd_install_new(f, cloexec);
}

static int config_create(const struct fs_type *t, enum phase phase, struct fs_config **out)
{
	struct fs_config *c = kzalloc(sizeof(*c));
	if (!c)
		return -ENOMEM;
	mutex_init(&c->lock, RANK_MOUNT_CONFIG);
	c->type = t;
	c->phase = phase;
	*out = c;
	return 0;
}

/* A string of user space. 0, -EFAULT, -EINVAL (too long), -ENOMEM */
static int copy_name(uaddr_t u, size_t max, char **out)
{
	size_t len = strnlen_user(u, max);
	if (!len || len > max)
		return len ? -EINVAL : -EFAULT;
	char *s = kmalloc(len);
	if (!s)
		return -ENOMEM;
	if (copy_from_user(s, u, len)) {
		kfree(s);
		return -EFAULT;
	}
	s[len - 1] = 0;
	*out = s;
	return 0;
}

long sys_fsopen(u64 uname, u64 flags)
{
	struct fs_config *c;
	char *name;
	if (!may_mount())
		return -EPERM;
	if ((u32)flags & ~(u32)FSOPEN_CLOEXEC)
		return -EINVAL;
	int err = copy_name(uname, PAGE_SIZE, &name);
	if (err)
		return err;
	const struct fs_type *t = filesystem_find(name);
	kfree(name);
	if (!t || !t->mount)
		return -ENODEV;
	err = config_create(t, TAKES_PARAMS, &c);
	return err ? err : config_fd(c, flags & FSOPEN_CLOEXEC);
}

long sys_fspick(u64 dirfd, u64 uname, u64 flags)
{
	struct fs_config *c = NULL;
	struct path p;
	if (!may_mount())
		return -EPERM;
	if ((u32)flags & ~(u32)(FSPICK_CLOEXEC | FSPICK_SYMLINK_NOFOLLOW | FSPICK_NO_AUTOMOUNT | FSPICK_EMPTY_PATH))
		return -EINVAL;
	u32 lookup = (flags & FSPICK_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) | (flags & FSPICK_EMPTY_PATH ? LOOKUP_EMPTY : 0);
	int err = path_lookup_user((int)dirfd, uname, lookup, &p);
	if (err)
		return err;
	err = path_is_mount_root(&p) ? config_create(p.mnt->sb->type, TAKES_CHANGES, &c) : -EINVAL;
	if (!err) {
		super_get(p.mnt->sb);
		c->sb = p.mnt->sb;
	}
	path_put(&p);
	return err ? err : config_fd(c, flags & FSPICK_CLOEXEC);
}

/* --- parameters ----------------------------------------------------------------------------------------------------------------------------- */

/* Words that every type knows. 1: it was one of them. */
static int take_common(struct fs_config *c, const char *key)
{
	static const char *const others[] = { "sync", "async", "dirsync", "lazytime", "nolazytime", "mand", "nomand" };
	bool ro = !strcmp(key, "ro");
	if (ro || !strcmp(key, "rw")) {
		c->sb_mask |= MS_RDONLY;
		c->sb_flags = ro ? MS_RDONLY : 0;
		return 1;
	}
	/* Nothing here is written later than it is called for, and times are kept in memory: these are as good as said. */
	for (u32 i = 0; i < ARRAY_SIZE(others); i++)
		if (!strcmp(key, others[i]))
			return 1;
	return 0;
}

static int add_data(struct fs_config *c, const char *key, const char *value)
{
	size_t need = c->len + 1 + strlen(key) + (value ? strlen(value) + 1 : 0);
	if (strchr(key, ',') || (value && strchr(value, ',')) || need > DATA_MAX)
		return -EINVAL;
	if (!c->data)
		c->data = kzalloc(PAGE_SIZE);
	if (!c->data)
		return -ENOMEM;
	c->len += (size_t)format_str(c->data + c->len, PAGE_SIZE - c->len, "%s%s%s%s", c->len ? "," : "", key, value ? "=" : "", value ? value : "");
	return 0;
}

/* value NULL: a flag. => c->lock */
static int take_param(struct fs_config *c, const char *key, char **value)
{
	if (c->phase == AWAITS_CHANGE)
		c->phase = TAKES_CHANGES;
	if (c->phase != TAKES_PARAMS && c->phase != TAKES_CHANGES)
		return -EBUSY;
	if (take_common(c, key))
		return 0;
	if (!strcmp(key, "source")) {
		if (!*value || c->source)
			return -EINVAL;
		c->source = *value;
		*value = NULL;
		return 0;
	}
	int err = c->type->check_option ? c->type->check_option(key, *value) : 0;
	return err ? err : add_data(c, key, *value);
}

static void forget_params(struct fs_config *c)
{
	kfree(c->data);
	c->data = NULL;
	c->len = 0;
	c->sb_mask = c->sb_flags = 0;
}

/* => c->lock */
static int make_super(struct fs_config *c, bool exclusive)
{
	if (c->phase != TAKES_PARAMS)
		return -EBUSY;
	if (!may_mount_type(c->type))
		return -EPERM;
	c->phase = FAILED;
	int err = c->type->mount(c->type, c->source, c->data, &c->sb);
	if (err)
		return err;
	bool fresh = atomic_read(&c->sb->refs) == 1;
	if (exclusive && !fresh) {
		super_put(c->sb);
		c->sb = NULL;
		return -EBUSY;
	}
	if (fresh)
		c->sb->flags |= c->sb_flags;
	c->phase = AWAITS_MOUNT;
	return 0;
}

/* => c->lock */
static int change_super(struct fs_config *c)
{
	if (c->phase == AWAITS_CHANGE)
		c->phase = TAKES_CHANGES;
	if (c->phase != TAKES_CHANGES)
		return -EBUSY;
	c->phase = FAILED;
	mounts_lock();
	int err = super_reconfigure(c->sb, c->sb_mask ? c->sb_flags : c->sb->flags & MS_RDONLY, c->data);
	mounts_unlock();
	if (err)
		return err;
	forget_params(c);
	c->phase = AWAITS_CHANGE;
	return 0;
}

/* The arguments that go with a command, before anything else is looked at. */
static int check_shape(u32 cmd, uaddr_t key, uaddr_t value, s32 aux)
{
	bool ok;
	switch (cmd) {
	case FSCONFIG_SET_FLAG: ok = key && !value && !aux; break;
	case FSCONFIG_SET_STRING: ok = key && value && !aux; break;
	case FSCONFIG_SET_BINARY: ok = key && value && aux > 0 && aux <= 1024 * 1024; break;
	case FSCONFIG_SET_PATH:
	case FSCONFIG_SET_PATH_EMPTY: ok = key && value && (aux == AT_FDCWD || aux >= 0); break;
	case FSCONFIG_SET_FD: ok = key && !value && aux >= 0; break;
	case FSCONFIG_CMD_CREATE:
	case FSCONFIG_CMD_CREATE_EXCL:
	case FSCONFIG_CMD_RECONFIGURE: ok = !key && !value && !aux; break;
	default: return -EOPNOTSUPP;
	}
	return ok ? 0 : -EINVAL;
}

static int set_param(struct fs_config *c, uaddr_t ukey, uaddr_t uvalue)
{
	char *key, *value = NULL;
	int err = copy_name(ukey, STRING_MAX, &key);
	if (err)
		return err;
	if (uvalue)
		err = copy_name(uvalue, STRING_MAX, &value);
	mutex_lock(&c->lock);
	if (!err)
		err = take_param(c, key, &value);
	mutex_unlock(&c->lock);
	kfree(key);
	kfree(value);
	return err;
}

static int do_config(struct fs_config *c, u32 cmd, uaddr_t ukey, uaddr_t uvalue)
{
	if (cmd == FSCONFIG_SET_FLAG || cmd == FSCONFIG_SET_STRING)
		return set_param(c, ukey, uvalue);
	/* No type takes these kinds of value. */
	if (cmd < FSCONFIG_CMD_CREATE)
		return c->type->check_option ? -EINVAL : -EOPNOTSUPP;
	mutex_lock(&c->lock);
	int err = cmd == FSCONFIG_CMD_RECONFIGURE ? change_super(c) : make_super(c, cmd == FSCONFIG_CMD_CREATE_EXCL);
	mutex_unlock(&c->lock);
	return err;
}

/* The configuration behind fd, with a reference to its file. 0, -EBADF, -EINVAL */
static int get_config(u64 fd, struct file **f)
{
	int err = fd_get((int)fd, f);
	if (err)
		return err;
	if ((*f)->ops == &config_fops)
		return 0;
	file_put(*f);
	return -EINVAL;
}

long sys_fsconfig(u64 fd, u64 cmd, u64 ukey, u64 uvalue, u64 aux)
{
	struct file *f;
	if ((s32)fd < 0)
		return -EINVAL;
	int err = check_shape((u32)cmd, ukey, uvalue, (s32)aux);
	if (!err)
		err = get_config(fd, &f);
	if (err)
		return err;
	err = do_config(f->private, (u32)cmd, ukey, uvalue);
	file_put(f);
	return err;
}

/* => c->lock. A mount of what was made. */
static int take_mount(struct fs_config *c, u32 flags, struct mount **out)
{
	u32 locked = 0;
	if (!c->sb)
		return -EINVAL;
	if (mount_too_revealing(c->sb, &flags, &locked))
		return -EPERM;
	if (c->phase != AWAITS_MOUNT)
		return -EBUSY;
	int err = mount_create_at_root(c->sb, c->source, flags, out);
	if (err)
		return err;
	(*out)->locked_flags = locked;
	forget_params(c);
	c->phase = AWAITS_CHANGE;
	return 0;
}

long sys_fsmount(u64 fd, u64 flags, u64 attr)
{
	struct file *f;
	struct mount *m;
	u32 ms;
	if (!may_mount())
		return -EPERM;
	if (((u32)flags & ~(u32)FSMOUNT_CLOEXEC) || mount_attr_to_flags((u32)attr, &ms))
		return -EINVAL;
	int err = get_config(fd, &f);
	if (err)
		return err;
	struct fs_config *c = f->private;
	mutex_lock(&c->lock);
	err = take_mount(c, ms, &m);
	mutex_unlock(&c->lock);
	file_put(f);
	return err ? err : mount_detached_fd(m, flags & FSMOUNT_CLOEXEC);
}
