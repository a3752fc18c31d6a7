/* The cpio writer; see cpio_writer.h. */
#define _GNU_SOURCE
#include "cpio_writer.h"

#include "complain.h"
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define HEADER 110u
#define MAX_NAME 4096u /* Linux skips an entry whose namesize is larger */

void cpio_begin(struct cpio_writer *w, int fd, const char *name)
{
	w->fd = fd;
	w->name = name;
	w->at = 0;
	w->next_number = 1;
	w->used = 0;
}

static int flush(struct cpio_writer *w)
{
	size_t used = w->used;

	w->used = 0;
	return write_all(w->fd, w->buf, used) == 0 ? 0 : complain("%s: %s", w->name, strerror(errno));
}

static int put(struct cpio_writer *w, const void *data, size_t len)
{
	const char *p = data;

	w->at += len;
	while (len > 0) {
		size_t part = sizeof(w->buf) - w->used < len ? sizeof(w->buf) - w->used : len;

		if (part == 0) {
			if (flush(w) != 0)
				return -1;
			continue;
		}
		memcpy(w->buf + w->used, p, part);
		w->used += part;
		p += part;
		len -= part;
	}
	return 0;
}

static int put_zeros(struct cpio_writer *w, size_t len)
{
	static const char zeros[CPIO_PAGE + 8];

	return put(w, zeros, len);
}

static size_t up4(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

/* The header and the name; `namesize` counts the NULs, at least one. */
static int put_header(struct cpio_writer *w, const char *path, const struct inode *m, uint32_t size, size_t namesize)
{
	char head[HEADER + 1];
	size_t len = strlen(path);

	snprintf(head, sizeof(head), "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", m->number, m->mode, m->uid, m->gid,
		 S_ISDIR(m->mode) ? 2 : m->links, m->mtime, size, 0, 0, m->rdev_major, m->rdev_minor, (uint32_t)namesize, 0);
	if (put(w, head, HEADER) != 0 || put(w, path, len) != 0)
		return -1;
	return put_zeros(w, up4(HEADER + namesize) - HEADER - len);
}

/* The namesize with which the data after this header starts on a page. */
static size_t aligned_namesize(uint64_t at)
{
	return CPIO_PAGE - (size_t)((at + HEADER) % CPIO_PAGE);
}

/*
 * If the name does not fit before the next page boundary, its padding would have to reach the one after, and namesize would pass the
 * limit. A second entry for the root folder, harmless, moves the header past the boundary instead.
 */
static int make_room(struct cpio_writer *w, const char *path)
{
	struct inode root = { .mode = S_IFDIR | 0755, .links = 1 };
	size_t room = aligned_namesize(w->at), len = strlen(path) + 1;
	size_t total = room > HEADER + 2 ? up4(room) : HEADER + 2;

	if (room >= len || len > CPIO_PAGE - 2 * HEADER)
		return 0;
	return put_header(w, ".", &root, 0, total - HEADER);
}

static int put_data(struct cpio_writer *w, const struct inode *m, uint64_t size, const void *data, int data_fd, const char *path)
{
	if (data)
		return put(w, data, size);
	if (flush(w) != 0)
		return -1;
	w->at += size;
	if (copy_range(data_fd, (off_t)m->data, w->fd, size) != 0)
		return complain("%s: %s: %s", w->name, path, strerror(errno));
	/* The spool's copy is no longer needed: an image must not lie in memory twice. */
	if (size >= 1u << 20 && m->links == 1)
		fallocate(data_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)m->data, (off_t)size);
	return 0;
}

int cpio_put(struct cpio_writer *w, const char *path, struct inode *m, const void *data, int data_fd)
{
	size_t namesize = strlen(path) + 1;
	uint64_t size = 0;

	if (S_ISLNK(m->mode)) {
		data = m->target;
		size = strlen(m->target);
	} else if (S_ISREG(m->mode) && m->number == 0) {
		size = m->size;
	}
	if (size > UINT32_MAX || namesize > MAX_NAME)
		return complain("%s: %s: too large for an image", w->name, path);
	if (m->number == 0)
		m->number = w->next_number++;
	if (size >= CPIO_ALIGN_FROM && S_ISREG(m->mode)) {
		if (make_room(w, path) != 0)
			return -1;
		if (aligned_namesize(w->at) >= namesize)
			namesize = aligned_namesize(w->at);
	}
	if (put_header(w, path, m, (uint32_t)size, namesize) != 0)
		return -1;
	if (size && put_data(w, m, size, data, data_fd, path) != 0)
		return -1;
	return put_zeros(w, up4(size & 3) - (size & 3));
}

static int put_below(struct cpio_writer *w, const struct node *dir, char path[PATH_MAX], size_t len, int data_fd)
{
	size_t i;

	for (i = 0; i < dir->children; i++) {
		const struct node *n = dir->child[i];
		size_t name = strlen(n->name), at = len ? len + 1 : 0;

		if (at + name + 1 > PATH_MAX)
			return complain("%s: %s/%s: the path is too long", w->name, path, n->name);
		if (len)
			path[len] = '/';
		memcpy(path + at, n->name, name + 1);
		if (cpio_put(w, path, n->inode, NULL, data_fd) != 0 || put_below(w, n, path, at + name, data_fd) != 0)
			return -1;
		path[len] = '\0';
	}
	return 0;
}

int cpio_put_tree(struct cpio_writer *w, const struct tree *t, int data_fd)
{
	char path[PATH_MAX] = "";

	if (cpio_put(w, ".", t->root->inode, NULL, data_fd) != 0)
		return -1;
	return put_below(w, t->root, path, 0, data_fd);
}

int cpio_end(struct cpio_writer *w)
{
	struct inode none = { .links = 1 };

	if (put_header(w, "TRAILER!!!", &none, 0, sizeof("TRAILER!!!")) != 0)
		return -1;
	return put_zeros(w, (512 - w->at % 512) % 512) != 0 ? -1 : flush(w);
}
