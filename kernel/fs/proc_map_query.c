/*
 * ioctl PROCMAP_QUERY of /proc/PID/maps: one mapping as numbers, without the text of all. Entry point: proc_maps_ioctl(). The order of errors is Linux's.
 */
#include <linux/elf.h>
#include <linux/limits.h>
#include <stddef.h>

#include "fs/procfs.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "uapi/newer.h"

#define SIZE_MIN (offsetof(struct procmap_query, query_addr) + sizeof(u64))
#define PERMISSIONS (PROCMAP_QUERY_VMA_READABLE | PROCMAP_QUERY_VMA_WRITABLE | PROCMAP_QUERY_VMA_EXECUTABLE | PROCMAP_QUERY_VMA_SHARED)
#define BUILD_ID_MAX 20u
#define NOTES_MAX (64u << 10)

/* --- build ids ------------------------------------------------------------------------------------------------------------------------------ */

/* Of the notes in buf. The length of the id, or -EINVAL. */
static int find_id(const u8 *buf, size_t size, u8 *id)
{
	for (size_t at = 0; size - at >= sizeof(Elf64_Nhdr);) {
		Elf64_Nhdr n;
		memcpy(&n, buf + at, sizeof(n));
		u64 name = at + sizeof(n), desc = name + ALIGN_UP((u64)n.n_namesz, 4), next = desc + ALIGN_UP((u64)n.n_descsz, 4);
		if (desc + n.n_descsz > size)
			break;
		if (n.n_type == 3 /* NT_GNU_BUILD_ID */ && n.n_namesz == 4 && !memcmp(buf + name, "GNU", 4) && n.n_descsz && n.n_descsz <= BUILD_ID_MAX) {
			memcpy(id, buf + desc, n.n_descsz);
			return (int)n.n_descsz;
		}
		if (next > size)
			break;
		at = next;
	}
	return -EINVAL;
}

static int note_id(struct file *f, const Elf64_Phdr *ph, u8 *id)
{
	size_t n = min(ph->p_filesz, (u64)NOTES_MAX);
	u8 *notes = kmalloc(n);
	if (!notes)
		return -ENOMEM;
	ssize_t got = ph->p_offset >> 62 ? 0 : file_read_kernel(f, notes, n, ph->p_offset);
	int len = got > 0 ? find_id(notes, (size_t)got, id) : -EINVAL;
	kfree(notes);
	return len;
}

/* The id that the linker gave the ELF file f: its length, or an error when it has none. */
static int build_id(struct file *f, u8 *id)
{
	Elf64_Ehdr h;
	Elf64_Phdr ph;
	if (!f || file_read_kernel(f, &h, sizeof(h), 0) != sizeof(h) || memcmp(h.e_ident, ELFMAG, SELFMAG) || h.e_ident[EI_CLASS] != ELFCLASS64)
		return -EINVAL;
	if ((h.e_type != ET_EXEC && h.e_type != ET_DYN) || h.e_phnum > PAGE_SIZE / sizeof(ph) || h.e_phoff >> 62)
		return -EINVAL;
	for (u32 i = 0; i < h.e_phnum; i++) {
		if (file_read_kernel(f, &ph, sizeof(ph), h.e_phoff + i * sizeof(ph)) != sizeof(ph))
			return -EINVAL;
		int len = ph.p_type == PT_NOTE ? note_id(f, &ph, id) : -EINVAL;
		if (len > 0)
			return len;
	}
	return -EINVAL;
}

/* --- the query ------------------------------------------------------------------------------------------------------------------------------ */

static u64 permissions(const struct vma *v)
{
	return (v->flags & VM_READ ? PROCMAP_QUERY_VMA_READABLE : 0) | (v->flags & VM_WRITE ? PROCMAP_QUERY_VMA_WRITABLE : 0) |
		   (v->flags & VM_EXEC ? PROCMAP_QUERY_VMA_EXECUTABLE : 0) | (v->flags & VM_MAYSHARE ? PROCMAP_QUERY_VMA_SHARED : 0);
}

/* 0, then *out is to be given back with vma_refs_put; or -ENOENT */
static int find(struct mm *mm, const struct procmap_query *q, struct vma *out)
{
	u64 want = q->query_flags & PERMISSIONS;
	bool any_later = q->query_flags & PROCMAP_QUERY_COVERING_OR_NEXT_VMA;
	for (u64 at = q->query_addr; mm_next_vma(mm, at, out); at = out->end) {
		bool fits = (permissions(out) & want) == want && (!(q->query_flags & PROCMAP_QUERY_FILE_BACKED_VMA) || proc_vma_has_file(out));
		if (fits && (any_later || out->start <= at))
			return 0;
		vma_refs_put(out);
		if (!any_later)
			break;
	}
	return -ENOENT;
}

static void describe(struct procmap_query *q, const struct vma *v)
{
	q->vma_start = v->start;
	q->vma_end = v->end;
	q->vma_flags = permissions(v);
	q->vma_page_size = PAGE_SIZE;
	q->vma_offset = v->file || v->mapping ? v->pgoff << PAGE_SHIFT : 0;
	q->inode = v->file ? v->file->inode->ino : 0;
	q->dev_major = v->file ? MAJOR(v->file->inode->sb->dev) : 0;
	q->dev_minor = v->file ? MINOR(v->file->inode->sb->dev) : 0;
}

static int put_build_id(struct procmap_query *q, const struct vma *v)
{
	u8 id[BUILD_ID_MAX];
	if (!q->build_id_size)
		return 0;
	int len = build_id(v->file, id);
	if (len > 0 && q->build_id_size < (u32)len)
		return -ENAMETOOLONG;
	q->build_id_size = len > 0 ? (u32)len : 0;
	return q->build_id_size ? copy_to_user(q->build_id_addr, id, q->build_id_size) : 0;
}

static int put_name(struct procmap_query *q, struct mm *mm, const struct vma *v)
{
	if (!q->vma_name_size)
		return 0;
	char *page = kmalloc(PAGE_SIZE);
	if (!page)
		return -ENOMEM;
	const char *name = proc_vma_name(mm, v, page);
	size_t size = name ? strlen(name) + 1 : 0;
	int err = size > q->vma_name_size || (v->file && !name) ? -ENAMETOOLONG : 0;
	q->vma_name_size = (u32)size;
	if (!err && size)
		err = copy_to_user(q->vma_name_addr, name, size);
	kfree(page);
	return err;
}

static int get_query(uaddr_t arg, u64 *size, struct procmap_query *q)
{
	if (get_user(*size, arg))
		return -EFAULT;
	if (*size > PAGE_SIZE)
		return -E2BIG;
	if (*size < SIZE_MIN)
		return -EINVAL;
	return copy_struct_from_user(q, sizeof(*q), arg, *size);
}

long proc_maps_ioctl(const struct proc_node *n, u32 cmd, uaddr_t arg)
{
	struct procmap_query q;
	struct vma v;
	u64 size;
	if (cmd != PROCMAP_QUERY)
		return -ENOTTY;
	int err = get_query(arg, &size, &q);
	if (err)
		return err;
	if (q.query_flags & ~(u64)(PERMISSIONS | PROCMAP_QUERY_COVERING_OR_NEXT_VMA | PROCMAP_QUERY_FILE_BACKED_VMA))
		return -EINVAL;
	if (!q.vma_name_size != !q.vma_name_addr || !q.build_id_size != !q.build_id_addr)
		return -EINVAL;
	struct mm *mm = get_task_mm(n->task);
	if (!mm)
		return -ESRCH;
	err = find(mm, &q, &v);
	if (!err) {
		describe(&q, &v);
		err = put_build_id(&q, &v);
		if (!err)
			err = put_name(&q, mm, &v);
		vma_refs_put(&v);
	}
	mm_put_user(mm);
	return err ? err : copy_to_user(arg, &q, min(size, sizeof(q)));
}
