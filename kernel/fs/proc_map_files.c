/*
 * /proc/PID/map_files: a magic link for each mapping of a file, named by its addresses. Entry points: proc_map_files_lookup(), proc_map_files_list().
 *
 * Following a link opens a file that the process may have no descriptor of any more, past the permissions of the directories above it: that takes
 * CAP_CHECKPOINT_RESTORE (or CAP_SYS_ADMIN) over the whole machine. Reading where it leads takes what /proc/PID/maps does.
 */
#include "fs/procfs.h"

#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"

/* Of the directory's own list: the page number that a mapping begins at, behind the fixed positions. */
#define PAGE_BASE 256u

/* The mapping of exactly [start, end), if it has a file; to be given back with vma_refs_put. 0 or -ENOENT */
static int find_exact(struct task *t, u64 start, u64 end, struct vma *out)
{
	struct mm *mm = get_task_mm(t);
	if (!mm)
		return -ENOENT;
	bool found = mm_next_vma(mm, start, out);
	mm_put_user(mm);
	if (!found)
		return -ENOENT;
	if (out->start == start && out->end == end && proc_vma_has_file(out))
		return 0;
	vma_refs_put(out);
	return -ENOENT;
}

static int node_mapping(const struct proc_node *n, struct vma *out)
{
	int err = proc_may_read(n->task);
	return err ? err : find_exact(n->task, n->start, n->end, out);
}

static int link_text(const struct proc_node *n, char *buf, size_t size)
{
	struct vma v;
	int err = node_mapping(n, &v);
	if (err)
		return err;
	char *page = kmalloc(PAGE_SIZE);
	const char *s = !page ? NULL : v.file ? path_text(&v.file->path, page, PAGE_SIZE) : "/dev/zero (deleted)";
	int r = !page ? -ENOMEM : s ? (int)min(str_copy(buf, s, size), size - 1) : -ENAMETOOLONG;
	kfree(page);
	vma_refs_put(&v);
	return r;
}

/* Anonymous shared memory has no file here that could be opened. */
static int follow(const struct proc_node *n, struct path *out)
{
	struct vma v;
	if (!capable(CAP_CHECKPOINT_RESTORE) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	int err = node_mapping(n, &v);
	if (err)
		return err;
	if (v.file) {
		*out = v.file->path;
		path_get(out);
	} else {
		err = -ENXIO;
	}
	vma_refs_put(&v);
	return err;
}

/* A link's mode shows how the file was opened. */
#define ENTRY(m)                                                               \
	{                                                                          \
		.name = "", .mode = S_IFLNK | (m), .link = link_text, .follow = follow \
	}
static const struct proc_entry entry[4] = { ENTRY(0), ENTRY(0400), ENTRY(0200), ENTRY(0600) };

static const struct proc_entry *entry_of(const struct vma *v)
{
	return v->file ? &entry[(file_readable(v->file) ? 1 : 0) | (file_writable(v->file) ? 2 : 0)] : &entry[3];
}

/* A hexadecimal number without leading zeros up to the character `end`. NULL: it is none; else what follows `end`. */
static const char *parse_address(const char *s, char end, u64 *out)
{
	u32 digits = 0;
	*out = 0;
	if (s[0] == '0' && s[1] != end)
		return NULL;
	for (; *s && *s != end; s++, digits++) {
		char c = *s | 0x20;
		u32 d = *s >= '0' && *s <= '9' ? (u32)(*s - '0') : c >= 'a' && c <= 'f' ? (u32)(c - 'a') + 10 : 16;
		if (d == 16 || digits == 16)
			return NULL;
		*out = *out << 4 | d;
	}
	return digits && *s == end ? s + 1 : NULL;
}

int proc_map_files_lookup(struct inode *dir, const char *name, struct inode **out)
{
	struct task *t = proc_node(dir)->task;
	struct vma v;
	u64 start, end;
	int err = proc_may_read(t);
	if (err)
		return err;
	const char *second = parse_address(name, '-', &start);
	if (!second || !parse_address(second, 0, &end))
		return -ENOENT;
	err = find_exact(t, start, end, &v);
	if (err)
		return err;
	/* The number is not looked at again; like a descriptor's it makes inodes different and every lookup a new one. */
	err = proc_inode(dir->sb, entry_of(&v), t, (s32)(start >> PAGE_SHIFT & INT32_MAX), out);
	if (!err) {
		struct proc_node *n = (*out)->private;
		n->start = start;
		n->end = end;
		(*out)->size = 64;
	}
	vma_refs_put(&v);
	return err;
}

int proc_map_files_list(struct file *f, const struct proc_node *n, struct dir_context *c)
{
	struct mm *mm = get_task_mm(n->task);
	struct vma v;
	char name[40];
	if (!mm)
		return 0;
	if (c->pos < PAGE_BASE)
		c->pos = PAGE_BASE;
	bool room = true;
	while (room && mm_next_vma(mm, (c->pos - PAGE_BASE) << PAGE_SHIFT, &v)) {
		u64 at = v.start >> PAGE_SHIFT;
		bool shown = proc_vma_has_file(&v) && at >= c->pos - PAGE_BASE;
		if (shown) {
			format_str(name, sizeof(name), "%lx-%lx", v.start, v.end);
			c->pos = PAGE_BASE + at;
			room = proc_emit(c, name, proc_ino(entry_of(&v), n->task, (s32)(at & INT32_MAX)), S_IFLNK);
		}
		if (room)
			c->pos = PAGE_BASE + (v.end >> PAGE_SHIFT);
		vma_refs_put(&v);
	}
	mm_put_user(mm);
	return 0;
}
