/* Mounts as text: /proc/mounts and /proc/PID/mountinfo. Entry points: mounts_for_each, mount_line, mountinfo_line. */
#include "lib/format.h"
#include "vfs/internal.h"

void mounts_for_each(struct mnt_namespace *ns, bool (*fn)(struct mount *m, void *arg), void *arg)
{
	struct mount *m;
	mounts_lock();
	list_for_each(m, &ns->mounts, list) {
		if (!fn(m, arg))
			break;
	}
	mounts_unlock();
}

/* Spaces and the like as \ooo. Returns the bytes put (without the NUL). */
static int put_escaped(char *buf, size_t size, const char *s)
{
	size_t n = 0;
	for (; *s && n + 5 < size; s++) {
		if (strchr(" \t\n\\#", *s))
			n += (size_t)format_str(buf + n, size - n, "\\%03o", (u8)*s);
		else
			buf[n++] = *s;
	}
	buf[n] = 0;
	return (int)n;
}

static int put_flags(const struct mount *m, char *buf, size_t size)
{
	static const struct { u32 flag; const char *name; } names[] = {
		{ MS_NOSUID, ",nosuid" }, { MS_NODEV, ",nodev" }, { MS_NOEXEC, ",noexec" }, { MS_NOATIME, ",noatime" },
		{ MS_NODIRATIME, ",nodiratime" }, { MS_RELATIME, ",relatime" }, { MS_NOSYMFOLLOW, ",nosymfollow" },
	};
	u32 flags = READ_ONCE(m->flags);
	size_t n = (size_t)format_str(buf, size, "%s", flags & MS_RDONLY ? "ro" : "rw");
	for (u32 i = 0; i < ARRAY_SIZE(names) && n < size; i++) {
		if (flags & names[i].flag)
			n += (size_t)format_str(buf + n, size - n, "%s", names[i].name);
	}
	return (int)n;
}

static int put_super_options(struct mount *m, char *buf, size_t size)
{
	if (!m->sb->ops || !m->sb->ops->show_options)
		return 0;
	return m->sb->ops->show_options(m->sb, buf, size);
}

/* Where m is mounted, NULL when it is out of root's reach. */
static char *mount_point_text(struct mount *m, const struct path *root, char *buf, size_t size)
{
	struct path p = { m, m->root };
	bool reached;
	char *s = path_text_from(&p, root, buf, size, &reached);
	return s && reached ? s : NULL;
}

/* => mount_lock. The group of the nearest master that root can see. */
static u32 dominating_group(struct mount *m, const struct path *root)
{
	for (struct mount *up = m->master; up; up = up->master) {
		struct mount *p = up;
		do {
			if (p->ns == m->ns && path_is_reachable(p, p->root, root))
				return p->group;
			p = mount_next_peer(p);
		} while (p != up);
	}
	return 0;
}

/* The optional fields of mountinfo. */
static int put_propagation(struct mount *m, const struct path *root, char *buf, size_t size)
{
	int n = 0;
	buf[0] = 0;
	if (m->shared)
		n += format_str(buf, size, " shared:%u", m->group);
	if (m->master) {
		u32 master = m->master->group, seen = dominating_group(m, root);
		n += format_str(buf + n, size - (size_t)n, " master:%u", master);
		if (seen && seen != master)
			n += format_str(buf + n, size - (size_t)n, " propagate_from:%u", seen);
	}
	if (m->unbindable)
		n += format_str(buf + n, size - (size_t)n, " unbindable");
	return n;
}

#define PUT(...) (n += n < (int)size ? format_str(buf + n, size - (size_t)n, __VA_ARGS__) : 0)
int mountstats_line(struct mount *m, const struct path *root, char *buf, size_t size)
{
	char *text = kmalloc(PATH_MAX);
	char *at = text ? mount_point_text(m, root, text, PATH_MAX) : NULL;
	int n = 0;
	if (at && size > 64) {
		n = format_str(buf, size, "device ");
		n += put_escaped(buf + n, size - (size_t)n, m->source);
		PUT(" mounted on ");
		n += put_escaped(buf + n, size - (size_t)n, at);
		PUT(" with fstype %s\n", m->sb->type->name);
	}
	kfree(text);
	return n;
}

#define PUT_FN(fn, arg) (n += n < (int)size ? fn(arg, buf + n, size - (size_t)n) : 0)

int mount_line(struct mount *m, const struct path *root, char *buf, size_t size)
{
	char *text = kmalloc(PATH_MAX);
	char *at = text ? mount_point_text(m, root, text, PATH_MAX) : NULL;
	int n = 0;
	if (at && size > 64) {
		n += put_escaped(buf, size, m->source);
		PUT(" ");
		n += put_escaped(buf + n, size - (size_t)n, at);
		PUT(" %s ", m->sb->type->name);
		/* A read-only superblock makes the mount read-only. */
		if (mount_flags(m) & MS_RDONLY & ~m->flags) {
			char flags[128];
			put_flags(m, flags, sizeof(flags));
			PUT("ro%s", flags + 2);
		} else {
			PUT_FN(put_flags, m);
		}
		PUT_FN(put_super_options, m);
		PUT(" 0 0\n");
	}
	kfree(text);
	return n;
}

int mountinfo_line(struct mount *m, const struct path *root, char *buf, size_t size)
{
	char *text = kmalloc(PATH_MAX);
	char *at = text ? mount_point_text(m, root, text, PATH_MAX) : NULL;
	int n = 0;
	if (at && size > 64) {
		PUT("%u %u %u:%u ", m->id, m->parent->id, MAJOR(m->sb->dev), MINOR(m->sb->dev));
		/* The part of the file system that is mounted: "/" but for bind mounts. */
		char *part = kmalloc(PATH_MAX);
		struct path in_sb = { NULL, m->root };
		char *r = part;
		if (part && m->sb->ops && m->sb->ops->show_root)
			m->sb->ops->show_root(m->root, part, PATH_MAX);
		else if (part)
			r = path_text(&in_sb, part, PATH_MAX);
		n += put_escaped(buf + n, size - (size_t)n, r ? r : "/");
		kfree(part);
		PUT(" ");
		n += put_escaped(buf + n, size - (size_t)n, at);
		PUT(" ");
		PUT_FN(put_flags, m);
		if (n < (int)size)
			n += put_propagation(m, root, buf + n, size - (size_t)n);
		PUT(" - %s ", m->sb->type->name);
		n += put_escaped(buf + n, size - (size_t)n, m->source);
		PUT(" %s", m->sb->flags & MS_RDONLY ? "ro" : "rw");
		PUT_FN(put_super_options, m);
		PUT("\n");
	}
	kfree(text);
	return n;
}
