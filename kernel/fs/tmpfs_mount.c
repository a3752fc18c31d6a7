/* tmpfs: superblocks, limits, mount options. Entry points: fs_type "tmpfs", tmpfs_super(), hook_root_super(). */
#include <asm/statfs.h>
#include <linux/magic.h>

#include "fs/tmpfs_internal.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"

static struct mount *internal_mount; /* constant after boot */

/* --- the file system --------------------------------------------------------------------------------------------------------------------------------- */

static void tmpfs_kill(struct super *sb)
{
	struct tmpfs_super *s = sb->private;
	if (s && s->source)
		s->source->kill(sb);
	if (s && s->root)
		tmpfs_drop_tree(s->root);
}

/* The record goes after the root inode, whose eviction still counts in it. */
static void tmpfs_free(struct super *sb)
{
	struct tmpfs_super *s = sb->private;
	if (s && s->source)
		s->source->free(sb);
	kfree(s);
}

static int tmpfs_statfs(struct super *sb, struct statfs *out)
{
	struct tmpfs_super *s = sb->private;
	u64 used = (u64)atomic64_read(&s->pages), inodes = (u64)atomic64_read(&s->inodes);
	if (s->limits.max_pages) {
		out->f_blocks = (s64)s->limits.max_pages;
		out->f_bfree = out->f_bavail = used < s->limits.max_pages ? (s64)(s->limits.max_pages - used) : 0;
	}
	if (s->limits.max_inodes) {
		out->f_files = (s64)s->limits.max_inodes;
		out->f_ffree = inodes < s->limits.max_inodes ? (s64)(s->limits.max_inodes - inodes) : 0;
	}
	return 0;
}

static int tmpfs_show_options(struct super *sb, char *buf, size_t size)
{
	const struct tmpfs_super *s = sb->private;
	const struct tmpfs_limits *l = &s->limits;
	size_t n = 0;
	if (s->source)
		return format_str(buf, size, "%s", s->source->options);
	struct mem_info mem;
	mem_info(&mem);
	buf[0] = 0;
	if (l->max_pages && l->max_pages != mem.total / 2)
		n += (size_t)format_str(buf + n, size - n, ",size=%luk", l->max_pages * 4);
	if (l->max_inodes && l->max_inodes != mem.total / 2 && n < size)
		n += (size_t)format_str(buf + n, size - n, ",nr_inodes=%lu", l->max_inodes);
	if (l->mode != 01777 && n < size)
		n += (size_t)format_str(buf + n, size - n, ",mode=%03o", l->mode);
	if (l->uid && n < size)
		n += (size_t)format_str(buf + n, size - n, ",uid=%u", l->uid);
	if (l->gid && n < size)
		n += (size_t)format_str(buf + n, size - n, ",gid=%u", l->gid);
	return (int)n;
}

/* A number with a suffix k, m, g, t (or, for sizes, % of memory). */
static int parse_size(const char *s, u64 *out)
{
	char digits[32];
	size_t n = strlen(s);
	u32 shift = 0;
	bool percent = false;
	if (!n || n >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, s, n + 1);
	switch (digits[n - 1] | 0x20) {
	case 't':
		shift += 10; /* fall through */
	case 'g':
		shift += 10; /* fall through */
	case 'm':
		shift += 10; /* fall through */
	case 'k':
		shift += 10;
		digits[n - 1] = 0;
		break;
	default:
		percent = digits[n - 1] == '%';
		if (percent)
			digits[n - 1] = 0;
	}
	int err = str_to_u64(digits, 0, out);
	if (err || (shift && *out >> (63 - shift)))
		return -EINVAL;
	*out <<= shift;
	if (percent) {
		struct mem_info mem;
		mem_info(&mem);
		*out = mem.total * PAGE_SIZE / 100 * *out;
	}
	return 0;
}

static int parse_option(char *opt, struct tmpfs_limits *l)
{
	char *value = strchr(opt, '=');
	u64 v = 0;
	if (!value)
		return strcmp(opt, "noswap") && strcmp(opt, "inode64") && strcmp(opt, "inode32") ? -EINVAL : 0;
	*value++ = 0;
	bool octal = !strcmp(opt, "mode");
	int err = octal ? str_to_u64(value, 8, &v) : parse_size(value, &v);
	if (err)
		return err;
	if (!strcmp(opt, "size"))
		l->max_pages = (v + PAGE_SIZE - 1) / PAGE_SIZE;
	else if (!strcmp(opt, "nr_blocks"))
		l->max_pages = v;
	else if (!strcmp(opt, "nr_inodes"))
		l->max_inodes = v;
	else if (octal)
		l->mode = (u32)v & 07777;
	else if (!strcmp(opt, "uid"))
		l->uid = make_uid(current_user_ns(), (u32)v);
	else if (!strcmp(opt, "gid"))
		l->gid = make_gid(current_user_ns(), (u32)v);
	else
		return -EINVAL;
	/* Ids that the mounter cannot name. */
	return l->uid == NO_ID || l->gid == NO_ID ? -EINVAL : 0;
}

static int parse_options(const char *data, struct tmpfs_limits *l)
{
	if (!data || !*data)
		return 0;
	char *copy = kstrdup(data), *next;
	if (!copy)
		return -ENOMEM;
	int err = 0;
	for (char *opt = copy; opt && !err; opt = next) {
		next = strchr(opt, ',');
		if (next)
			*next++ = 0;
		if (*opt)
			err = parse_option(opt, l);
		if (err == -EINVAL)
			pr_warn("tmpfs: bad option '%s'", opt);
	}
	kfree(copy);
	return err;
}

static int tmpfs_remount(struct super *sb, const char *data)
{
	struct tmpfs_super *s = sb->private;
	struct tmpfs_limits l = s->limits;
	int err = parse_options(data, &l);
	if (err)
		return err;
	/* A limit cannot be set below what is in use, nor where there was none. */
	if ((l.max_pages && ((u64)atomic64_read(&s->pages) > l.max_pages || !s->limits.max_pages)) ||
	    (l.max_inodes && ((u64)atomic64_read(&s->inodes) > l.max_inodes || !s->limits.max_inodes)))
		return -EINVAL;
	s->limits.max_pages = l.max_pages;
	s->limits.max_inodes = l.max_inodes;
	return 0;
}

static const struct super_ops tmpfs_super_ops = {
	.evict = tmpfs_evict, .statfs = tmpfs_statfs, .kill = tmpfs_kill, .free = tmpfs_free, .show_options = tmpfs_show_options, .remount = tmpfs_remount,
};

int tmpfs_super(const struct fs_type *t, const struct tmpfs_limits *l, struct super **out)
{
	struct super *sb;
	int err = super_create(t, &tmpfs_super_ops, TMPFS_MAGIC, &sb);
	if (err)
		return err;
	struct tmpfs_super *s = kzalloc(sizeof(*s));
	if (!s) {
		super_put(sb);
		return -ENOMEM;
	}
	sb->private = s;
	sb->has_btime = sb->has_acls = sb->has_attr_flags = true;
	s->limits = *l;
	err = tmpfs_make_inode(sb, S_IFDIR | l->mode, 0, NULL, &s->root);
	if (!err) {
		s->root->uid = l->uid;
		s->root->gid = l->gid;
		err = super_set_root(sb, s->root);
		if (err)
			s->root = NULL;
	}
	if (err) {
		super_put(sb);
		return err;
	}
	*out = sb;
	return 0;
}

void tmpfs_grow_limit(struct super *sb, u64 pages)
{
	struct tmpfs_super *s = sb->private;
	if (s->limits.max_pages)
		s->limits.max_pages += pages / 2;
}

static void default_limits(struct tmpfs_limits *l, u32 mode)
{
	struct mem_info mem;
	mem_info(&mem);
	*l = (struct tmpfs_limits){ .max_pages = mem.total / 2, .max_inodes = mem.total / 2, .mode = mode };
}

static struct fs_type ramfs_type;

static int tmpfs_mount(const struct fs_type *t, const char *source, const char *data, struct super **out)
{
	struct tmpfs_limits l;
	(void)source;
	default_limits(&l, 01777);
	l.uid = current_cred()->fsuid;
	l.gid = current_cred()->fsgid;
	if (t == &ramfs_type)
		l.max_pages = l.max_inodes = 0;
	int err = parse_options(data, &l);
	return err ? err : tmpfs_super(t, &l, out);
}

static struct fs_type tmpfs_type = { .name = "tmpfs", .nodev = true, .userns = true, .mount = tmpfs_mount };
static struct fs_type ramfs_type = { .name = "ramfs", .nodev = true, .userns = true, .mount = tmpfs_mount };
static struct fs_type rootfs_type = { .name = "rootfs", .nodev = true };

struct mount *tmpfs_internal_mount(void) { return internal_mount; }

int hook_root_super(struct super **out)
{
	struct tmpfs_limits l;
	struct super *shm;
	tmpfs_caches_init();
	register_filesystem(&tmpfs_type);
	register_filesystem(&ramfs_type);
	/* memfds are limited by memory alone. */
	default_limits(&l, 01777);
	l.max_pages = l.max_inodes = 0;
	int err = tmpfs_super(&tmpfs_type, &l, &shm);
	if (!err)
		err = mount_internal(shm, &internal_mount);
	default_limits(&l, 0755);
	return err ? err : tmpfs_super(&rootfs_type, &l, out);
}
