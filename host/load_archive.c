/*
 * tar and cpio archives, compressed or not, through libarchive; only into memory. In layers of container images, names that begin with
 * ".wh." say what to remove.
 */
#include "load.h"

#include "complain.h"
#include "files.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOT_AN_IMAGE "not an image (folder, tar, cpio, OCI layout or docker save archive): "
#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"

/* libarchive's view of a struct source. */
struct reading {
	const struct source *src;
	uint64_t at;
	char buf[1 << 16];
};

static la_ssize_t read_more(struct archive *a, void *data, const void **block)
{
	struct reading *r = data;
	uint64_t left = r->src->len - r->at;
	size_t want = left < sizeof(r->buf) && !r->src->stream ? (size_t)left : sizeof(r->buf);
	ssize_t n;

	do
		n = r->src->stream ? read(r->src->fd, r->buf, want) : pread(r->src->fd, r->buf, want, (off_t)(r->src->off + r->at));
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		archive_set_error(a, errno, "%s", strerror(errno));
		return -1;
	}
	r->at += (uint64_t)n;
	*block = r->buf;
	return n;
}

static la_int64_t skip_some(struct archive *a, void *data, la_int64_t request)
{
	struct reading *r = data;
	uint64_t left = r->src->len - r->at;

	(void)a;
	if (r->src->stream || request <= 0)
		return 0;
	if ((uint64_t)request > left)
		request = (la_int64_t)left;
	r->at += (uint64_t)request;
	return request;
}

/* Only what needs no helper program, and only the two families an image comes in. */
static void choose_formats(struct archive *a)
{
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_lzma(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_filter_lz4(a);
	archive_read_support_filter_compress(a);
	archive_read_support_format_tar(a);
	archive_read_support_format_cpio(a);
}

static const char *reason(struct archive *a)
{
	const char *text = archive_error_string(a);

	return text && *text ? text : "damaged archive";
}

/* Reads a member's data into the spool. */
static int load_data(struct spool *s, struct archive *a, struct inode *inode, uint64_t declared, const char *what)
{
	const void *block;
	uint64_t end = 0;
	size_t len;
	la_int64_t off;
	int r;

	while ((r = archive_read_data_block(a, &block, &len, &off)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
		if (len && spool_write(s, (uint64_t)off, block, len, what) != 0)
			return -1;
		if ((uint64_t)off + len > end)
			end = (uint64_t)off + len;
	}
	if (r != ARCHIVE_EOF)
		return complain("%s: %s", what, reason(a));
	/* A sparse file may end with a hole; a hole larger than the machine is a lie. */
	if (declared > end) {
		if (spool_write(s, declared, "", 0, what) != 0)
			return -1;
		end = declared;
	}
	inode->data = s->end;
	inode->size = end;
	spool_advance(s, end);
	return 0;
}

/* Obeys a whiteout. Returns true if `path` was one. */
static bool whiteout(struct tree *t, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char victim[PATH_MAX];

	if (strncmp(name, WHITEOUT, strlen(WHITEOUT)) != 0)
		return false;
	if (strcmp(name, OPAQUE) == 0) {
		snprintf(victim, sizeof(victim), "%.*s", (int)(name - path), path);
		tree_opaque(t, victim);
	} else if (strncmp(name, WHITEOUT WHITEOUT, 2 * strlen(WHITEOUT)) != 0) {
		snprintf(victim, sizeof(victim), "%.*s%s", (int)(name - path), path, name + strlen(WHITEOUT));
		tree_whiteout(t, victim);
	}
	return true;
}

static void fill_meta(struct inode *meta, struct archive_entry *e)
{
	la_int64_t mtime = archive_entry_mtime(e);

	*meta = (struct inode){
		.mode = archive_entry_mode(e),
		.uid = (uint32_t)archive_entry_uid(e),
		.gid = (uint32_t)archive_entry_gid(e),
		.mtime = mtime < 0 ? 0 : mtime > UINT32_MAX ? UINT32_MAX : (uint32_t)mtime,
		.rdev_major = (uint32_t)archive_entry_rdevmajor(e),
		.rdev_minor = (uint32_t)archive_entry_rdevminor(e),
		.target = (char *)archive_entry_symlink(e),
	};
}

/* Takes one member into the tree. */
static int load_member(struct tree *t, struct spool *s, struct archive *a, struct archive_entry *e, const char *name)
{
	const char *path = archive_entry_pathname(e), *link = archive_entry_hardlink(e), *why;
	struct inode meta, *made = NULL;
	char what[1024];

	snprintf(what, sizeof(what), "%s: %s", name, *path ? path : "(a member without a name)");
	fill_meta(&meta, e);
	if (link) {
		why = tree_link(t, path, link, &made);
	} else {
		switch (meta.mode & S_IFMT) {
		case S_IFSOCK:
			return 0;
		case S_IFLNK:
			if (!meta.target)
				return complain("%s: symbolic link without a target", what);
			break;
		case S_IFREG:
		case S_IFDIR:
		case S_IFCHR:
		case S_IFBLK:
		case S_IFIFO:
			break;
		default:
			return complain("%s: not a kind of file that an image can hold", what);
		}
		why = tree_add(t, path, &meta, &made);
	}
	if (why)
		return complain("%s: %s", what, why);
	if (!S_ISREG(made->mode) || (link && !(archive_entry_size_is_set(e) && archive_entry_size(e) > 0)))
		return 0;
	return load_data(s, a, made, archive_entry_size_is_set(e) ? (uint64_t)archive_entry_size(e) : 0, what);
}

static int load_members(struct tree *t, struct spool *s, struct archive *a, const char *name, bool layer)
{
	struct archive_entry *e;
	int r;

	for (;;) {
		r = archive_read_next_header(a, &e);
		if (r == ARCHIVE_EOF)
			return 0;
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return complain("%s: %s%s", name, archive_format(a) ? "" : NOT_AN_IMAGE, reason(a));
		if (!archive_entry_pathname(e))
			return complain("%s: a member without a readable name", name);
		if (layer && whiteout(t, archive_entry_pathname(e)))
			continue;
		if (load_member(t, s, a, e, name) != 0)
			return -1;
	}
}

int load_archive(struct tree *t, struct spool *s, const struct source *src, bool layer)
{
	static struct reading reading;
	struct archive *a;
	int r;

	setlocale(LC_CTYPE, "C.UTF-8"); /* names in pax headers are UTF-8 */
	a = archive_read_new();
	if (!a)
		return complain("out of memory");
	reading.src = src;
	reading.at = 0;
	choose_formats(a);
	archive_read_set_read_callback(a, read_more);
	archive_read_set_skip_callback(a, skip_some);
	archive_read_set_callback_data(a, &reading);
	if (archive_read_open1(a) == ARCHIVE_OK)
		r = load_members(t, s, a, src->name, layer);
	else
		r = complain("%s: %s%s", src->name, NOT_AN_IMAGE, reason(a));
	archive_read_free(a);
	return r;
}
