/*
 * Mounting procfs: superblocks, their options, and whom hidepid= hides from whom. Each mount(2) makes an instance with options of its own, as on Linux
 * since 5.8. Entry points: procfs_init(), proc_may_see(), proc_shows().
 *
 *   hidepid=0 off         all see all
 *   hidepid=1 noaccess    other users' directories cannot be entered or listed: EPERM
 *   hidepid=2 invisible   nor do they show in the list or in stat(2): ENOENT
 *   hidepid=4 ptraceable  only those that one may look into are there at all
 *   gid=N                 whose members hidepid=1 and 2 do not concern
 *   subset=pid            only processes, self and thread-self
 */
#include <linux/magic.h>

#include "fs/procfs.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "proc/ns.h"

static const char *const hide_names[] = {
	[PROC_HIDE_OFF] = "off", [PROC_HIDE_ACCESS] = "noaccess", [PROC_HIDE_NAME] = "invisible", [PROC_HIDE_UNTRACEABLE] = "ptraceable"
};
static struct fs_type proc_type;

bool proc_may_see(const struct super *sb, struct task *t, enum proc_hide from)
{
	const struct proc_super *p = proc_super_of(sb);
	u32 hide = READ_ONCE(p->hidepid);
	if (likely(hide == PROC_HIDE_OFF))
		return true;
	if (hide != PROC_HIDE_UNTRACEABLE && (hide < from || cred_in_group(current_cred(), READ_ONCE(p->gid))))
		return true;
	return task_may_access(t, false);
}

bool proc_shows(const struct super *sb, const char *name)
{
	return likely(!READ_ONCE(proc_super_of(sb)->pids_only)) || !strcmp(name, "self") || !strcmp(name, "thread-self");
}

/* --- options ------------------------------------------------------------------------------------------------------------------------------- */

struct options {
	u32 gid;
	enum proc_hide hidepid;
	bool has_gid, has_hidepid, pids_only;
};

static int parse_hidepid(const char *value, struct options *o)
{
	u64 nr = ARRAY_SIZE(hide_names);
	value += *value == '+';
	if (str_to_u64(value, 0, &nr))
		for (nr = 0; nr < ARRAY_SIZE(hide_names); nr++)
			if (hide_names[nr] && !strcmp(hide_names[nr], value))
				break;
	if (nr >= ARRAY_SIZE(hide_names) || !hide_names[nr])
		return -EINVAL;
	o->hidepid = (enum proc_hide)nr;
	o->has_hidepid = true;
	return 0;
}

/* value NULL: there is none. 0 or -EINVAL */
static int parse_option(const char *key, const char *value, struct options *o)
{
	u64 gid;
	if (!value || !*value)
		return -EINVAL;
	if (!strcmp(key, "hidepid"))
		return parse_hidepid(value, o);
	if (!strcmp(key, "subset")) {
		o->pids_only = true;
		return strcmp(value, "pid") ? -EINVAL : 0;
	}
	if (strcmp(key, "gid") || str_to_u64(value + (*value == '+'), 0, &gid) || gid > ~0U)
		return -EINVAL;
	o->gid = (u32)gid;
	o->has_gid = true;
	return 0;
}

static int check_option(const char *key, const char *value)
{
	struct options o;
	return parse_option(key, value, &o);
}

static int parse_options(const char *data, struct options *o)
{
	char *copy = kstrdup(data ? data : ""), *next;
	int err = copy ? 0 : -ENOMEM;
	for (char *opt = copy; opt && !err; opt = next) {
		next = strchr(opt, ',');
		if (next)
			*next++ = 0;
		char *value = strchr(opt, '=');
		if (value)
			*value++ = 0;
		if (*opt)
			err = parse_option(opt, value, o);
	}
	kfree(copy);
	return err;
}

static void apply_options(struct proc_super *p, const struct options *o)
{
	if (o->has_gid)
		WRITE_ONCE(p->gid, make_gid(current_user_ns(), o->gid));
	if (o->has_hidepid)
		WRITE_ONCE(p->hidepid, o->hidepid);
	if (o->pids_only)
		WRITE_ONCE(p->pids_only, true);
}

static int remount(struct super *sb, const char *data)
{
	struct options o = { 0 };
	int err = parse_options(data, &o);
	if (!err)
		apply_options(proc_super_of(sb), &o);
	return err;
}

static int show_options(struct super *sb, char *buf, size_t size)
{
	const struct proc_super *p = proc_super_of(sb);
	int n = 0;
	buf[0] = 0;
	if (p->gid)
		n += format_str(buf, size, ",gid=%u", show_gid(&init_user_ns, p->gid));
	if (p->hidepid != PROC_HIDE_OFF && n < (int)size)
		n += format_str(buf + n, size - (size_t)n, ",hidepid=%s", hide_names[p->hidepid]);
	if (p->pids_only && n < (int)size)
		n += format_str(buf + n, size - (size_t)n, ",subset=pid");
	return n;
}

/* --- superblocks --------------------------------------------------------------------------------------------------------------------------- */

static void free_super(struct super *sb)
{
	struct proc_super *p = sb->private;
	if (p)
		ns_put(&p->ns->common);
	kfree(p);
}
static const struct super_ops super_ops = { .evict = proc_evict, .free = free_super, .show_options = show_options, .remount = remount };

/* Each mount has a superblock of its own, for the mounter's pid namespace. */
static int proc_mount(const struct fs_type *t, const char *source, const char *data, struct super **out)
{
	struct options o = { 0 };
	struct inode *root;
	struct super *sb;
	int r = parse_options(data, &o);
	if (!r)
		r = super_create(&proc_type, &super_ops, PROC_SUPER_MAGIC, &sb);
	if (r)
		return r;
	struct proc_super *p = kzalloc(sizeof(*p));
	if (!p) {
		super_put(sb);
		return -ENOMEM;
	}
	p->ns = current_pid_ns();
	ns_get(&p->ns->common);
	apply_options(p, &o);
	sb->private = p;
	sb->no_dcache = sb->fixed_names = true;
	sb->block_size = 1024;
	super_set_owner(sb, p->ns->common.owner);
	r = proc_inode(sb, &proc_root, NULL, -1, &root);
	if (!r)
		r = super_set_root(sb, root);
	if (r) {
		super_put(sb);
		return r;
	}
	*out = sb;
	return 0;
}
static struct user_namespace *proc_mount_owner(void) { return current_pid_ns()->common.owner; }
static struct fs_type proc_type = { .name = "proc", .nodev = true, .userns = true, .revealing = true, .mount = proc_mount, .check_option = check_option,
	.owner = proc_mount_owner };

void procfs_init(void)
{
	nsfs_init();
	register_filesystem(&proc_type);
}
